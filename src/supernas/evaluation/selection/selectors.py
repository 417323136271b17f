"""Selectors: what chooses an architecture from a finished search's supernet.

`best-sampled`: the best of some uniformly drawn architectures by inherited accuracy (L. Li and A. Talwalkar, UAI 2019).
`evolution`: regularised evolution with inherited accuracy as fitness, the evolutionary choice of NSAS (M. Zhang et al.,
CVPR 2020, section 4.4). `top-k`: the best few by inherited accuracy are trained for a short time on the search's
training half, and judged on its validation half. `proxy`: of architectures drawn from what the search has learnt, the
best by a zero-cost proxy (BaLeNAS-TF; M. Zhang et al., CVPR 2022, section 3.3); the supernet is not asked.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from supernas import proxies
from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import read_json, versions
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.evaluation.cache import Cache
from supernas.evaluation.proxy_scores import digest_of
from supernas.evaluation.selection.by_distribution import Selected, learnt, select_from_distribution
from supernas.evaluation.selection.successive_halving import train_by_halving
from supernas.evaluation.supernet_accuracy import EvaluationSettings, OnProgress, one_by_one, supernet_accuracies
from supernas.networks.costs.budget import read_budget
from supernas.networks.costs.limited_space import limited
from supernas.runs.configuration import (
    SearchConfig,
    TrainConfig,
    assign,
    merge,
    resolve_train,
    space_document,
)
from supernas.runs.finished import check_halves, training_beside
from supernas.runs.training import Training
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import best_found, draw, regularised_evolution
from supernas.steps.contracts import SearchContext

__all__ = ["SELECTORS", "BestSampled", "ByProxy", "Evolution", "Question", "Selection", "Selector", "TopK"]

_STREAM = 2  # apart from the stream of numbers that a method of the same seed draws its paths from


@dataclass(frozen=True)
class Question:
    """A finished search, and how it is asked.

    Attributes:
        folder: the run folder.
        config: the search's configuration.
        evaluation: how its supernet is asked.
        seed: of what is drawn, and of trainings.
        device: where to compute.
        workers: processes that ask at once.
        on_progress: called with (evaluated, to be evaluated).
        on_training: called with each training before it runs.
    """

    folder: Path
    config: SearchConfig
    evaluation: EvaluationSettings
    seed: int
    device: torch.device
    workers: int = 1
    on_progress: OnProgress | None = None
    on_training: Callable[[Training], None] | None = None

    @property
    def generator(self) -> np.random.Generator:
        """A fresh generator of the seed."""
        return np.random.default_rng([self.seed, _STREAM])

    @property
    def space(self) -> Space:
        """The space, within the search's budget if it had one.

        Raises:
            UserError: if what the budget needs is gone.
        """
        config = self.config
        if not config.budget.limits:
            return config.space
        document = read_json(self.folder / "budget.json")
        if document is None:
            raise UserError(f"{self.folder} has no budget.json, which its limits need; run the search again")
        return limited(config.space, read_budget(config.space, config.budget, document))

    def usable(self, architecture: Architecture) -> bool:
        """Whether it may be chosen: it has a path from input to output, or the search allowed that it has none."""
        return self.config.search.disconnected == "allow" or self.config.space.connected(architecture)

    def drawn(self, count: int) -> tuple[list[Architecture], np.ndarray]:
        """So many different architectures, drawn uniformly, and their inherited accuracies [count]."""
        architectures = draw(self.space, count, self.generator)
        ask = partial(supernet_accuracies, workers=self.workers, device=self.device, on_progress=self.on_progress)
        return architectures, ask(self.folder, architectures, self.evaluation)

    def ranked(self, architectures: list[Architecture], accuracies: np.ndarray) -> list[int]:
        """Their places, the best first, of equals the first; what may not be chosen is last."""

        def rank(place: int) -> tuple[bool, float]:
            return not self.usable(architectures[place]), -float(accuracies[place])

        return sorted(range(len(architectures)), key=rank)


@dataclass(frozen=True)
class Selection:
    """An architecture, its score, what the score is, and what else the record should hold."""

    architecture: Architecture
    score: float
    score_is: str = "accuracy with inherited weights, %"
    details: Document = field(default_factory=dict)


class Selector(ABC):
    """What chooses: a settings class.

    Attributes:
        asks_many: whether it asks about many architectures at once, so that several processes help.
        asks_supernet: whether the supernet's accuracies decide.
    """

    asks_many: ClassVar[bool] = True
    asks_supernet: ClassVar[bool] = True

    @abstractmethod
    def choose(self, question: Question, runs: Path) -> Selection:
        """The choice. Trainings have their run folders below `runs`."""

    def training(self, question: Question) -> TrainConfig | None:
        """How it trains, with an architecture that stands for any; None if it does not."""
        return None


@settings
class BestSampled(Selector):
    """The best of uniformly drawn architectures by inherited accuracy, the first of equals."""

    candidates: int = setting(100, "architectures that are drawn", ge=1)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks about all of them."""
        architectures, accuracies = question.drawn(self.candidates)
        best, *_ = question.ranked(architectures, accuracies)
        return Selection(architectures[best], float(accuracies[best]))


@settings
class Evolution(Selector):
    """Regularised evolution by inherited accuracy; the best of all that it visited, the first of equals."""

    asks_many: ClassVar[bool] = False
    candidates: int = setting(200, "architectures that are visited, repeats included", ge=1)
    population: int = setting(10, "architectures that are alive", ge=1)
    sample: int = setting(10, "draws from the living, of which the best becomes the parent", ge=1)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks about one after another: each depends on those before."""
        strategy = regularised_evolution(question.space, question.generator, self.population, self.sample)
        report, asked = question.on_progress or (lambda done, of: None), 0
        with one_by_one(question.folder, question.evaluation, device=question.device) as accuracy:

            def fitness(architecture: Architecture) -> float:
                nonlocal asked
                value, asked = accuracy(architecture), asked + 1
                report(asked, self.candidates)
                return value if question.usable(architecture) else -math.inf

            return Selection(*best_found(strategy, fitness, self.candidates))


@settings
class TopK(Selector):
    """The best few of uniformly drawn architectures by inherited accuracy; then training, by successive halving."""

    candidates: int = setting(100, "architectures that are drawn", ge=2)
    top: int = setting(8, "K: so many of them, the best, are trained", ge=2)
    epochs: int = setting(2, "of the first trainings; they double while the architectures halve", ge=1)
    weights: Literal["fresh", "inherited"] = setting("fresh", "what trainings start from: nothing, or the supernet")
    set: tuple[str, ...] = setting((), "settings of the trainings, as section.name=value")

    def __post_init__(self) -> None:
        if self.top > self.candidates:
            raise ValueError(f"top is {self.top}, of {self.candidates} candidates; wanted at most as many")

    def training(self, question: Question) -> TrainConfig:
        """By the recipe of the search's preset, on its halves, at its supernet's size."""
        config = question.config
        stand_in = config.space.sample(np.random.default_rng(0))
        mine: Document = {
            "architecture": config.space.format(stand_in),
            "train": {"seed": question.seed, "device": question.device.type, "epochs": self.epochs},
        }
        document = merge(training_beside(config), mine)
        for assignment in self.set:
            assign(document, assignment)
        training = resolve_train(document)
        check_halves(config, training)
        if (training.architecture, training.train.epochs) != (stand_in, self.epochs):
            raise UserError(
                "set must not give the architecture, which is chosen, or train.epochs; the option epochs does"
            )
        return training

    def choose(self, question: Question, runs: Path) -> Selection:
        """Ranks all, and trains the best."""
        architectures, accuracies = question.drawn(self.candidates)
        order = question.ranked(architectures, accuracies)[: self.top]
        training = self.training(question)
        if self.weights == "inherited":
            training = replace(training, train=replace(training.train, inherit=str(question.folder.resolve())))
        halving = train_by_halving(training, [architectures[at] for at in order], runs, question.on_training)
        return Selection(
            halving.winner,
            halving.accuracy,
            f"accuracy on the validation half after {halving.epochs} epochs of training, %",
            {"inherited": [float(accuracies[at]) for at in order], "rounds": halving.rounds},
        )


@settings
class ByProxy(Selector):
    """The best by a zero-cost proxy of architectures drawn from the distribution with which the search ended."""

    asks_many: ClassVar[bool] = False
    asks_supernet: ClassVar[bool] = False
    draws: int = setting(100, "architectures that are drawn, repeats included; each is scored once", ge=1)
    proxy: str = setting("synflow", "what scores them; `supernas list proxies`")
    batch_size: int = setting(64, "training images that the proxy looks at", ge=2)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Draws, and scores untrained networks of the supernet's size."""
        config, proxy = question.config, proxies.get(self.proxy)()
        method, state = learnt(question.folder)
        context: SearchContext = state.context
        if config.space.data_kind != "images":
            kind = config.space.data_kind
            raise UserError(f"zero-cost proxies judge networks for images; those of {config.space.name} read {kind}")
        dataset = config.data.load().for_search(config.search.seed, config.search.split)
        batch = dataset.first("train", self.batch_size, question.device)
        cache = Cache(question.folder, f"scores-{self.proxy}", self._deciding(question, context, batch))
        report, scored = question.on_progress or (lambda done, of: None), 0
        generator = torch.Generator().manual_seed(int(question.generator.integers(2**62)))
        with cache.open() as keep:

            def score(architecture: Architecture) -> float:
                nonlocal scored
                text = config.space.format(architecture)
                if text not in cache.values:
                    value = proxies.score_architecture(
                        proxy,
                        config.space,
                        architecture,
                        context.network_settings,
                        batch,
                        context.task.loss,
                        question.seed,
                    )
                    keep(text, value if math.isfinite(value) else None)
                scored += 1
                report(scored, self.draws)
                known = cache.values[text]
                return proxy.worst if known is None or not question.usable(architecture) else known

            selected = select_from_distribution(method, state, self.draws, score, generator, proxy.direction)
        drawn = {config.space.format(architecture): times for architecture, times in selected.counts.items()}
        return self._choice(selected, drawn, cache)

    def _choice(self, selected: Selected, drawn: dict[str, int], cache: Cache) -> Selection:
        if not math.isfinite(selected.score):
            raise UserError(f"{self.proxy} is not defined for any of the {len(drawn)} architectures that were drawn")
        details = {"drawn": drawn, "scores": [cache.values[text] for text in drawn]}
        return Selection(selected.architecture, selected.score, f"{self.proxy} of the untrained network", details)

    def _deciding(self, question: Question, context: SearchContext, batch: Batch) -> Document:
        """All that decides an architecture's score."""
        return {
            "proxy": self.proxy,
            "space": space_document(question.config.space),
            "network": dict(context.network_settings),
            "batch": digest_of(batch),
            "seed": question.seed,
            "device": question.device.type,
            "versions": versions(),
        }


SELECTORS: dict[str, type[Selector]] = {
    "best-sampled": BestSampled,
    "evolution": Evolution,
    "proxy": ByProxy,
    "top-k": TopK,
}

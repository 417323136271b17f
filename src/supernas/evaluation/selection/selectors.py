"""Selectors: what chooses an architecture from a finished search's supernet.

`best-sampled`: the best of some drawn architectures by inherited accuracy (L. Li and A. Talwalkar, UAI 2019).
`evolution`: regularised evolution with inherited accuracy as fitness, the evolutionary choice of NSAS (M. Zhang et al.,
CVPR 2020, section 4.4). `top-k`: the best few by inherited accuracy are trained for a short time on the search's
training half, and judged on its validation half. `proxy`: of architectures drawn from what the search has learnt, the
best by a zero-cost proxy (BaLeNAS-TF; M. Zhang et al., CVPR 2022, section 3.3); the supernet is not asked. `ranks`: the
smallest sum of the ranks by inherited accuracy and by a proxy.

Where candidates are drawn uniformly, `source=visited` takes what the search visited instead, if it remembers that.
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.evaluation.selection.by_proxy import ByProxy, Ranks
from supernas.evaluation.selection.question import Question, Selection, Selector, Source
from supernas.evaluation.selection.successive_halving import train_by_halving
from supernas.evaluation.supernet_accuracy import one_by_one
from supernas.runs.configuration import TrainConfig, assign, merge, resolve_train
from supernas.runs.finished import check_halves, training_beside
from supernas.spaces.search_strategies import best_found, regularised_evolution

__all__ = ["SELECTORS", "BestSampled", "Evolution", "TopK"]


@settings
class BestSampled(Selector):
    """The best of some architectures by inherited accuracy, the first of equals."""

    candidates: int = setting(100, "architectures that are compared", ge=1)
    source: Source = setting("uniform", "uniform draws, or the latest that the search visited")

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks about all of them."""
        architectures = question.candidates(self.source, self.candidates)
        accuracies = question.accuracies(architectures)
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
    """The best few of some architectures by inherited accuracy; then training, by successive halving."""

    candidates: int = setting(100, "architectures that are compared", ge=2)
    source: Source = setting("uniform", "uniform draws, or the latest that the search visited")
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
        architectures = question.candidates(self.source, self.candidates)
        accuracies = question.accuracies(architectures)
        order = question.ranked(architectures, accuracies)[: self.top]
        training = self.training(question)
        if self.weights == "inherited":
            training = replace(training, train=replace(training.train, inherit=str(question.folder.resolve())))
        if len(order) < 2:
            raise UserError(f"the search visited {len(order)} architecture; wanted two or more to train and compare")
        halving = train_by_halving(training, [architectures[at] for at in order], runs, question.on_training)
        return Selection(
            halving.winner,
            halving.accuracy,
            f"accuracy on the validation half after {halving.epochs} epochs of training, %",
            {"inherited": [float(accuracies[at]) for at in order], "rounds": halving.rounds},
        )


SELECTORS: dict[str, type[Selector]] = {
    "best-sampled": BestSampled,
    "evolution": Evolution,
    "proxy": ByProxy,
    "ranks": Ranks,
    "top-k": TopK,
}

"""A finished search that is asked for another choice, where candidates come from, and what an answer is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.evaluation.selection.by_distribution import draw_from_distribution, learnt
from supernas.evaluation.supernet_accuracy import EvaluationSettings, OnProgress, supernet_accuracies
from supernas.networks.costs.budget import read_budget, read_costs
from supernas.networks.costs.limited_space import limited
from supernas.runs.configuration import SearchConfig, TrainConfig
from supernas.runs.training import Training
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import draw
from supernas.steps.contracts import Distribution, Visiting

__all__ = ["SOURCES", "Question", "Selection", "Selector", "Source"]

Source = Literal["uniform", "visited", "learnt"]
"""Where candidates come from: uniform draws of the space, what the search visited, the latest of it, or draws from the
distribution with which it ended.
"""
SOURCES = "uniform draws, the latest that the search visited, or draws from the distribution with which it ended"

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
        document = read_costs(self.folder / "budget.json", config.space)
        if document is None or not config.budget.limits.keys() <= document.keys():
            raise UserError(f"{self.folder} has no budget.json, which its limits need; run the search again")
        return limited(config.space, read_budget(config.space, config.budget, document))

    def candidates(self, source: Source, count: int) -> list[Architecture]:
        """So many different architectures, or as many as there are: of draws from what was learnt those that differ.

        Raises:
            UserError: if the method does not remember what it visited, or is no distribution.
        """
        if source == "uniform":
            return draw(self.space, count, self.generator)
        return self._visited()[-count:] if source == "visited" else list(dict.fromkeys(self.learnt(count)))

    def learnt(self, count: int) -> list[Architecture]:
        """So many draws from the distribution with which the search ended, repeats included.

        Raises:
            UserError: if the method is none.
        """
        method, state = learnt(self.folder)
        if not isinstance(method, Distribution):
            name, others = self.config.method_name, "visited or uniform" if isinstance(method, Visiting) else "uniform"
            raise UserError(
                f"{name} ends with one architecture, not with a distribution to draw from; take source {others}"
            )
        generator = torch.Generator().manual_seed(int(self.generator.integers(2**62)))
        return draw_from_distribution(method, state, count, generator)

    def accuracies(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """Their inherited accuracies, in percent [architectures]."""
        ask = partial(supernet_accuracies, workers=self.workers, device=self.device, on_progress=self.on_progress)
        return ask(self.folder, architectures, self.evaluation)

    def usable(self, architecture: Architecture) -> bool:
        """Whether it may be chosen: it has a path from input to output, or the search allowed that it has none."""
        return self.config.search.disconnected == "allow" or self.config.space.connected(architecture)

    def ranked(self, architectures: list[Architecture], merits: np.ndarray) -> list[int]:
        """Their places, that of the highest merit first, of equals the first; what may not be chosen is last."""

        def rank(place: int) -> tuple[bool, float]:
            return not self.usable(architectures[place]), -float(merits[place])

        return sorted(range(len(architectures)), key=rank)

    def _visited(self) -> list[Architecture]:
        method, state = learnt(self.folder)
        if not isinstance(method, Visiting):
            name = self.config.method_name
            raise UserError(f"{name} does not remember which architectures it visited; take source uniform")
        return list(method.visited(state))


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
    """

    asks_many: ClassVar[bool] = True

    @property
    def asks_supernet(self) -> bool:
        """Whether the supernet's accuracies decide."""
        return True

    @abstractmethod
    def choose(self, question: Question, runs: Path) -> Selection:
        """The choice. Trainings have their run folders below `runs`."""

    def training(self, question: Question) -> TrainConfig | None:
        """How it trains, with an architecture that stands for any; None if it does not."""
        return None

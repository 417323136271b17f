"""The contracts between a method, the objective that trains its supernet, the rule that may stop it, and the loop.

A method is a frozen settings class with few verbs; what changes lives in its state. The loop knows no method by name,
a method knows no objective by name, and neither knows the network of a space.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.core.progress import Progress
from supernas.core.state import State
from supernas.core.task import Task
from supernas.data import Batch
from supernas.networks.base import Network, Output, Weights
from supernas.spaces.base import Space
from supernas.steps.optimisers import SGDSettings

__all__ = [
    "Differentiable",
    "Distribution",
    "Finding",
    "Forward",
    "Look",
    "Method",
    "Metrics",
    "Objective",
    "Problem",
    "Quantity",
    "Stage",
    "Stopping",
    "Validate",
    "stage_starts",
]

Metrics = dict[str, Tensor]
"""Named scalars on the device; the loop averages them over an epoch."""

Forward = Callable[[Architecture], tuple[Tensor, Output]]
"""Runs one path on the present training batch: (loss with a graph, output)."""


class Validate(Protocol):
    """Asks the supernet: the task's metric of one architecture, with inherited weights, on validation images."""

    def __call__(self, architecture: Architecture, images: int | None = None, part: int = 0) -> float:
        """The metric on `images` validation images (the run's setting by default).

        `part` numbers the parts of that size that the validation images fall into; it goes round.
        """
        ...


class Objective(ABC):
    """The loss that trains the supernet's weights, over the current path and perhaps others.

    A subclass is a settings class; its state holds what it remembers of earlier steps.

    Attributes:
        needs_paths: if it means something only where each step trains one path, the reason.
        shares_stem: whether all paths of a step run on one pass of the stem, whose gradient comes after `backward`;
            False where the whole graph of a path is needed.
    """

    needs_paths: ClassVar[str] = ""
    shares_stem: ClassVar[bool] = True

    @abstractmethod
    def init(self, network: Network, space: Space, seed: int) -> State:
        """The state before the first step."""

    @abstractmethod
    def backward(self, state: Any, architecture: Architecture, forward: Forward) -> tuple[Metrics, Output]:
        """Adds the gradient of the whole loss to the weights.

        Returns:
            Metrics (with the whole loss as `loss`), and the current path's output.
        """


@dataclass(frozen=True)
class Problem:
    """What a search gives to a method.

    Attributes:
        network: the supernet.
        space: the search space.
        task: the loss and the metric.
        objective: how the supernet's weights are trained.
        weights: the optimiser of the weights.
        steps: training steps of the whole search.
        seed: of every generator that the method makes.
        terms: how many the loss over the whole validation part is a mean of: its images, or words; by default half of
            CIFAR-10's.
        size: arguments of `space.standalone` that make an architecture's network as large as the supernet.
        penalty: what a weights matrix adds to the loss of the architecture step for what it would cost.
        known: what a network must know to fit the data, as arguments of its class.
        another: makes one more supernet of the same form, with fresh weights from the global generators.
    """

    network: Network
    space: Space
    task: Task
    objective: Objective
    weights: SGDSettings
    steps: int
    seed: int
    terms: int = 25_000
    size: Mapping[str, Any] = field(default_factory=dict)
    penalty: Callable[[Weights], Tensor] | None = None
    known: Mapping[str, Any] = field(default_factory=dict)
    another: Callable[[], Network] | None = None


@dataclass(frozen=True)
class Stage:
    """A part of a search with one network.

    Attributes:
        share: the part of the epochs that it takes; the shares of a method's stages sum to 1.
        supernet: fields of the supernet's settings that differ in this stage.
    """

    share: float = 1.0
    supernet: Mapping[str, Any] = field(default_factory=dict)


class Method(ABC):
    """A way to search: a settings class with these verbs. Each is called with the state that `init` made.

    A state is a dataclass with at least `problem` and `trainer` (see `trainers.py`).

    Attributes:
        objective: the name of the objective that it uses unless told otherwise.
        trains_paths: whether its weight step trains single paths, so that any objective fits.
        trains_weights: whether its step trains the supernet's weights at all.
        needs_images: if it fits only networks for images, the reason.
        published: sections of a configuration that differ from preset `paper` in the method's own publication.
    """

    objective: ClassVar[str] = "plain"
    trains_paths: ClassVar[bool] = True
    trains_weights: ClassVar[bool] = True
    needs_images: ClassVar[str] = ""
    published: ClassVar[Mapping[str, Any]] = {}

    @abstractmethod
    def init(self, problem: Problem) -> State:
        """The state before the first step."""

    @abstractmethod
    def step(self, state: Any, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights on `train` and one of the architecture on `valid`, in the method's order."""

    def refuses(self, space: Space) -> str:
        """Why it cannot search a space; empty if it can."""
        return ""

    def epoch(self, state: Any, validate: Validate, progress: Progress) -> Metrics:
        """What happens between epochs; usually nothing."""
        return {}

    @abstractmethod
    def derive(self, state: Any, validate: Validate) -> Architecture:
        """The architecture that the search has found so far. Changes nothing."""

    def final(self, state: Any, validate: Validate) -> Architecture:
        """The architecture that the finished search returns; usually the derived one."""
        return self.derive(state, validate)

    def sampled(self, state: Any) -> Architecture | None:
        """The path that the weights were last trained along; None where mixtures train them."""
        last: Architecture | None = state.trainer.last
        return last

    def stages(self) -> tuple[Stage, ...]:
        """The stages of the search; one unless the network changes."""
        return (Stage(),)

    def keep(self, state: Any, stage: int) -> tuple[Pair, ...] | None:
        """The (choice, option) pairs that stage number `stage` keeps, decided at the end of the one before."""
        return None

    def carry_over(self, old: Any, new: Any) -> Any:
        """The next stage's state: the fresh one, given what the method has learnt; by default as it is."""
        return new


class Differentiable(Method):
    """A method whose architecture parameters are tensors, relaxed to a weights matrix that carries their gradient."""

    @abstractmethod
    def alpha(self, state: Any) -> dict[str, Tensor]:
        """The architecture parameters: leaf tensors by name."""

    @abstractmethod
    def relax(self, state: Any, alpha: Mapping[str, Tensor]) -> Weights:
        """The mean weights matrix of given parameters, of which the derived architecture has the largest entries."""


class Distribution(ABC):
    """What a method is as well that ends with a distribution over architectures."""

    @abstractmethod
    def draw_architecture(self, state: Any, generator: torch.Generator) -> Architecture:
        """An architecture drawn from it, as at the end of a search. Changes nothing but the generator."""


@dataclass(frozen=True)
class Finding:
    """What a stopping rule found after an epoch.

    Attributes:
        metrics: what it looked at, for the record.
        answer: the epoch whose derived architecture the search returns if it is to stop now; None to go on.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    answer: int | None = None


@dataclass(frozen=True)
class Look:
    """What a stopping rule, or a quantity that is watched, may look at after an epoch.

    Attributes:
        epoch: its number.
        architecture: the architecture derived at its end.
        method: the method.
        state: its state.
        problem: the problem.
        valid: gives the first so many validation images, as they are.
        watched: what was measured of the quantities that are watched, by `quantity.number`.
    """

    epoch: int
    architecture: Architecture
    method: Method
    state: Any
    problem: Problem
    valid: Callable[[int], Batch]
    watched: Mapping[str, float] = field(default_factory=dict)


class Quantity(ABC):
    """What can be watched through a search: a settings class. Measuring changes nothing of the search.

    Attributes:
        needs_alpha: if it can be measured with differentiable methods only, the reason.
    """

    needs_alpha: ClassVar[str] = ""

    @abstractmethod
    def names(self, space: Space) -> tuple[str, ...]:
        """What its numbers are called."""

    def refuses(self, space: Space) -> str:
        """What in its settings a space does not have; empty if nothing is."""
        return ""

    @abstractmethod
    def measure(self, look: Look) -> dict[str, float]:
        """Its numbers after a finished epoch, by name."""


class Stopping(ABC):
    """A rule that may end a search before its last epoch: a settings class; its state holds what it saw before.

    Attributes:
        needs_alpha: if it can judge differentiable methods only, the reason.
    """

    needs_alpha: ClassVar[str] = ""

    @property
    def watches(self) -> tuple[str, ...]:
        """The watched numbers that it judges, as `quantity.number`; usually none."""
        return ()

    def refuses(self, space: Space) -> str:
        """What in its settings a space does not have; empty if nothing is."""
        return ""

    @abstractmethod
    def init(self) -> State:
        """The state before the first epoch."""

    @abstractmethod
    def check(self, state: Any, look: Look) -> Finding:
        """Judges a finished epoch."""


def stage_starts(stages: tuple[Stage, ...], epochs: int) -> Iterator[int]:
    """The first epoch of each stage."""
    done = 0.0
    for stage in stages:
        yield round(done * epochs)
        done += stage.share

"""The contracts between a method, the objective that trains its supernet, and the loop that runs them.

A method is a frozen settings class with few verbs; what changes lives in its state. The loop knows no method by name,
a method knows no objective by name, and neither knows the network of a space.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from torch import Tensor

from supernas.architecture import Architecture, Pair
from supernas.data import Batch
from supernas.networks.base import Network, Output
from supernas.optimisers import SGDSettings, WeightsOptimiser
from supernas.progress import Progress
from supernas.spaces.base import Space
from supernas.task import Task
from supernas.trees import State

__all__ = ["Forward", "Method", "Metrics", "Objective", "PathTrainer", "Problem", "Stage", "Validate"]

Metrics = dict[str, Tensor]
"""Named scalars on the device; the loop averages them over an epoch."""

Forward = Callable[[Architecture], tuple[Tensor, Output]]
"""Runs one path on the present training batch: (loss with a graph, output)."""


class Validate(Protocol):
    """Asks the supernet: the task's metric of one architecture, with inherited weights, on validation images."""

    def __call__(self, architecture: Architecture, images: int | None = None) -> float:
        """The metric on the first `images` validation images (the run's setting by default)."""
        ...


class Objective(ABC):
    """The loss that trains the supernet's weights, over the current path and perhaps others.

    A subclass is a settings class; its state holds what it remembers of earlier steps.
    """

    @abstractmethod
    def init(self, space: Space, seed: int) -> State:
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
    """

    network: Network
    space: Space
    task: Task
    objective: Objective
    weights: SGDSettings
    steps: int
    seed: int


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

    Attributes:
        objective: the name of the objective that it uses unless told otherwise.
        trains_paths: whether its weight step trains single paths, so that any objective fits.
    """

    objective: ClassVar[str] = "plain"
    trains_paths: ClassVar[bool] = True

    @abstractmethod
    def init(self, problem: Problem) -> State:
        """The state before the first step."""

    @abstractmethod
    def step(self, state: Any, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights on `train` and one of the architecture on `valid`, in the method's order."""

    def epoch(self, state: Any, validate: Validate, progress: Progress) -> Metrics:
        """What happens between epochs; usually nothing."""
        return {}

    @abstractmethod
    def derive(self, state: Any, validate: Validate) -> Architecture:
        """The architecture that the search has found so far. Changes nothing."""

    def final(self, state: Any, validate: Validate) -> Architecture:
        """The architecture that the finished search returns; usually the derived one."""
        return self.derive(state, validate)

    def stages(self) -> tuple[Stage, ...]:
        """The stages of the search; one unless the network changes."""
        return (Stage(),)

    def keep(self, state: Any, stage: int) -> tuple[Pair, ...] | None:
        """The (choice, option) pairs that stage number `stage` keeps, decided at the end of the one before."""
        return None

    def carry_over(self, old: Any, new: Any) -> Any:
        """The next stage's state: the fresh one, given what the method has learnt; by default as it is."""
        return new


@dataclass
class PathTrainer(State):
    """The weight step of every method that trains single paths."""

    problem: Problem = field(metadata={"static": True})
    optimiser: WeightsOptimiser
    objective: State
    carry: tuple[Tensor, ...] | None = None  # the hidden state of a recurrent network, after the last batch

    @classmethod
    def make(cls, problem: Problem) -> "PathTrainer":
        """A trainer of the problem's network with the problem's objective."""
        optimiser = WeightsOptimiser(problem.network, problem.weights)
        return cls(problem, optimiser, problem.objective.init(problem.space, problem.seed))

    def step(self, batch: Batch, architecture: Architecture, progress: Progress) -> Metrics:
        """One step of the weights along the objective's gradient."""
        task, network = self.problem.task, self.problem.network

        def forward(path: Architecture) -> tuple[Tensor, Output]:
            output = network(batch.inputs, active=path.pairs, carry=self.carry)
            return task.loss(output.prediction, batch.targets), output

        self.optimiser.zero_grad()
        metrics, output = self.problem.objective.backward(self.objective, architecture, forward)
        self.optimiser.step(progress)
        self.carry = output.carry and tuple(part.detach() for part in output.carry)
        return {**metrics, "train_metric": task.metric(output.prediction.detach(), batch.targets)}


def stage_starts(stages: tuple[Stage, ...], epochs: int) -> Iterator[int]:
    """The first epoch of each stage."""
    done = 0.0
    for stage in stages:
        yield round(done * epochs)
        done += stage.share

"""The contracts between a method, the objective that trains its supernet, what regularises it, the rule that may stop
it, and the loop.

A method is a frozen settings class with few verbs; what changes lives in its state. The loop knows no method by name,
a method knows no objective by name, and neither knows the network of a space.
"""

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Values
from supernas.core.progress import Progress
from supernas.core.spelling import assigned
from supernas.core.state import UNSAVED, State
from supernas.core.task import Task
from supernas.data import Batch
from supernas.networks.base import Mixture, Network, NetworkSettings, Output, Weights
from supernas.spaces.base import Space
from supernas.steps.compiling import compiled
from supernas.steps.optimisers import SGDSettings
from supernas.steps.precision import Precision, computing

__all__ = [
    "ALL_IMAGES",
    "Chosen",
    "Diagnostic",
    "Differentiable",
    "Distribution",
    "EpochView",
    "Method",
    "MethodState",
    "Metrics",
    "Objective",
    "Part",
    "Paths",
    "Recipe",
    "Regulariser",
    "RunPath",
    "SearchContext",
    "Stage",
    "StepView",
    "StopDecision",
    "Stopping",
    "Validate",
    "Visiting",
    "needs_alpha",
    "needs_paths",
    "needs_plain",
    "needs_range",
    "needs_rows",
    "needs_single",
    "needs_uncompiled",
    "needs_whole",
    "stage_starts",
]

Metrics = dict[str, Tensor]
"""Named scalars on the device; the loop averages them over an epoch."""

RunPath = Callable[[Architecture], tuple[Tensor, Output]]
"""Runs one path on the present training batch: (loss with a graph, output)."""

Paths = Literal["whole", "split"]
"""How the paths of a step see its training batch: each all of it, or each a part of its own."""

ALL_IMAGES = sys.maxsize
"""Asks `Validate` for the whole validation part, which has fewer."""

StateT = TypeVar("StateT", bound=State)


class Validate(Protocol):
    """Asks the supernet: the task's metric of one architecture, with inherited weights, on validation images."""

    def __call__(self, architecture: Architecture, images: int | None = None, part: int = 0) -> float:
        """The metric on `images` validation images (the run's setting by default), or on all if there are fewer.

        `part` numbers the parts of that size that the validation images fall into; it goes round.
        """
        ...


# -- what goes together ------------------------------------------------------------------------------------------------


class Part:
    """A settings class that is chosen by name. The one verb for what does not go together is `refuses`."""

    def refuses(self, chosen: "Chosen") -> str:
        """Why it does not go with what else was chosen, as the end of a sentence that begins with its name; empty if it
        does. A remedy stands behind a semicolon; without one, the parts are named that would go.
        """
        return ""


@dataclass(frozen=True, kw_only=True)
class Chosen(ABC):
    """All that a search is made of, each part by its name and with its settings."""

    space: Space
    method_name: str
    method: "Method[Any]"
    objective_name: str
    objective: "Objective[Any]"
    stopping_name: str
    stopping: "Stopping[Any]"
    supernet: NetworkSettings
    watch: "Mapping[str, Diagnostic]" = field(default_factory=dict)
    regulariser_name: str = "none"
    regulariser: "Regulariser[Any] | None" = None

    @property
    @abstractmethod
    def paths(self) -> Paths:
        """How the paths of a step see its training batch."""

    @property
    def precision(self) -> Precision:
        """Of a step's matrix products."""
        return "float32"

    @property
    def compiled(self) -> bool:
        """Whether a step's passes through the network are compiled."""
        return False

    @property
    def synchronised(self) -> bool:
        """Whether several devices normalise by the statistics of the whole batch."""
        return False

    @property
    def limited(self) -> bool:
        """Whether what the found network may cost is limited."""
        return False

    def parts(self) -> "Iterator[tuple[str, str, Part]]":
        """(section, name, part) of each that can refuse."""
        yield "method", self.method_name, self.method
        yield "objective", self.objective_name, self.objective
        yield "stopping", self.stopping_name, self.stopping
        if self.regulariser is not None:
            yield "regulariser", self.regulariser_name, self.regulariser
        for name, diagnostic in self.watch.items():
            yield "watch", name, diagnostic


def needs_alpha(chosen: Chosen, why: str) -> str:
    """The refusal of a part that is about relaxed architecture parameters."""
    if isinstance(chosen.method, Differentiable):
        return ""
    return f"does not go with {chosen.method_name}, which has no relaxed architecture parameters: {why}"


def needs_paths(chosen: Chosen, why: str) -> str:
    """The refusal of a part that is about training along single paths."""
    if chosen.method.trains_paths:
        return ""
    return f"does not go with {chosen.method_name}, whose weight step trains no single paths: {why}"


def needs_single(chosen: Chosen, why: str) -> str:
    """The refusal of a part that compares what half as many bits do not tell apart."""
    if chosen.precision == "float32":
        return ""
    return (
        f"does not go with search.precision={chosen.precision}: {why}; give {assigned('search.precision', 'float32')}"
    )


def needs_range(chosen: Chosen, why: str) -> str:
    """The refusal of a part whose gradients vanish in float16, although the loss is scaled."""
    if chosen.precision != "float16":
        return ""
    return f"does not go with search.precision=float16: {why}; give {assigned('search.precision', 'bfloat16')}"


def needs_uncompiled(chosen: Chosen, why: str) -> str:
    """The refusal of a part whose passes are of another kind than those that are compiled."""
    if not chosen.compiled:
        return ""
    return f"does not go with search.compile=true: {why}; leave search.compile out"


def needs_plain(chosen: Chosen, why: str) -> str:
    """The refusal of a method of whose steps each is about one path, whatever was trained before."""
    if chosen.objective_name == "plain":
        return ""
    return f"does not go with the objective {chosen.objective_name}: {why}; leave the objective out"


def needs_whole(chosen: Chosen, why: str) -> str:
    """The refusal of a part of which no step has several paths to share a batch."""
    if chosen.paths == "whole":
        return ""
    shared = chosen.method.trains_paths and chosen.method.shares_weights
    several = ", or take objective nsas or complementation" if shared else ""
    return f"does not go with search.paths=split: {why}; leave search.paths out{several}"


def needs_rows(chosen: Chosen) -> str:
    """The refusal of a part that shares batches out by rows, where rows are not examples."""
    if chosen.paths == "whole" or chosen.space.data_kind != "text":
        return ""
    return (
        f"does not go with search.paths=split in the space {chosen.space.name}: a row of a batch of text is a moment "
        "of time, and a hidden state goes on along each column; leave search.paths out"
    )


def shares_no_text(chosen: Chosen, instead: str) -> str:
    """The refusal of draws that each look at a part of a batch, where that is a text."""
    if chosen.space.data_kind != "text":
        return ""
    return f"splits no batch of text over draws, since a hidden state is carried through all of it; {instead}"


# -- what trains the weights -------------------------------------------------------------------------------------------


class Objective(Part, ABC, Generic[StateT]):
    """The loss that trains the supernet's weights, over the current path and perhaps others.

    A subclass is a settings class; its state holds what it remembers of earlier steps. A loss that is a weighted sum of
    the losses of paths is an `objectives.base.PathSum`, whose paths may share a batch.

    Attributes:
        shares_stem: whether all paths of a step run on one pass of the stem, whose gradient comes after `backward`;
            False where the whole graph of a path is needed.
    """

    shares_stem: ClassVar[bool] = True

    def refuses(self, chosen: Chosen) -> str:
        """Batches that are shared out among paths."""
        return needs_whole(chosen, "its loss is that of one path")

    def most_paths(self, space: Space) -> int:
        """How many paths a step trains at most; usually one."""
        return 1

    @abstractmethod
    def init(self, network: Network, space: Space, seed: int) -> StateT:
        """The state before the first step."""

    @abstractmethod
    def backward(self, state: StateT, architecture: Architecture, run: RunPath) -> tuple[Metrics, Output]:
        """Adds the gradient of the whole loss to the weights.

        Returns:
            Metrics (with the whole loss as `loss`), and the current path's output.
        """


# -- what regularises it -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StepView:
    """What a regulariser may look at in a step of a method that alternates between weights and alpha.

    Attributes:
        context: what the search is about.
        progress: where it is.
        alpha: the architecture parameters: leaf tensors by name.
        option_mask: the options that the network holds, kind -> bool[choices, options].
        weights: the weights that are trained, in the order of their gradients.
        train_loss: the loss of a mixture on the step's training batch at the present weights, with a graph; leaves no
            trace.
        valid_loss: the same on the step's validation batch.
    """

    context: "SearchContext"
    progress: Progress
    alpha: Mapping[str, Tensor]
    option_mask: Mapping[str, Tensor]
    weights: Sequence[Tensor]
    train_loss: Callable[[Mixture], Tensor]
    valid_loss: Callable[[Mixture], Tensor]


class Regulariser(Part, ABC, Generic[StateT]):
    """What changes the gradients of a method that alternates between weights and alpha: a settings class.

    Both verbs are optional: gradients are usually left as they are.
    """

    def refuses(self, chosen: Chosen) -> str:
        """Methods that do not alternate."""
        if chosen.method.alternates:
            return ""
        return f"does not go with {chosen.method_name}, which does not alternate between steps of weights and alpha"

    @abstractmethod
    def init(self, context: "SearchContext") -> StateT:
        """The state before the first step."""

    def of_alpha(self, state: StateT, view: StepView, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """The gradient that alpha moves along, given that of the validation loss, in the order of `view.alpha`."""
        return gradients

    def of_weights(
        self, state: StateT, view: StepView, mixture: Mixture, gradients: Sequence[Tensor | None]
    ) -> Sequence[Tensor | None]:
        """The gradient that the weights move along, given that of the training loss.

        Args:
            state: of this part.
            view: of the step.
            mixture: what the weights are trained on in this step.
            gradients: in the order of `view.weights`; None where nothing ran, and for what is to stay as it is.
        """
        return gradients

    def says(self, state: StateT) -> Metrics:
        """What it has to say of a step, for the record; usually nothing."""
        return {}


# -- what a search is --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """How published code of a space alternates, whatever the method.

    Attributes:
        alpha_first: whether the architecture parameters move before the weights.
        clips_look_ahead: whether a step of the weights that is looked through is clipped as the real one.
    """

    alpha_first: bool = True
    clips_look_ahead: bool = False


@dataclass(frozen=True)
class SearchContext:
    """What a search gives to a method.

    Attributes:
        network: the supernet.
        space: the search space.
        task: the loss and the metric.
        objective: how the supernet's weights are trained.
        weights: the optimiser of the weights.
        steps: training steps of the whole search.
        seed: of every generator that the method makes.
        recipe: how the steps alternate in this space.
        paths: how the paths of a step see its training batch.
        likelihood_count: how many the loss over the whole validation part is a mean of: its images, or words; by
            default half of CIFAR-10's.
        network_settings: arguments of `space.standalone` that make an architecture's network as large as the supernet.
        penalty: what a weights matrix adds to the loss of the architecture step for what it would cost.
        data_shape: what a network must know to fit the data, as arguments of its class.
        precision: of a step's matrix products.
        compile: whether a step's passes through the network are compiled.
        make_supernet: makes one more supernet of the same form, with fresh weights from the global generators.
        regulariser: what changes the gradients of a method that alternates; nothing does without.
        epochs: passes over the training half in the whole search.
        usable: whether an architecture may be the answer: with a path from input to output, unless the search allows
            that there is none.
    """

    network: Network
    space: Space
    task: Task
    objective: Objective[Any]
    weights: SGDSettings
    steps: int
    seed: int
    recipe: Recipe = field(default_factory=Recipe)
    paths: Paths = "whole"
    likelihood_count: int = 25_000
    network_settings: Values = field(default_factory=dict)
    penalty: Callable[[Weights], Tensor] | None = None
    data_shape: Values = field(default_factory=dict)
    precision: Precision = "float32"
    compile: bool = False
    make_supernet: Callable[[], Network] | None = None
    regulariser: Regulariser[Any] | None = None
    epochs: int = 1
    usable: Callable[[Architecture], bool] = lambda architecture: True

    @property
    def device(self) -> torch.device:
        """Where the network lies."""
        return next(self.network.parameters()).device

    @cached_property
    def forward(self) -> Callable[..., Output]:
        """The network as a step of a mixture runs it: called with the same, and compiled where that was chosen."""
        return compiled(self.network.forward, "search.compile") if self.compile else self.network

    def computing(self) -> AbstractContextManager[Any]:
        """Where a step's networks run forward, and their losses are computed: in the precision that was chosen."""
        return computing(self.device, self.precision)


@dataclass(frozen=True)
class Stage:
    """A part of a search with one network.

    Attributes:
        share: the part of the epochs that it takes; the shares of a method's stages sum to 1.
        supernet: fields of the supernet's settings that differ in this stage.
        alpha_warmup: the part of the stage before architecture parameters move, as published.
    """

    share: float = 1.0
    supernet: Values = field(default_factory=dict)
    alpha_warmup: float = 0.0


@dataclass(kw_only=True)
class MethodState(State, ABC):
    """What every method's state has: what the search is about."""

    context: SearchContext = field(metadata=UNSAVED)

    @property
    @abstractmethod
    def last_path(self) -> Architecture | None:
        """The path that the weights were last trained along; None where no single paths train them."""


MethodStateT = TypeVar("MethodStateT", bound=MethodState)


class Method(Part, ABC, Generic[MethodStateT]):
    """A way to search: a settings class with these verbs. Each is called with the state that `init` made.

    The verbs with a body are optional: what they do is what usually happens.

    Attributes:
        objective: the name of the objective that it uses unless told otherwise.
        regulariser: the same of the regulariser.
        alternates: whether it alternates between steps of weights and alpha, so that a regulariser fits.
        trains_paths: whether its weight step trains single paths, so that any objective fits.
        trains_weights: whether its step trains the supernet's weights at all.
        weighs_options: whether it runs options with weights of their own somewhere, and not only single paths.
        shares_weights: whether these weights say something of every architecture, and not of the answer alone.
        needs_float64: whether its step computes in double precision on the network's device.
        published: sections of a configuration that differ from preset `paper` in the method's own publication.
    """

    objective: ClassVar[str] = "plain"
    regulariser: ClassVar[str] = "none"
    alternates: ClassVar[bool] = False
    trains_paths: ClassVar[bool] = True
    trains_weights: ClassVar[bool] = True
    weighs_options: ClassVar[bool] = False
    shares_weights: ClassVar[bool] = True
    needs_float64: ClassVar[bool] = False
    published: ClassVar[Values] = {}

    @property
    def trains_path_sets(self) -> bool:
        """Whether a step trains a set of current paths by one loss; usually one is current."""
        return False

    @property
    def least_epochs(self) -> int:
        """The fewest epochs in which it can do what it does; usually one for each of its stages."""
        return len(self.stages())

    @abstractmethod
    def init(self, context: SearchContext) -> MethodStateT:
        """The state before the first step."""

    @abstractmethod
    def step(self, state: MethodStateT, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights on `train` and one of the architecture on `valid`, in the method's order."""

    @abstractmethod
    def derive(self, state: MethodStateT, validate: Validate) -> Architecture:
        """The architecture that the search has found so far. Changes nothing."""

    def epoch(self, state: MethodStateT, validate: Validate, progress: Progress) -> Metrics:
        """What happens between epochs; usually nothing."""
        return {}

    def final(self, state: MethodStateT, validate: Validate) -> Architecture:
        """The architecture that the finished search returns; usually the derived one."""
        return self.derive(state, validate)

    def ended(self, state: MethodStateT) -> bool:
        """Whether nothing is left to do after an epoch, though it was not the last; usually there is."""
        return False

    def record(self, state: MethodStateT) -> Values:
        """What `result.json` says of the finished search besides; usually nothing."""
        return {}

    def stages(self) -> tuple[Stage, ...]:
        """The stages of the search; one unless the network changes."""
        return (Stage(),)

    def keep(self, state: MethodStateT, stage: int) -> tuple[Pair, ...] | None:
        """The (choice, option) pairs that stage number `stage` keeps, decided at the end of the one before."""
        return None

    def carry_over(self, old: MethodStateT, new: MethodStateT) -> MethodStateT:
        """The next stage's state: the fresh one, given what the method has learnt; by default as it is."""
        return new


class Differentiable(ABC):
    """What a method is as well whose architecture parameters are tensors, relaxed to a weights matrix that carries
    their gradient.
    """

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


class Visiting(ABC):
    """What a method is as well that remembers where it was."""

    @abstractmethod
    def visited(self, state: Any) -> list[Architecture]:
        """The last distinct architectures that it visited, the latest last."""


# -- what looks at finished epochs -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EpochView:
    """What a stopping rule or a diagnostic may look at after an epoch.

    Attributes:
        epoch: its number.
        architecture: the architecture derived at its end.
        method: the method.
        state: its state.
        context: what the search is about.
        valid: gives the first so many validation images, as they are.
        watched: what was measured by the diagnostics, as `diagnostic.number`.
    """

    epoch: int
    architecture: Architecture
    method: Method[Any]
    state: Any
    context: SearchContext
    valid: Callable[[int], Batch]
    watched: Mapping[str, float] = field(default_factory=dict)


class Diagnostic(Part, ABC):
    """What can be watched through a search: a settings class. Measuring changes nothing of the search."""

    @abstractmethod
    def names(self, space: Space) -> tuple[str, ...]:
        """What its numbers are called."""

    @abstractmethod
    def measure(self, view: EpochView) -> dict[str, float]:
        """Its numbers after a finished epoch, by name."""


@dataclass(frozen=True)
class StopDecision:
    """What a stopping rule found after an epoch.

    Attributes:
        metrics: what it looked at, for the record.
        answer: the epoch whose derived architecture the search returns if it is to stop now; None to go on.
    """

    metrics: dict[str, float] = field(default_factory=dict)
    answer: int | None = None


class Stopping(Part, ABC, Generic[StateT]):
    """A rule that may end a search before its last epoch: a settings class; its state holds what it saw before."""

    @abstractmethod
    def init(self) -> StateT:
        """The state before the first epoch."""

    @abstractmethod
    def check(self, state: StateT, view: EpochView) -> StopDecision:
        """Judges a finished epoch."""


def stage_starts(stages: tuple[Stage, ...], epochs: int) -> Iterator[int]:
    """The first epoch of each stage."""
    done = 0.0
    for stage in stages:
        yield round(done * epochs)
        done += stage.share

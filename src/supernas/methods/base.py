"""What methods share whose architecture parameters are logits (or the like) at each choice.

Such a method is a sentence: how its weights are trained, how alpha becomes a weights matrix, which loss moves alpha;
and, where it is not Adam, what moves it.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.core.progress import END, Progress
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED, State
from supernas.data import Batch
from supernas.networks.base import Unselected, Weights
from supernas.steps.contracts import Differentiable, Distribution, Metrics, Problem, Validate
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import derived, held_options, softmax
from supernas.steps.weights import MixtureTrainer, PathTrainer

__all__ = [
    "AlphaMethod",
    "AlphaState",
    "Alternating",
    "Change",
    "DrawnMixture",
    "Mixture",
    "best_of",
    "unchanged",
]


Change = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""What is done to a gradient in the architecture parameters, in their order."""


def unchanged(gradients: Sequence[Tensor]) -> Sequence[Tensor]:
    """Gradients as they are."""
    return gradients


class Mixture(NamedTuple):
    """What a forward pass runs: the arguments of `Network.after_stem`, `W` with gradient to alpha."""

    W: Weights
    active: tuple[Pair, ...] | None = None
    unselected: Unselected = "skip"


@dataclass(kw_only=True)
class AlphaState(State):
    """What changes during the search.

    Attributes:
        problem: the problem.
        held: which options the network holds, kind -> bool[choices, options].
        trainer: the step of the weights, a PathTrainer or a MixtureTrainer.
        alpha: the architecture parameters, kind -> Float[choices, options] (a method may add others).
        adam: what moves them: torch's Adam, or what a method has in its place.
        generator: of all that is drawn.
    """

    problem: Problem = field(metadata=UNSAVED)
    held: dict[str, Tensor] = field(metadata=UNSAVED)
    trainer: Any
    alpha: dict[str, Tensor]
    adam: Any
    generator: torch.Generator


@settings
class Alternating(Differentiable):
    """Alternates between a step of the weights on the training batch and one of alpha on the validation batch.

    Unless a method says otherwise, both are taken on the mixture of all options at alpha.
    """

    trains_paths: ClassVar[bool] = False

    start: float = setting(1e-3, "deviation of the normal distribution that alpha starts from", gt=0)
    waits: float = setting(0.0, "part of the search, or of each of its stages, before alpha moves", ge=0, lt=1)

    # -- what a method says of itself ---------------------------------------------------------------------------------

    @abstractmethod
    def mover(self, alpha: Sequence[Tensor], problem: Problem) -> Any:
        """What moves alpha (leaf tensors): part of the state."""

    @abstractmethod
    def move(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """One step of alpha, along gradients of the validation loss that are changed before."""

    def train(self, state: AlphaState, batch: Batch, progress: Progress) -> Metrics:
        """One step of the weights; by default on the mixture at alpha."""
        return state.trainer.step(batch, self.relax(state, state.alpha), progress)

    def judged(self, state: AlphaState, progress: Progress, generator: torch.Generator) -> Mixture:
        """What runs where alpha is judged; by default the mixture at alpha."""
        return Mixture(self.relax(state, state.alpha))

    def parameters(self, problem: Problem, generator: torch.Generator) -> dict[str, Tensor]:
        """The architecture parameters at the start: logits ~ N(0, start^2) for every kind of cell."""
        shapes = problem.space.shapes.items()
        return {kind: torch.randn(shape, generator=generator) * self.start for kind, shape in shapes}

    @property
    def judges_what_it_trains(self) -> bool:
        """Whether weights and alpha see one mixture, that at alpha: no method has its own way with either."""
        mine = type(self)
        return mine.train is Alternating.train and mine.judged is Alternating.judged and not mine.trains_paths

    # -- verbs --------------------------------------------------------------------------------------------------------

    def init(self, problem: Problem) -> AlphaState:
        """Alpha near 0 and a fresh optimiser."""
        generator = torch.Generator().manual_seed(problem.seed)
        device = next(problem.network.parameters()).device
        drawn = self.parameters(problem, generator)
        alpha = {name: one.to(device).requires_grad_() for name, one in drawn.items()}
        return AlphaState(
            problem=problem,
            held=held_options(problem.space, problem.network.pairs, device),
            trainer=PathTrainer.make(problem) if self.trains_paths else MixtureTrainer.make(problem),
            alpha=alpha,
            adam=self.mover(list(alpha.values()), problem),
            generator=generator,
        )

    def step(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """Weights and alpha, in the order published for the space; `change` is that of `move`."""
        if self.alpha_first(state):
            moved = self._move(state, train, valid, progress, change)
            return {**self.train(state, train, progress), **moved}
        trained = self.train(state, train, progress)
        return {**trained, **self._move(state, train, valid, progress, change)}

    def alpha_first(self, state: AlphaState) -> bool:
        """Whether alpha moves before the weights."""
        return state.problem.space.alpha_first

    def derive(self, state: AlphaState, validate: Validate) -> Architecture:
        """The architecture of the largest entries of the relaxation's mean."""
        with torch.no_grad():
            return derived(self.relax(state, state.alpha), state.problem.space)

    def alpha(self, state: AlphaState) -> dict[str, Tensor]:
        """The architecture parameters."""
        return state.alpha

    def relax(self, state: AlphaState, alpha: Mapping[str, Tensor]) -> Weights:
        """The softmax at each choice."""
        return softmax(alpha, state.held)

    # -- moving alpha -------------------------------------------------------------------------------------------------

    def moves(self, progress: Progress) -> bool:
        """Whether alpha moves by now."""
        return self._in_stage(progress) >= self.waits

    def _move(self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change) -> Metrics:
        return self.move(state, train, valid, progress, change) if self.moves(progress) else {}

    def _in_stage(self, progress: Progress) -> float:
        """The part of the present stage that is done."""
        begin = 0.0
        for stage in self.stages():
            if progress.fraction < begin + stage.share:
                return (progress.fraction - begin) / stage.share
            begin += stage.share
        return 1.0


@settings
class AlphaMethod(Alternating):
    """Alternates, and moves alpha by Adam."""

    adam: AdamSettings = setting(AdamSettings(), "how alpha is moved")

    def validation_loss(self, state: AlphaState, batch: Batch, progress: Progress) -> Tensor:
        """The loss that alpha descends; by default that of the mixture at alpha."""
        return state.trainer.validation_loss(batch, *self.judged(state, progress, state.generator))

    def mover(self, alpha: Sequence[Tensor], problem: Problem) -> torch.optim.Adam:
        """Adam, for the steps in which alpha does not wait."""
        return self.adam.over(alpha, problem.steps * (1 - self.waits))

    def move(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """One step of Adam along the gradient of the validation loss."""
        loss, gradients = self.gradient(state, train, valid, progress)
        for one, gradient in zip(state.alpha.values(), change(gradients), strict=True):
            one.grad = gradient
        state.adam.step()
        return {"valid_loss": loss}

    def gradient(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        """The validation loss and its gradient in each architecture parameter."""
        loss = self.validation_loss(state, valid, progress)
        alpha = list(state.alpha.values())
        return loss.detach(), torch.autograd.grad(loss, alpha, allow_unused=True, materialize_grads=True)


@settings
class DrawnMixture(AlphaMethod, Distribution):
    """A method that draws its mixtures from a distribution, and moves the distribution through its draws."""

    weights_on: Literal["draw", "mean"] = setting("draw", "the mixture that the weights are trained on")

    @abstractmethod
    def draw(self, state: AlphaState, progress: Progress, generator: torch.Generator) -> Weights:
        """A weights matrix, with gradient to alpha."""

    def train(self, state: AlphaState, batch: Batch, progress: Progress) -> Metrics:
        """A draw, or the mean."""
        draws = self.weights_on == "draw"
        W = self.draw(state, progress, state.generator) if draws else self.relax(state, state.alpha)
        return state.trainer.step(batch, W, progress)

    def judged(self, state: AlphaState, progress: Progress, generator: torch.Generator) -> Mixture:
        """Another draw."""
        return Mixture(self.draw(state, progress, generator))

    def draw_architecture(self, state: AlphaState, generator: torch.Generator) -> Architecture:
        """The architecture of the largest entries of a draw."""
        with torch.no_grad():
            return derived(self.draw(state, END, generator), state.problem.space)


def best_of(problem: Problem, architectures: list[Architecture], validate: Validate, images: int) -> Architecture:
    """The architecture with the best inherited metric, the first of equals; all are judged on the same images, so that
    they differ by architecture only (in the published code of NAS-Bench-201 each has a batch of its own).
    """
    best = max if problem.task.direction == "max" else min
    return best(architectures, key=lambda architecture: validate(architecture, images))

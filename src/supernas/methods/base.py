"""Methods that alternate between a step of the weights and one of alpha, logits (or the like) at each choice.

Such a method is a sentence that names its parts: its relaxation, what the weights are trained on, what alpha is judged
on, what moves alpha.
"""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.progress import END, Progress
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED, State
from supernas.data import Batch
from supernas.networks.base import Mixture, Weights
from supernas.steps.contracts import (
    Differentiable,
    Method,
    Metrics,
    SearchContext,
    Stage,
    StepView,
    Validate,
    stage_starts,
)
from supernas.steps.hypergradients import gradients_of
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import (
    RandomRelaxation,
    Relaxation,
    Softmax,
    Support,
    crossed,
    derived,
    option_mask_of,
    same_node_of,
)
from supernas.steps.weights import Gradients, MixtureTrainer, PathTrainer, TrainedState

__all__ = [
    "AlphaState",
    "Alternating",
    "Change",
    "FirstOrder",
    "best_of",
    "descend",
    "drawn_architecture",
    "merits_of",
    "unchanged",
]

Change = Callable[[Sequence[Tensor]], Sequence[Tensor]]
"""What is done to a gradient in the architecture parameters, in their order."""

ChangeOfWeights = Callable[[Mixture, Gradients], Gradients]
"""What is done to the gradient of a step of the weights, given what they are trained on."""

On = Literal["mean", "draw", "uniform"]
"""What a step runs: the relaxation's mean, a draw of it, or a path drawn uniformly."""


def unchanged(gradients: Sequence[Tensor]) -> Sequence[Tensor]:
    """Gradients as they are."""
    return gradients


def as_trained(mixture: Mixture, gradients: Gradients) -> Gradients:
    """The gradient of the weights as it is."""
    return gradients


@dataclass(kw_only=True)
class AlphaState(TrainedState):
    """What changes during the search.

    Attributes:
        support: what the relaxation gives weight to.
        trainer: the step of the weights.
        alpha: the architecture parameters, kind -> Float[choices, options]; of edges, `<kind> edges` -> Float[choices].
        alpha_optimiser: what moves them.
        generator: of all that is drawn.
        paths: the generator of uniform paths, where there are any.
        regulariser: what the search's regulariser remembers, if it has one.
    """

    support: Support = field(metadata=UNSAVED)
    trainer: PathTrainer | MixtureTrainer
    alpha: dict[str, Tensor]
    alpha_optimiser: Any
    generator: torch.Generator
    paths: np.random.Generator | None = None
    regulariser: State | None = None


@settings
class Alternating(Method[AlphaState], Differentiable):
    """Alternates between a step of the weights on the training batch and one of alpha on the validation batch.

    Attributes:
        carries_others: whether other methods can stand on it: its step is what its named parts say, and no more.
        weights_on: what the weights are trained on.
        alpha_on: what alpha is judged on.
        first: `alpha` where alpha moves before the weights in every space.
        order: 2 where alpha's step looks through the step of the weights that follows it.
        unselected: how gradient reaches options that a draw leaves out.
    """

    alternates: ClassVar[bool] = True
    carries_others: ClassVar[bool] = True
    weighs_options: ClassVar[bool] = True
    weights_on = "mean"
    alpha_on = "mean"
    first = "published"
    order = 1
    unselected = "skip"

    start: float = setting(1e-3, "deviation of the normal distribution that alpha starts from", gt=0)
    alpha_warmup: float | None = setting(
        None, "part of the search, or of each of its stages, before alpha moves; by default as published", ge=0, lt=1
    )

    # -- what a method names ------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def relaxation(self) -> Relaxation:
        """From alpha to what runs."""

    @abstractmethod
    def make_alpha_optimiser(self, alpha: Sequence[Tensor], context: SearchContext) -> Any:
        """What moves alpha (leaf tensors): part of the state."""

    @abstractmethod
    def update_alpha(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """One step of alpha, along gradients of the validation loss that are changed before."""

    @property
    def needs_curvature(self) -> bool:
        """Whether alpha's step needs the exact curvature of the loss, and not only a gradient; usually not."""
        return False

    # -- the step -----------------------------------------------------------------------------------------------------

    def step(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """Weights and alpha, in the order published for the space; `change` is that of `update_alpha`."""
        of_weights = partial(self._regularised_weights, state, self._view(state, train, valid, progress))
        if self.alpha_first(state):
            moved = self.step_alpha(state, train, valid, progress, change)
            made = {**self.train_weights(state, train, progress, of_weights), **moved}
        else:
            trained = self.train_weights(state, train, progress, of_weights)
            made = {**trained, **self.step_alpha(state, train, valid, progress, change)}
        regulariser = state.context.regulariser
        return made if regulariser is None else {**made, **regulariser.says(state.regulariser)}

    def alpha_first(self, state: AlphaState) -> bool:
        """Whether alpha moves before the weights: as published for the space, unless the method says so itself; order 2
        looks through the step that follows.
        """
        return self.order == 2 or self.first == "alpha" or state.context.recipe.alpha_first

    def train_weights(
        self, state: AlphaState, batch: Batch, progress: Progress, change: ChangeOfWeights = as_trained
    ) -> Metrics:
        """One step of the weights, on `weights_forward`, along a gradient that is changed before."""
        mixture = self.weights_forward(state, batch, progress)
        of_gradients = partial(change, mixture)
        if isinstance(state.trainer, MixtureTrainer):
            return state.trainer.step(batch, mixture, progress, of_gradients)
        assert mixture.active is not None, "a mixture where paths are trained"
        return state.trainer.step(batch, Architecture(mixture.active), progress, of_gradients)

    def _view(self, state: AlphaState, train: Batch, valid: Batch, progress: Progress) -> StepView:
        """What a regulariser may look at."""
        trainer = state.trainer
        return StepView(
            context=state.context,
            progress=progress,
            alpha=state.alpha,
            option_mask=state.support.option_mask,
            weights=trainer.optimiser.parameters,
            train_loss=partial(trainer.look_at_train, train),
            valid_loss=partial(trainer.look_at_valid, valid),
        )

    def _regularised_weights(
        self, state: AlphaState, view: StepView, mixture: Mixture, gradients: Gradients
    ) -> Gradients:
        regulariser = state.context.regulariser
        if regulariser is None:
            return gradients
        return regulariser.of_weights(state.regulariser, view, mixture, gradients)

    def weights_forward(self, state: AlphaState, batch: Batch, progress: Progress) -> Mixture:
        """What the weights are trained on, usually what `weights_on` says whatever the batch."""
        return self.mixture(state, self.weights_on, progress, state.generator)

    def alpha_forward(self, state: AlphaState, progress: Progress, generator: torch.Generator) -> Mixture:
        """What runs where alpha is judged: what `alpha_on` says."""
        return self.mixture(state, self.alpha_on, progress, generator)

    def mixture(self, state: AlphaState, on: str, progress: Progress, generator: torch.Generator) -> Mixture:
        """The relaxation's mean, a draw of it, or a uniform path."""
        if on == "uniform":
            assert state.paths is not None
            return Mixture(active=state.context.space.sample(state.paths).pairs)
        if on == "mean":
            return Mixture(self.relax(state, state.alpha))
        assert isinstance(self.relaxation, RandomRelaxation), "nothing to draw from"
        drawn = self.relaxation.draw(state.alpha, state.support, progress, generator)
        return drawn._replace(W=crossed(drawn.W, state.context.device)) if drawn.W else drawn

    def step_alpha(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """`update_alpha`, regularised, unless alpha waits."""
        if not self.alpha_moves(progress):
            return {}
        regulariser = state.context.regulariser
        if regulariser is None:
            return self.update_alpha(state, train, valid, progress, change)
        view = self._view(state, train, valid, progress)

        def regularised(gradients: Sequence[Tensor]) -> Sequence[Tensor]:
            return change(regulariser.of_alpha(state.regulariser, view, gradients))

        return self.update_alpha(state, train, valid, progress, regularised)

    def alpha_moves(self, progress: Progress) -> bool:
        """Whether alpha moves by now: the part of the present stage that is done is beyond the warm-up."""
        stages, epoch = self.stages(), progress.fraction * progress.epochs
        starts = [*stage_starts(stages, progress.epochs), progress.epochs]
        for stage, begin, end in zip(stages, starts, starts[1:], strict=False):
            if epoch < end:
                return epoch >= begin + (end - begin) * self._warmup(stage)
        return True

    def alpha_steps(self, context: SearchContext) -> float:
        """The steps of a search in which alpha does not wait."""
        return context.steps * sum(stage.share * (1 - self._warmup(stage)) for stage in self.stages())

    def _warmup(self, stage: Stage) -> float:
        """The part of a stage before alpha moves."""
        return stage.alpha_warmup if self.alpha_warmup is None else self.alpha_warmup

    # -- verbs --------------------------------------------------------------------------------------------------------

    def init(self, context: SearchContext) -> AlphaState:
        """Alpha near 0 and a fresh optimiser."""
        space, generator = context.space, torch.Generator().manual_seed(context.seed)
        device = torch.device("cpu") if self.relaxation.on_host else context.device
        shapes: dict[str, tuple[int, ...]] = dict(space.shapes)
        same_node: Mapping[str, Tensor] = {}
        if self.relaxation.edges:
            same_node = same_node_of(space, device)
            shapes |= {edges_of(kind): (choices,) for kind, (choices, _) in space.shapes.items()}
        alpha = {
            name: (torch.randn(shape, generator=generator) * self.start).to(device).requires_grad_()
            for name, shape in shapes.items()
        }
        return AlphaState(
            context=context,
            support=Support(space, option_mask_of(space, context.network.pairs, device), same_node),
            trainer=PathTrainer.make(context) if self.trains_paths else MixtureTrainer.make(context),
            alpha=alpha,
            alpha_optimiser=self.make_alpha_optimiser(list(alpha.values()), context),
            generator=generator,
            paths=np.random.default_rng(context.seed) if self.weights_on == "uniform" else None,
            regulariser=None if context.regulariser is None else context.regulariser.init(context),
        )

    def derive(self, state: AlphaState, validate: Validate) -> Architecture:
        """The architecture of the largest entries of the relaxation's mean."""
        with torch.no_grad():
            return derived(self.relax(state, state.alpha), state.context.space)

    def alpha(self, state: AlphaState) -> dict[str, Tensor]:
        """The architecture parameters."""
        return state.alpha

    def relax(self, state: AlphaState, alpha: Mapping[str, Tensor]) -> Weights:
        """The relaxation's mean at given parameters, on the network's device."""
        return crossed(self.relaxation.mean(alpha, state.support), state.context.device)


@settings
class FirstOrder(Alternating):
    """Alpha descends the gradient of the validation loss at the present weights, by Adam; W = softmax(alpha), unless a
    method has another relaxation.
    """

    adam: AdamSettings = setting(AdamSettings(), "how alpha is moved")

    @property
    def relaxation(self) -> Relaxation:
        """W = softmax(alpha)."""
        return Softmax()

    def make_alpha_optimiser(self, alpha: Sequence[Tensor], context: SearchContext) -> torch.optim.Adam:
        """Adam."""
        return self.adam.over(alpha, self.alpha_steps(context))

    def update_alpha(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """Alpha <- alpha - grad_alpha L_val(w, W); a W that is drawn is another draw than that of the weights."""
        W = self.alpha_forward(state, progress, state.generator)
        return descend(state, state.trainer.validation_loss(valid, W), change)


def edges_of(kind: str) -> str:
    """The name of the logits of a kind's edges among the architecture parameters."""
    return f"{kind} edges"


def descend(state: AlphaState, loss: Tensor, change: Change, gradients: Sequence[Tensor] | None = None) -> Metrics:
    """One step of alpha's optimiser along the gradient of a loss, or along gradients of it that are known."""
    alpha = list(state.alpha.values())
    if gradients is None:
        gradients = gradients_of(loss, alpha)
    if not state.trainer.allows(gradients):
        return {"valid_loss": loss.detach()}
    for parameter, gradient in zip(alpha, change(gradients), strict=True):
        parameter.grad = gradient
    state.alpha_optimiser.step()
    return {"valid_loss": loss.detach()}


def drawn_architecture(relaxation: RandomRelaxation, state: AlphaState, generator: torch.Generator) -> Architecture:
    """The architecture of the largest entries of a draw, as at the end of a search."""
    with torch.no_grad():
        mixture = relaxation.draw(state.alpha, state.support, END, generator)
        assert mixture.W is not None
        return derived(mixture.W, state.context.space)


def merits_of(
    context: SearchContext, architectures: Sequence[Architecture], validate: Validate, images: int
) -> np.ndarray:
    """The inherited metrics of n architectures [n], with the sign that makes higher ones better; all are judged on the
    same images, so that they differ by architecture only (in the published code of NAS-Bench-201 each has a batch of
    its own). What is not a number is worse than any.
    """
    sign = 1.0 if context.task.direction == "max" else -1.0
    merits = [sign * validate(architecture, images) for architecture in architectures]
    return np.nan_to_num(np.array(merits, dtype=float), nan=-np.inf)


def best_of(context: SearchContext, architectures: list[Architecture], validate: Validate, images: int) -> Architecture:
    """The architecture with the best inherited metric, the first of equals."""
    return architectures[int(merits_of(context, architectures, validate, images).argmax())]

r"""BaLeNAS: architecture parameters as a Gaussian, learnt by the Bayesian learning rule.

M. Zhang, J. Hu, S. Su, S. Pan, X. Chang, B. Yang and G. Haffari, "BaLeNAS: Differentiable Architecture Search via the
Bayesian Learning Rule", CVPR 2022 (Eq. 9-18, Algorithm 1):

    q = N(mu, sigma^2),  sigma^2 = 1 / (N (s + delta / N));   theta_1 .. theta_M ~ q at every step
    mu, s <- VAdam(gradients in theta of L_val(w, softmax(theta_i)))      first order (`vadam.py` has the update)
    w     <- w - grad_w L_train(w, softmax(mu))

The derived architecture has the largest mu. BaLeNAS-TF draws architectures from q instead, argmax at each choice, and
takes the best by a training-free proxy: `supernas.evaluation.selection.by_distribution`.

- Eq. 17 has no square root, but Algorithm 1 names VAdam, which has one: VAdam is the default, `adam.sqrt=false` is
  Eq. 17. Eq. 15 and 18 square the mean gradient, VAdam's code averages squares (`adam.squares`). What these do to the
  width of q, and Eq. 14's exact curvature, is said in `vadam.py`.
- The paper does not say which mixture trains the weights, nor the M of its first-order row. Here the weights are
  trained at the mean, and M is 3, the best of its second-order rows.
- N is the published 25,000 whatever the number of validation images: the gradients' size is that of a batch, so N
  alone says how narrow q becomes, and with the decays as parts of the run (`vadam.py`) sigma then takes the published
  course, from 1 to about a third, in a short search too. `train_set_size=None` counts the validation images, or words.
- Algorithm 1 moves mu and s before the weights. Here the order is that of the space, as for all methods: so in the
  DARTS spaces, and the other way round in NAS-Bench-201, as in its first-order code.
- Eq. 17 prints the factor of its momentum in brackets that round down, which would make it 0 or a whole number; it is
  taken as it is.
- `order=2` looks through the next step of the weights. `unroll="once"`: from the mean, before anything is drawn, the
  same for all draws, as in released remnants of its code; the gradient is that of L_val(w'(mu), mu + sigma noise) in
  mu. `each`: anew from every draw, that of L_val(w'(theta), theta), as Eq. 9 reads.
- `split_batch`: the expectation over draws is one over images too, so each draw may look at a part of the validation
  batch of its own (a third of it where M is 3), normalised by the statistics of that part; the mean gradient stays
  unbiased, and a step costs little more than with M = 1. Squares of the draws' gradients then count the noise of
  smaller parts, so `adam.squares=mean-of-squares` narrows q sooner.
- A step takes M + 1 passes through the network in first order, 3 M + 2 in second (`once`, finite difference; `each`:
  4 M + 1). Exact curvature takes a backward pass more for every architecture parameter and draw.
- The prior takes the place of weight decay.
- `inference="backprop"` is Eq. 7, which the paper sets its update against (`bayes_by_backprop.py`).
- `base`: the method whose mixture is made of theta (the paper's third claim). It must be a function of its parameters:
  of methods that draw by themselves the expectation would be another one.
- Published: Adam at 3e-4 with betas .5 and .999, initial and prior precision 1 (50 epochs: 5.9 lr times steps).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from supernas import methods
from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import refuse_unused, setting, settings
from supernas.data import Batch
from supernas.methods.balenas import bayes_by_backprop, vadam
from supernas.methods.balenas.bayes_by_backprop import BayesByBackprop
from supernas.methods.balenas.vadam import Drawn, Posterior, PosteriorSettings, VAdam
from supernas.methods.base import AlphaState, Alternating, Change, unchanged
from supernas.networks.base import Mixture
from supernas.steps.contracts import (
    Chosen,
    Distribution,
    Metrics,
    SearchContext,
    Stage,
    needs_range,
    needs_uncompiled,
    shares_no_text,
)
from supernas.steps.curvature import gradient_and_diagonal
from supernas.steps.hypergradients import Hypergradient, gradients_of, looking_refused, unrolled_gradients
from supernas.steps.relaxations import Relaxation, derived

__all__ = ["BaLeNAS"]

_SMALLEST = 2  # images of a draw: a normalisation needs more than one
_OF_VADAM = ("curvature", "squares", "sqrt")


@settings
class BaLeNAS(Alternating, Distribution):
    """A Gaussian over the architecture parameters of a mixture, learnt by natural gradients."""

    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {"search": {"epochs": 50}}
    weights_on, alpha_on = "mean", "mean"  # the mixture of mu; alpha's step looks at draws of theta around it

    adam: PosteriorSettings = setting(PosteriorSettings(), "the Gaussian and how it is moved")
    inference: Literal["natural", "backprop"] = setting(
        "natural",
        "natural gradients (VAdam), or gradients of the bound (Bayes by backprop)",
        equation="Eq. 7, 17",
        papers={"natural": vadam.__doc__, "backprop": bayes_by_backprop.__doc__},
    )
    samples: int = setting(3, "M: draws of each step", equation="Eq. 13", ge=1)
    split_batch: bool = setting(
        False, "each draw looks at its own part of the validation batch: M then cost little more than one"
    )
    train_set_size: int | None = setting(
        25_000,
        "N: examples that the likelihood counts; with none the images, or words, of the validation part",
        equation="Eq. 6",
        ge=1,
    )
    order: Literal[1, 2] = setting(1, "2 looks through the next step of the weights", equation="Eq. 9")
    unroll: Literal["once", "each"] = setting("once", "order 2: one step from the mean, or one from every draw")
    hypergradient: Hypergradient = setting("finite-difference", "how order 2 computes its second term")
    radius: float = setting(0.01, "distance from the weights to either end of the finite difference", gt=0)
    base: str = setting("darts", "the method whose mixture is drawn: darts or pc-darts")

    def __post_init__(self) -> None:
        if refusal := _why_not(self.base):
            raise ValueError(f"base is {self.base}, which {refusal}; wanted darts or pc-darts")
        if self.order == 2 and self.adam.curvature == "exact":
            raise ValueError("order=2 gives no exact curvature (it would take third derivatives): choose one of them")
        if self.order == 1:
            refuse_unused(self, ("unroll", "hypergradient", "radius"), "order=1")
        elif self.hypergradient == "exact":
            refuse_unused(self, ("radius",), "hypergradient=exact")
        if self.samples == 1:
            refuse_unused(self, ("split_batch",), "samples=1")
        if self.inference == "backprop":
            refuse_unused(self.adam, _OF_VADAM, "inference=backprop", "adam.")

    def refuses(self, chosen: Chosen) -> str:
        """Looking through a step, or for a curvature, where that is lost, or not compiled; splitting texts."""
        if self.split_batch and (refusal := shares_no_text(chosen, "leave method.split_batch out")):
            return refusal
        if self.order == 2:
            return looking_refused(chosen, self.hypergradient)
        why = "adam.curvature=exact differentiates gradients, which neither a scaled nor a compiled pass allows"
        return (needs_range(chosen, why) or needs_uncompiled(chosen, why)) if self.needs_curvature else ""

    # -- the mixture --------------------------------------------------------------------------------------------------

    @property
    def mixed(self) -> Alternating:
        """The base, with its own settings as they are by default."""
        cls: Any = methods.get(self.base)
        method: Alternating = cls(start=self.start)
        return method

    @property
    def relaxation(self) -> Relaxation:
        """That of the base."""
        return self.mixed.relaxation

    @property
    def needs_curvature(self) -> bool:
        """With VON's exact curvature."""
        return self.adam.curvature == "exact"

    def stages(self) -> tuple[Stage, ...]:
        """Those of the base."""
        return self.mixed.stages()

    # -- the Gaussian -------------------------------------------------------------------------------------------------

    def make_alpha_optimiser(self, alpha: Sequence[Tensor], context: SearchContext) -> Posterior:
        """The Gaussian around alpha."""
        kind = VAdam if self.inference == "natural" else BayesByBackprop
        return kind(alpha, self.adam, self.alpha_steps(context), self.train_set_size or context.likelihood_count)

    def update_alpha(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """One step of the Gaussian along the mean gradient of M draws."""
        posterior: Posterior = state.alpha_optimiser
        noises = [posterior.noise(state.generator) for _ in range(self.samples)]
        losses, draws = zip(*self.drawn(state, noises, train, valid, progress), strict=True)
        if state.trainer.allows([gradient for drawn in draws for gradient in drawn.gradient]):
            posterior.step([replace(drawn, gradient=change(drawn.gradient)) for drawn in draws])
        deviations = torch.cat([sigma.flatten() for sigma in posterior.deviations()])
        return {"valid_loss": torch.stack(losses).mean(), "deviation": deviations.mean()}

    def drawn(
        self, state: AlphaState, noises: Sequence[Sequence[Tensor]], train: Batch, valid: Batch, progress: Progress
    ) -> Iterator[tuple[Tensor, Drawn]]:
        """The validation loss at the draws made of given noise, and what each gave, one after another."""
        if self.order == 2:
            yield from self._unrolled(state, noises, train, valid, progress)
            return
        mean, carry = list(state.alpha.values()), state.trainer.valid_carry
        for noise, part in zip(noises, self._parts(valid, len(noises)), strict=True):
            state.trainer.valid_carry = carry  # all draws look at the same text
            loss = state.trainer.validation_loss(part, self.mixture_at(state, self.theta(state, noise)))
            if self.needs_curvature:
                yield loss.detach(), Drawn(noise, *gradient_and_diagonal(loss, mean))
            else:
                yield loss.detach(), Drawn(noise, gradients_of(loss, mean))

    def _unrolled(
        self, state: AlphaState, noises: Sequence[Sequence[Tensor]], train: Batch, valid: Batch, progress: Progress
    ) -> Iterator[tuple[Tensor, Drawn]]:
        trainer, carry = state.trainer, state.trainer.valid_carry

        def through(
            noise: Sequence[Tensor] | None, drawn: Sequence[Sequence[Tensor]], parts: Sequence[Batch]
        ) -> Iterator[tuple[Tensor, Drawn]]:
            """Draws through the step that is made at one of them, or at the mean."""

            def train_loss(weights: Mapping[str, Tensor]) -> Tensor:
                alpha = state.alpha if noise is None else self.theta(state, noise)
                return trainer.training_loss_at(weights, train, self.mixture_at(state, alpha))

            def valid_loss(weights: Mapping[str, Tensor], at: Sequence[Tensor], part: Batch) -> Tensor:
                trainer.valid_carry = carry
                return trainer.validation_loss_at(weights, part, self.mixture_at(state, self.theta(state, at)))

            mean, step = list(state.alpha.values()), trainer.next_step(progress, train.share)
            losses = [partial(valid_loss, at=draw, part=part) for draw, part in zip(drawn, parts, strict=True)]
            looked = unrolled_gradients(train_loss, losses, mean, step, self.hypergradient, self.radius)
            for draw, (loss, gradient) in zip(drawn, looked, strict=True):
                yield loss, Drawn(draw, gradient)

        parts = self._parts(valid, len(noises))
        if self.unroll == "once":
            yield from through(None, noises, parts)
        else:
            for noise, part in zip(noises, parts, strict=True):
                yield from through(noise, [noise], [part])

    def _parts(self, valid: Batch, draws: int) -> list[Batch]:
        """What each draw looks at."""
        if not self.split_batch:
            return [valid] * draws
        if len(valid.targets) < _SMALLEST * draws:
            raise UserError(
                f"method.split_batch: a validation batch of {len(valid.targets)} images has no {_SMALLEST} for each "
                f"of {draws} draws; give a larger search.batch_size, or leave method.split_batch out"
            )
        return valid.parts(draws)

    def mixture_at(self, state: AlphaState, alpha: Mapping[str, Tensor]) -> Mixture:
        """The mixture of given parameters."""
        return Mixture(self.relax(state, alpha))

    def theta(self, state: AlphaState, noise: Sequence[Tensor]) -> dict[str, Tensor]:
        """A draw of the architecture parameters by name, differentiable in the mean."""
        return dict(zip(state.alpha, state.alpha_optimiser.at(noise), strict=True))

    def draw_architecture(self, state: AlphaState, generator: torch.Generator) -> Architecture:
        """The architecture of the largest entries of a draw (BaLeNAS-TF, section 3.3)."""
        with torch.no_grad():
            theta = self.theta(state, state.alpha_optimiser.noise(generator))
            return derived(self.relax(state, theta), state.context.space)


def _why_not(base: str) -> str:
    """What is wrong with a method as the base; nothing is, if empty."""
    cls = methods.get(base)
    if not issubclass(cls, Alternating):
        return "has no architecture parameters of its own of which a mixture is made"
    if not cls.carries_others:
        return "does more in a step than its mixture says"
    if issubclass(cls, Distribution):
        return "draws by itself, from a distribution of its own"
    if cls.trains_paths:
        return "trains single paths, not the mixture of its parameters"
    return ""

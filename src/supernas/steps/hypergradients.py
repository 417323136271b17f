r"""The gradient of a validation loss in alpha through one step of the weights (second-order DARTS).

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019, Eq. 5-8:

    grad_alpha L_val(w', alpha),   w' = w - xi (momentum * buffer + grad_w L_train(w, alpha) + decay * w)
      = grad_alpha L_val(w', alpha) - xi grad^2_{alpha, w} L_train(w, alpha) grad_{w'} L_val(w', alpha)

`exact` differentiates through the step. `finite-difference` is the published approximation of the second term,

    (grad_alpha L_train(w+) - grad_alpha L_train(w-)) / (2 epsilon),   w+- = w +- epsilon grad_{w'} L_val,
    epsilon = radius / |grad_{w'} L_val|,

two more passes forward and backward instead of a backward pass through a backward pass. The published radius is 0.01.
Where the network has ReLUs, as all here have, some of them switch between w+ and w-, and what they jump by is divided
by epsilon: on tiny networks the error is then as large as the gradient, and only a radius so small that nothing
switches (in double precision) gives the product itself (docs/methods/darts.md has figures).

What a network draws by itself (masks of dropout, noise) it draws once: w+ and w- see what the step at w saw, since the
difference of two draws would be divided by epsilon (`Replay`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeVar

import torch
from torch import Tensor

from supernas.core.ranks import averaged
from supernas.steps.contracts import Chosen, needs_range, needs_single, needs_uncompiled

__all__ = [
    "Hypergradient",
    "Replay",
    "Unrolled",
    "gradients_of",
    "looking_refused",
    "mixed_product",
    "unrolled_gradient",
    "unrolled_gradients",
]

Hypergradient = Literal["finite-difference", "exact"]
_CLOSE = (
    "a finite difference compares weights that lie closer together than it tells apart; in bfloat16 the exact one goes"
)
_SCALED_ONCE = "a gradient of gradients vanishes in it, since a loss can be scaled but once"
_LOOKS = (
    "what looks through the next step of the weights runs, and differentiates, other passes than those that would be"
)
Tensors = Mapping[str, Tensor]
Value = TypeVar("Value")
LossAt = Callable[[Tensors], Tensor]
"""A loss at given weights, differentiable in them and in alpha."""


@dataclass(frozen=True)
class Unrolled:
    """The step of the weights that is looked through.

    Attributes:
        weights: leaf tensors by name.
        rate: the learning rate xi.
        momentum: factor of the buffers.
        decay: L2 factor.
        buffers: momentum buffers of those weights that have one.
        clip: largest norm of the gradient; 0 does not clip. The factor that it takes is a number, without gradient.
    """

    weights: Tensors
    rate: float
    momentum: float
    decay: float
    buffers: Tensors
    clip: float = 0.0

    def after(self, gradients: Sequence[Tensor]) -> dict[str, Tensor]:
        """The weights w' after the step, for the gradients of the training loss in the order of the weights."""
        moved, factor = {}, self.clipped(gradients)
        for (name, w), g in zip(self.weights.items(), gradients, strict=True):
            direction = factor * g + self.decay * w.detach()
            if name in self.buffers:
                direction = direction + self.momentum * self.buffers[name]
            moved[name] = w.detach() - self.rate * direction
        return moved

    def clipped(self, gradients: Sequence[Tensor]) -> Tensor | float:
        """The factor by which clipping shortens the gradients."""
        if not self.clip:
            return 1.0
        norm = torch.stack([g.detach().norm() for g in gradients]).norm()
        return (self.clip / norm.clamp_min(1e-12)).clamp_max(1.0)


def looking_refused(chosen: Chosen, form: Hypergradient) -> str:
    """Why a search cannot look through steps; empty if it can."""
    exact = form == "exact"
    precision = needs_range(chosen, _SCALED_ONCE) if exact else needs_single(chosen, _CLOSE)
    return precision or needs_uncompiled(chosen, _LOOKS)


def unrolled_gradient(
    train_loss: LossAt,
    valid_loss: LossAt,
    alpha: Sequence[Tensor],
    step: Unrolled,
    form: Hypergradient,
    radius: float = 0.01,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The validation loss after the step, and its gradient in alpha.

    Args:
        train_loss: L_train at given weights.
        valid_loss: L_val at given weights.
        alpha: the architecture parameters, which both losses depend on.
        step: the step of the weights.
        form: how the second term is computed.
        radius: of the finite difference: the distance from w to w+ and w-.
    """
    return next(unrolled_gradients(train_loss, [valid_loss], alpha, step, form, radius))


def unrolled_gradients(
    train_loss: LossAt,
    valid_losses: Sequence[LossAt],
    alpha: Sequence[Tensor],
    step: Unrolled,
    form: Hypergradient,
    radius: float = 0.01,
) -> Iterator[tuple[Tensor, tuple[Tensor, ...]]]:
    """`unrolled_gradient` of several validation losses, one after another, through one step that is made once."""
    exact = form == "exact"
    replay = Replay()
    gradients = gradients_of(replay(train_loss, step.weights), list(step.weights.values()), create_graph=exact)
    moved = step.after(gradients)
    if exact:
        for number, valid_loss in enumerate(valid_losses, start=1):
            loss = valid_loss(moved)
            yield loss.detach(), gradients_of(loss, alpha, keep=number < len(valid_losses))
        return
    moved = {name: w.detach().requires_grad_() for name, w in moved.items()}
    rate = step.rate * step.clipped(gradients)
    for valid_loss in valid_losses:
        loss = valid_loss(moved)
        both = gradients_of(loss, [*alpha, *moved.values()])
        direct, direction = both[: len(alpha)], both[len(alpha) :]
        second = mixed_product(partial(replay, train_loss), alpha, step.weights, direction, radius)
        yield loss.detach(), tuple(d - rate * s for d, s in zip(direct, second, strict=True))


def mixed_product(
    loss: LossAt, alpha: Sequence[Tensor], weights: Tensors, direction: Sequence[Tensor], radius: float
) -> tuple[Tensor, ...]:
    """grad^2_{alpha, w} loss times a direction in the weights, by a central difference.

    Args:
        loss: at given weights (which need no gradient), differentiable in alpha.
        alpha: what the loss is differentiated in.
        weights: the middle of the difference.
        direction: in the order of the weights.
        radius: the distance to either side.
    """
    epsilon = radius / torch.stack([d.norm() for d in direction]).norm().clamp_min(1e-12)
    sides = []
    for sign in (1, -1):
        displaced = {
            name: w.detach() + sign * epsilon * d for (name, w), d in zip(weights.items(), direction, strict=True)
        }
        sides.append(gradients_of(loss(displaced), alpha))
    return tuple((plus - minus) / (2 * epsilon) for plus, minus in zip(*sides, strict=True))


class Replay:
    """Calls functions one after another, each with the numbers of the global generators that the first call saw."""

    def __init__(self) -> None:
        self._first: tuple[Tensor, list[Tensor]] | None = None

    def __call__(self, function: Callable[[Tensors], Value], weights: Tensors) -> Value:
        """What the function gives for weights; the generators move on at the first call only."""
        device = next(iter(weights.values())).device
        gpus = [device] if device.type == "cuda" else []
        if self._first is None:
            self._first = torch.get_rng_state(), [torch.cuda.get_rng_state(gpu) for gpu in gpus]
            return function(weights)
        with torch.random.fork_rng(gpus):
            torch.set_rng_state(self._first[0])
            for gpu, state in zip(gpus, self._first[1], strict=True):
                torch.cuda.set_rng_state(state, gpu)
            return function(weights)


def gradients_of(
    value: Tensor,
    at: Sequence[Tensor],
    create_graph: bool = False,
    keep: bool = False,
    along: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """The gradient of a loss, or of the inner product of a tensor with `along`; zero where nothing depends.

    `keep` keeps its graph for another one, `create_graph` makes one of the gradient too. In a run on several devices
    the loss is the mean of theirs.
    """
    if not value.requires_grad:  # such as what a cell without a path computes where weights stand still
        return averaged(tuple(map(torch.zeros_like, at)))
    gradients = torch.autograd.grad(
        value,
        at,
        along,
        create_graph=create_graph,
        retain_graph=keep or create_graph,
        allow_unused=True,
        materialize_grads=True,
    )
    return averaged(gradients)

r"""Losses that are scaled, so that gradients of float16 do not vanish on their way to what they are the gradients of.

P. Micikevicius et al., "Mixed Precision Training", ICLR 2018. Numbers of float16 below 6e-8 are 0, those above 65,504
infinite. With a factor s, a power of two,

    s grad L  goes back through the network,    (1/s) (s grad L)  arrives at the leaves,

in float32: weights, and entries of `W`. Whoever asks for a gradient gets grad L itself, and no method, objective or
regulariser knows of the factor. Where an arriving gradient is not finite, s was too large: it is halved, and what the
gradient was for does not move. After `_PATIENCE` steps of the weights without that, s is doubled.

These are the rules, and the numbers, of `torch.amp.GradScaler`; that one knows the gradients of PyTorch's optimisers
alone, and what moves architecture parameters is often none.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from supernas.core.state import State
from supernas.steps.precision import Precision

__all__ = ["LossScale"]

_PATIENCE = 2000


@dataclass
class LossScale(State):
    """The factor, and what it goes by.

    Attributes:
        factor: s.
        steps: of the weights, since it was changed last.
        skipped: gradients that were not finite, in all.
    """

    factor: float = 2.0**16
    steps: int = 0
    skipped: int = 0

    @classmethod
    def of(cls, precision: Precision) -> "LossScale | None":
        """What a precision needs."""
        return cls() if precision == "float16" else None

    def up(self, loss: Tensor) -> Tensor:
        """A loss as it is, whose gradient is s times as large from there on."""
        scaled: Tensor = _Times.apply(loss, self.factor)
        return scaled

    def down(self, leaves: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Leaves as they are, at which a gradient that was scaled arrives as it was."""
        return {name: _Times.apply(leaf, 1 / self.factor) for name, leaf in leaves.items()}

    @contextmanager
    def undone_at(self, leaves: Sequence[Tensor]) -> Iterator[None]:
        """Where every gradient that arrives at the leaves themselves was scaled, and is brought back."""
        hooks = [leaf.register_hook(lambda gradient: gradient / self.factor) for leaf in leaves]
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def allows(self, gradients: Sequence[Tensor | None]) -> bool:
        """Whether something may be moved along gradients: all are finite. If not, s is halved."""
        there = [gradient for gradient in gradients if gradient is not None]
        if nn.utils.get_total_norm(there, math.inf).isfinite():  # one look at the device
            return True
        self.factor, self.steps, self.skipped = self.factor / 2, 0, self.skipped + 1
        return False

    def stepped(self) -> None:
        """Told after each step of the weights that was made."""
        self.steps += 1
        if self.steps == _PATIENCE:
            self.factor, self.steps = 2 * self.factor, 0


class _Times(torch.autograd.Function):
    """A tensor as it is, whose gradient is multiplied."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0] * ctx.factor, None

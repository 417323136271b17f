"""The transfer's gradient in the architecture parameters: its size beside the base's, and whether its mean is one.

The gradient through two steps carries both of their learning rates, so it fades with them, and lambda above 1 only
rescales what the auxiliary's clipping then takes back. Scaled to the norm of the base's gradient it keeps its part of
alpha's step to the end, and gamma alone says how the two are weighed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from supernas.core.state import State

__all__ = ["Moments", "scaled_like"]


def scaled_like(reward: Sequence[Tensor], gradients: Sequence[Tensor]) -> list[Tensor]:
    """A reward with the norm, over all tensors, of some gradients; a reward of 0 stays 0."""
    factor = _norm(gradients) / _norm(reward).clamp_min(torch.finfo(reward[0].dtype).tiny)
    return [factor * part for part in reward]


def _norm(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts]).norm()


@dataclass
class Moments(State):
    """Of vectors, one a step: how many, their sum, and the sum of their squared norms."""

    count: int = 0
    total: Tensor | None = None
    squares: Tensor | None = None

    def add(self, parts: Sequence[Tensor]) -> None:
        """One more vector, in parts."""
        vector = torch.cat([part.detach().flatten() for part in parts])
        self.count += 1
        self.total = vector if self.total is None else self.total + vector
        self.squares = vector.square().sum() if self.squares is None else self.squares + vector.square().sum()

    def significance(self) -> Tensor | None:
        """The norm of the mean in standard errors of the mean: about 1 where there is nothing but noise. None of fewer
        than two vectors.
        """
        if self.count < 2 or self.total is None or self.squares is None:
            return None
        mean = self.total / self.count
        variance = (self.squares / self.count - mean.square().sum()).clamp_min(0) * self.count / (self.count - 1)
        return mean.norm() / (variance / self.count).sqrt().clamp_min(torch.finfo(mean.dtype).tiny)

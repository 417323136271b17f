"""A probability that changes during a run, and what is dropped with it: outputs of an image, or single entries.

A compiled graph takes every number that it was traced with for a constant, so that a probability which grows with the
epochs would have it traced anew in each. There, and only there, the probability is a tensor.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["Chance"]


class Chance:
    """The probability with which something is dropped; 0 at first. What stays is scaled up, so that its mean is as
    before.
    """

    def __init__(self) -> None:
        self._number, self._tensor = 0.0, torch.zeros((), device="cpu")

    @property
    def probability(self) -> float:
        """Now."""
        return self._number

    @probability.setter
    def probability(self, value: float) -> None:
        self._number = value
        self._tensor.fill_(value)

    @property
    def is_none(self) -> bool:
        """Whether nothing is dropped now; a compiled graph is one for every probability, and cannot know."""
        return not torch.compiler.is_compiling() and not self._number

    def of_outputs(self, output: Tensor) -> Tensor:
        """An output [batch, ...] that is zero for some of the batch."""
        shape = (len(output), *[1] * (output.ndim - 1))
        if torch.compiler.is_compiling():
            return output * self._kept(output, shape)
        kept = torch.empty(shape, dtype=output.dtype, device=output.device)
        return output * kept.bernoulli_(1 - self._number).div_(1 - self._number)

    def of_entries(self, output: Tensor) -> Tensor:
        """An output of which some entries are zero."""
        if torch.compiler.is_compiling():
            return output * self._kept(output, output.shape)
        return F.dropout(output, self._number)

    def _kept(self, output: Tensor, shape: tuple[int, ...]) -> Tensor:
        """0 for what is dropped, and what the rest is multiplied by."""
        kept = torch.rand(shape, device=output.device) >= self._tensor
        return (kept / (1 - self._tensor)).to(output.dtype)

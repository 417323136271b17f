"""Candidate operations, each once.

An operation reads a `Node` rather than a tensor, so that what several edges leaving one node need (its ReLU, its
pooling) is computed once. `weight` is the operation's entry of the weights matrix `W`, a scalar tensor; `None` is one.
"""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["BatchNorm", "Node", "Operation", "make"]


class Node:
    """A node's value [batch, channels, height, width], and what is shared by the edges that leave it.

    Whoever asks first may do so without a graph (an option that is run only to be measured), and the next one with it:
    so what is shared has a graph whenever the value has one.
    """

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self._split: tuple[Node, Tensor] | None = None

    def split(self, channels: int) -> tuple["Node", Tensor]:
        """The first channels as a node of their own, and the value of the others: what partial connections need."""
        if self._split is None:
            rows = self.value.is_contiguous(memory_format=torch.channels_last)
            layout = torch.channels_last if rows else torch.contiguous_format
            with torch.set_grad_enabled(self.value.requires_grad):
                first = self.value[:, :channels].contiguous(memory_format=layout)
                self._split = Node(first), self.value[:, channels:]
        return self._split

    @cached_property
    def relu(self) -> Tensor:
        """ReLU of the value."""
        with torch.set_grad_enabled(self.value.requires_grad):
            return F.relu(self.value)

    @cached_property
    def average(self) -> Tensor:
        """3x3 average pooling, stride 1; padding does not count."""
        with torch.set_grad_enabled(self.value.requires_grad):
            return F.avg_pool2d(self.value, 3, stride=1, padding=1, count_include_pad=False)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose output is scaled by `weight` at no extra pass: the factor rides in its own scale."""

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Normalises `x` [batch, channels, height, width] and multiplies it by the scalar `weight`."""
        if weight is None:
            return super().forward(x)
        # batch_norm reads its scale as if it were contiguous, whatever its strides
        scale = weight.repeat(self.num_features) if self.weight is None else self.weight * weight
        shift = None if self.bias is None else self.bias * weight
        by_batch = self.training or not self.track_running_stats
        return F.batch_norm(
            x, self.running_mean, self.running_var, scale, shift, by_batch, self.momentum or 0.0, self.eps
        )


class Operation(nn.Module):
    """A candidate computation on a node."""

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        """The operation's output times `weight`; `None` where it is zero whatever the input."""
        raise NotImplementedError


class Zero(Operation):
    """`none`: no connection."""

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        return None


class Skip(Operation):
    """`skip_connect`: the identity."""

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        return node.value if weight is None else node.value * weight


class AveragePool(Operation):
    """`avg_pool_3x3` at stride 1, without normalisation."""

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        return node.average if weight is None else node.average * weight


class ReLUConvNorm(Operation):
    """`nor_conv_kxk`: ReLU, convolution at stride 1 without bias, batch normalisation."""

    def __init__(self, channels: int, kernel: int, norm: Callable[[int], BatchNorm]) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
        self.norm = norm(channels)

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        return self.norm(self.conv(node.relu), weight)


def make(name: str, channels: int, norm: Callable[[int], BatchNorm]) -> Operation:
    """The operation of a published name, with `channels` in and out; `norm` makes its normalisation."""
    return _MAKERS[name](channels, norm)


_MAKERS: dict[str, Callable[[int, Callable[[int], BatchNorm]], Operation]] = {
    "none": lambda channels, norm: Zero(),
    "skip_connect": lambda channels, norm: Skip(),
    "nor_conv_1x1": lambda channels, norm: ReLUConvNorm(channels, 1, norm),
    "nor_conv_3x3": lambda channels, norm: ReLUConvNorm(channels, 3, norm),
    "avg_pool_3x3": lambda channels, norm: AveragePool(),
}

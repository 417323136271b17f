"""Candidate operations, each once.

An operation reads a `Node` rather than a tensor, so that what several edges leaving one node need (its ReLU, its
pooling) is computed once. `weight` is the operation's entry of the weights matrix `W`, a scalar tensor; `None` is one.
At stride s an input of height h and width w becomes one of ceil(h / s) and ceil(w / s).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import has_torch_function

from supernas.networks.depthwise import DepthwiseConv, to_parities

__all__ = ["BatchNorm", "ConvNormReLU", "FactorizedReduce", "Node", "Norm", "Operation", "ReLUConvNorm", "make"]


class Node:
    """A node's value [batch, channels, height, width], and what is shared by the edges that leave it.

    Whoever asks first may do so without a graph (an option that is run only to be measured), and the next one with it:
    so what is shared has a graph whenever the value has one.
    """

    def __init__(self, value: Tensor) -> None:
        self.value = value
        self._shared: dict[tuple[str, int], Tensor] = {}
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

    @property
    def relu(self) -> Tensor:
        """ReLU of the value."""
        return self._once("relu", 1, F.relu)

    def parities(self) -> Tensor:
        """ReLU of the value as its images of even and odd rows and columns, which dilated convolutions read."""
        return self._once("parities", 1, lambda x: to_parities(self.relu))

    def average(self, stride: int = 1) -> Tensor:
        """3x3 average pooling; padding does not count."""
        return self._once("average", stride, lambda x: F.avg_pool2d(x, 3, stride, padding=1, count_include_pad=False))

    def maximum(self, stride: int = 1) -> Tensor:
        """3x3 maximum pooling."""
        return self._once("maximum", stride, lambda x: F.max_pool2d(x, 3, stride, padding=1))

    def _once(self, name: str, stride: int, compute: Callable[[Tensor], Tensor]) -> Tensor:
        if (name, stride) not in self._shared:
            with torch.set_grad_enabled(self.value.requires_grad):
                self._shared[name, stride] = compute(self.value)
        return self._shared[name, stride]


_LARGE = 2**18
"""Numbers from which on memory is worth the time of a pointwise convolution, a fifth of what it takes altogether."""


class PointwiseNorm(torch.autograd.Function):
    """Batch normalisation of a pointwise convolution, whose output the backward pass computes again."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        kernel: Tensor,
        scale: Tensor | None,
        shift: Tensor | None,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        momentum: float,
        eps: float,
    ) -> Tensor:
        normalised, mean, inverse = torch.native_batch_norm(
            F.conv2d(x, kernel), scale, shift, running_mean, running_var, True, momentum, eps
        )
        ctx.save_for_backward(x, kernel, scale, mean, inverse)
        ctx.eps = eps
        return normalised

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, kernel, scale, mean, inverse = ctx.saved_tensors
        aten, wanted = torch.ops.aten, ctx.needs_input_grad
        of_output, of_scale, of_shift = aten.native_batch_norm_backward(
            gradient, F.conv2d(x, kernel), scale, None, None, mean, inverse, True, ctx.eps, [True, *wanted[2:4]]
        )
        of_x, of_kernel, _ = aten.convolution_backward(
            of_output, x, kernel, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [*wanted[:2], False]
        )
        return of_x, of_kernel, of_scale, of_shift, None, None, None, None


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation whose output is scaled by `weight` at no extra pass: the factor rides in its own scale."""

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """Normalises `x` [batch, channels, height, width] and multiplies it by the scalar `weight`."""
        if weight is None:
            return super().forward(x)
        scale, shift = self._scaled(weight)
        by_batch = self.training or not self.track_running_stats
        return F.batch_norm(
            x, self.running_mean, self.running_var, scale, shift, by_batch, self.momentum or 0.0, self.eps
        )

    def after(self, conv: nn.Conv2d, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """`self(conv(x), weight)` of a pointwise convolution without bias.

        In training on a processor a large output of the convolution is not kept for the backward pass but computed
        again.
        """
        learns = self.training and torch.is_grad_enabled() and x.device.type == "cpu"
        listened = bool(conv._forward_hooks)  # who asks for the output gets it
        watched = has_torch_function((x,))  # as where devices normalise together
        if not learns or listened or watched or x.numel() < _LARGE or torch.is_autocast_enabled(x.device.type):
            return self(conv(x), weight)
        scale, shift = (self.weight, self.bias) if weight is None else self._scaled(weight)
        if weight is None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
        normalised: Tensor = PointwiseNorm.apply(
            x, conv.weight, scale, shift, self.running_mean, self.running_var, self.momentum or 0.0, self.eps
        )
        return normalised

    def _scaled(self, weight: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scale and shift times `weight`."""
        # batch_norm reads its scale as if it were contiguous, whatever its strides
        scale = weight.repeat(self.num_features) if self.weight is None else self.weight * weight
        return scale, None if self.bias is None else self.bias * weight


Norm = Callable[[int], BatchNorm]
"""Makes the normalisation of so many channels."""


class Operation(nn.Module):
    """A candidate computation on a node.

    Attributes:
        is_identity: whether it hands on the node's value as it is (what drop path must not drop).
    """

    is_identity: bool = False

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        """The operation's output times `weight`; `None` where it is zero whatever the input."""
        raise NotImplementedError


class Zero(Operation):
    """`none`: no connection."""

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        return None


class Skip(Operation):
    """`skip_connect`: the identity."""

    is_identity = True

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        return node.value if weight is None else node.value * weight


class Noise(Operation):
    """`noise`: standard normal numbers in place of the input (Zela et al., ICLR 2020)."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        drawn = torch.randn_like(node.value[:, :, :: self.stride, :: self.stride])
        return drawn if weight is None else drawn * weight


class Pool(Operation):
    """`avg_pool_3x3` and `max_pool_3x3`; in the search networks of some spaces normalised."""

    def __init__(self, pooled: Callable[[Node, int], Tensor], stride: int, norm: BatchNorm | None) -> None:
        super().__init__()
        self.pooled, self.stride, self.norm = pooled, stride, norm

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        pooled = self.pooled(node, self.stride)
        if self.norm is not None:
            return self.norm(pooled, weight)
        return pooled if weight is None else pooled * weight


class ReLUConvNorm(Operation):
    """`nor_conv_kxk`: ReLU, convolution without bias, batch normalisation."""

    def __init__(self, channels: int, out_channels: int, kernel: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel, stride, padding=kernel // 2, bias=False)
        self.norm = norm(out_channels)

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor:
        """Never None."""
        return self.norm(self.conv(node.relu), weight)


class ConvNormReLU(Operation):
    """`convkxk-bn-relu`: convolution without bias, batch normalisation, ReLU."""

    def __init__(self, channels: int, out_channels: int, kernel: int, norm: Norm) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, kernel, padding=kernel // 2, bias=False)
        self.norm = norm(out_channels)

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor:
        """Never None. The weight comes last: a ReLU hides its gradient where it is 0."""
        pointwise = self.conv.kernel_size == (1, 1)
        output = F.relu(self.norm.after(self.conv, node.value) if pointwise else self.norm(self.conv(node.value)))
        return output if weight is None else output * weight


class FactorizedReduce(Operation):
    """`skip_connect` at stride 2: ReLU, two 1x1 convolutions of stride 2, one a pixel off, side by side; normalised."""

    def __init__(self, channels: int, out_channels: int, norm: Norm) -> None:
        super().__init__()
        half = out_channels // 2
        self.first = nn.Conv2d(channels, half, 1, stride=2, bias=False)
        self.second = nn.Conv2d(channels, out_channels - half, 1, stride=2, bias=False)
        self.norm = norm(out_channels)

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor:
        """Never None."""
        x = node.relu
        height, width = x.shape[2:]
        shifted = F.pad(x, (0, width % 2, 0, height % 2))[:, :, 1:, 1:]  # an odd side gets a last line of zeros
        return self.norm(torch.cat([self.first(x), self.second(shifted)], dim=1), weight)


Parities = Callable[[], Tensor] | None


class _Separable(nn.Module):
    """A depthwise convolution and a pointwise one, without biases, and the normalisation that follows."""

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int) -> None:
        super().__init__()
        self.depthwise = DepthwiseConv(channels, kernel, stride, dilation)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor, norm: BatchNorm, weight: Tensor | None = None, parities: Parities = None) -> Tensor:
        return norm.after(self.pointwise, self.depthwise(x, parities), weight)


class DilatedConv(Operation):
    """`dil_conv_kxk`: ReLU, separable convolution of dilation 2, batch normalisation."""

    def __init__(self, channels: int, kernel: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.conv = _Separable(channels, kernel, stride, dilation=2)
        self.norm = norm(channels)

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        return self.conv(node.relu, self.norm, weight, node.parities)


class SeparableConv(Operation):
    """`sep_conv_kxk`: twice ReLU, separable convolution, batch normalisation; the first has the stride."""

    def __init__(self, channels: int, kernel: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.first = _Separable(channels, kernel, stride, dilation=1)
        self.first_norm = norm(channels)
        self.second = _Separable(channels, kernel, 1, dilation=1)
        self.second_norm = norm(channels)

    def forward(self, node: Node, weight: Tensor | None = None) -> Tensor | None:
        middle = F.relu(self.first(node.relu, self.first_norm))
        return self.second(middle, self.second_norm, weight)


def make(name: str, channels: int, norm: Norm, stride: int = 1, pool_norm: Norm | None = None) -> Operation:
    """The operation of a published name, with `channels` in and out.

    Args:
        name: the published name.
        channels: of input and output.
        norm: makes its normalisation.
        stride: 1, or 2 to halve the resolution.
        pool_norm: makes what normalises the output of a pooling; None leaves it as it is.
    """
    return _MAKERS[name](channels, norm, stride, pool_norm)


def _pool(pooled: Callable[[Node, int], Tensor]) -> Callable[[int, Norm, int, Norm | None], Operation]:
    return lambda channels, norm, stride, pool_norm: Pool(pooled, stride, pool_norm(channels) if pool_norm else None)


def _skip(channels: int, norm: Norm, stride: int, pool_norm: Norm | None) -> Operation:
    return Skip() if stride == 1 else FactorizedReduce(channels, channels, norm)


_MAKERS: dict[str, Callable[[int, Norm, int, Norm | None], Operation]] = {
    "none": lambda channels, norm, stride, pool_norm: Zero(),
    "noise": lambda channels, norm, stride, pool_norm: Noise(stride),
    "skip_connect": _skip,
    "nor_conv_1x1": lambda channels, norm, stride, pool_norm: ReLUConvNorm(channels, channels, 1, stride, norm),
    "nor_conv_3x3": lambda channels, norm, stride, pool_norm: ReLUConvNorm(channels, channels, 3, stride, norm),
    "conv1x1-bn-relu": lambda channels, norm, stride, pool_norm: ConvNormReLU(channels, channels, 1, norm),
    "conv3x3-bn-relu": lambda channels, norm, stride, pool_norm: ConvNormReLU(channels, channels, 3, norm),
    "avg_pool_3x3": _pool(Node.average),
    "max_pool_3x3": _pool(Node.maximum),
    "maxpool3x3": _pool(Node.maximum),
    "sep_conv_3x3": lambda channels, norm, stride, pool_norm: SeparableConv(channels, 3, stride, norm),
    "sep_conv_5x5": lambda channels, norm, stride, pool_norm: SeparableConv(channels, 5, stride, norm),
    "dil_conv_3x3": lambda channels, norm, stride, pool_norm: DilatedConv(channels, 3, stride, norm),
    "dil_conv_5x5": lambda channels, norm, stride, pool_norm: DilatedConv(channels, 5, stride, norm),
}

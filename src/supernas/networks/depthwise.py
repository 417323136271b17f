"""Depthwise convolutions that are quick to train on a processor, where PyTorch's CPU library is slow at two of them.

It has no quick gradient of dilated depthwise convolutions: it takes 2 to 20 times as long as without dilation. At
dilation 2 a pixel meets only pixels of its own parity: the four images of even and odd rows and columns are convolved
without dilation, and at stride 2 only one of the four is asked for.

Nor is it quick at the gradient in kernels of more than three columns: a 5x5 kernel's takes 5 to 17 times as long as one
of 5x3 on images of 8x8 to 32x32, so it is computed as the gradients of kernels of three columns or fewer, side by side
(PyTorch 2.13; docs/guides/spaces/darts-cnn.md has figures).
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["DepthwiseConv", "to_parities"]

_QUICK = 3
"""Columns of the widest kernel whose gradient is quick."""

_NARROW, _SMALL = 8, 2048
"""Outputs of fewer columns, or of fewer numbers an image: two gradients would take as long as one, or longer."""


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution without bias that keeps the size, or divides it by the stride and rounds up."""

    def __init__(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: Tensor, parities: Callable[[], Tensor] | None = None) -> Tensor:
        """The convolution of x [batch, channels, height, width].

        Args:
            x: the images.
            parities: gives `to_parities(x)` where others have a use for it too.
        """
        if not (self.training and torch.is_grad_enabled() and x.device.type == "cpu"):
            return super().forward(x)
        if self.dilation[0] == 1:
            return self._undilated(x, self.stride[0])
        if self.dilation == self.stride:
            return self._undilated(x[:, :, :: self.stride[0], :: self.stride[1]])
        if self.dilation == (2, 2) and x.shape[2] % 2 == x.shape[3] % 2 == 0:
            return _from_parities(self._undilated(parities() if parities else to_parities(x)), len(x))
        return super().forward(x)

    def _undilated(self, x: Tensor, stride: int = 1) -> Tensor:
        quick = self.kernel_size[1] <= _QUICK
        small = x.shape[3] < _NARROW * stride or x.shape[1:].numel() < _SMALL * stride**2
        # under autocast the library chooses the precision, and a function of our own would not
        if quick or small or torch.is_autocast_enabled(x.device.type):
            return F.conv2d(x, self.weight, None, stride, self.kernel_size[0] // 2, groups=self.groups)
        convolved: Tensor = _WideKernel.apply(x, self.weight, stride)
        return convolved


class _WideKernel(torch.autograd.Function):
    """A depthwise convolution that keeps the size at stride 1, with the gradient of its kernel in parts."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        padding = weight.shape[-1] // 2
        of_x = of_weight = None
        if ctx.needs_input_grad[0]:
            of_x, _ = _gradients(gradient, x, weight, ctx.stride, (padding, padding), (True, False))
        if ctx.needs_input_grad[1]:
            parts, start = [], 0
            for part in weight.split(_QUICK, dim=-1):
                end = start + part.shape[-1]
                # output column c meets column c * stride + k - padding of x in column k of the kernel
                padded = F.pad(x, (padding - start, end - 1 - padding))
                parts.append(_gradients(gradient, padded, part, ctx.stride, (padding, 0), (False, True))[1])
                start = end
            of_weight = torch.cat(parts, dim=-1)
        return of_x, of_weight, None


def _gradients(
    gradient: Tensor, x: Tensor, weight: Tensor, stride: int, padding: tuple[int, int], wanted: tuple[bool, bool]
) -> Any:
    """Those of a depthwise convolution in its input and its kernel, each differentiable itself."""
    return torch.ops.aten.convolution_backward(
        gradient, x, weight, None, [stride] * 2, padding, [1, 1], False, [0, 0], len(weight), [*wanted, False]
    )[:2]


def to_parities(x: Tensor) -> Tensor:
    """[n, c, h, w] -> [4n, c, h / 2, w / 2], channels last: the images of even and odd rows and columns."""
    count, channels, height, width = x.shape
    split = x.permute(0, 2, 3, 1).reshape(count, height // 2, 2, width // 2, 2, channels)
    return split.permute(2, 4, 0, 1, 3, 5).reshape(-1, height // 2, width // 2, channels).permute(0, 3, 1, 2)


def _from_parities(x: Tensor, count: int) -> Tensor:
    """The inverse of `to_parities`."""
    _, channels, height, width = x.shape
    split = x.permute(0, 2, 3, 1).reshape(2, 2, count, height, width, channels)
    return split.permute(2, 3, 0, 4, 1, 5).reshape(count, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)

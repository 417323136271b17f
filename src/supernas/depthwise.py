"""Depthwise convolutions, with dilated ones that are quick to train on a processor.

PyTorch's CPU library has no quick gradient of dilated depthwise convolutions: it takes 2 to 20 times as long as without
dilation. At dilation 2 a pixel meets only pixels of its own parity: the four images of even and odd rows and columns
are convolved without dilation, and at stride 2 only one of the four is asked for. A path step of the DARTS space takes
a fifth less time, a mixture a quarter (PyTorch 2.13).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["DepthwiseConv"]


class DepthwiseConv(nn.Conv2d):
    """A depthwise convolution without bias that keeps the size, or divides it by the stride and rounds up."""

    def __init__(self, channels: int, kernel: int, stride: int = 1, dilation: int = 1) -> None:
        padding = dilation * (kernel // 2)
        super().__init__(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of x [batch, channels, height, width]."""
        if self.dilation[0] == 1 or not (self.training and torch.is_grad_enabled() and x.device.type == "cpu"):
            return super().forward(x)
        if self.dilation == self.stride:
            return self._undilated(x[:, :, :: self.stride[0], :: self.stride[1]])
        if self.dilation == (2, 2) and x.shape[2] % 2 == x.shape[3] % 2 == 0:
            return _from_parities(self._undilated(_to_parities(x)), len(x))
        return super().forward(x)

    def _undilated(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight, padding=self.kernel_size[0] // 2, groups=self.groups)


def _to_parities(x: Tensor) -> Tensor:
    """[n, c, h, w] -> [4n, c, h / 2, w / 2], channels last: the images of even and odd rows and columns."""
    count, channels, height, width = x.shape
    split = x.permute(0, 2, 3, 1).reshape(count, height // 2, 2, width // 2, 2, channels)
    return split.permute(2, 4, 0, 1, 3, 5).reshape(-1, height // 2, width // 2, channels).permute(0, 3, 1, 2)


def _from_parities(x: Tensor, count: int) -> Tensor:
    """The inverse of `_to_parities`."""
    _, channels, height, width = x.shape
    split = x.permute(0, 2, 3, 1).reshape(2, 2, count, height, width, channels)
    return split.permute(2, 3, 0, 4, 1, 5).reshape(count, 2 * height, 2 * width, channels).permute(0, 3, 1, 2)

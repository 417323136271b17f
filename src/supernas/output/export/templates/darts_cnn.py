"""A network of DARTS cells that stands alone: DARTS_V2 with fresh constants, a pattern for others."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).with_name("weights.safetensors")
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)
IN_CHANNELS = 3
NUM_CLASSES = 10
CHANNELS = 36
CELLS = 20
REDUCTIONS = (CELLS // 3, 2 * CELLS // 3)  # the cells, from 0, that halve the resolution and double the channels

# (node, source, operation): nodes 0 and 1 are the outputs of the two cells before, the others sums of what enters them.
NORMAL: list[tuple[int, int, str]] = [
    (2, 0, "sep_conv_3x3"),
    (2, 1, "sep_conv_3x3"),
    (3, 0, "sep_conv_3x3"),
    (3, 1, "sep_conv_3x3"),
    (4, 0, "skip_connect"),
    (4, 1, "sep_conv_3x3"),
    (5, 0, "skip_connect"),
    (5, 2, "dil_conv_3x3"),
]
REDUCE: list[tuple[int, int, str]] = [
    (2, 0, "max_pool_3x3"),
    (2, 1, "max_pool_3x3"),
    (3, 1, "max_pool_3x3"),
    (3, 2, "skip_connect"),
    (4, 0, "max_pool_3x3"),
    (4, 2, "skip_connect"),
    (5, 1, "max_pool_3x3"),
    (5, 2, "skip_connect"),
]


class ReLUConvNorm(nn.Module):
    """ReLU, 1x1 convolution, batch normalisation."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, out_channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to [batch, out_channels, height, width]."""
        return self.norm(self.conv(F.relu(x)))


class FactorizedReduce(nn.Module):
    """ReLU, two 1x1 convolutions of stride 2, the second a pixel off, side by side; batch normalisation."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        half = out_channels // 2
        self.first = nn.Conv2d(channels, half, 1, stride=2, bias=False)
        self.second = nn.Conv2d(channels, out_channels - half, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to half the resolution; an odd side gets a last line of zeros."""
        x = F.relu(x)
        height, width = x.shape[2:]
        shifted = F.pad(x, (0, width % 2, 0, height % 2))[:, :, 1:, 1:]
        return self.norm(torch.cat([self.first(x), self.second(shifted)], dim=1))


class Separable(nn.Module):
    """A depthwise and a pointwise convolution."""

    def __init__(self, channels: int, kernel: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        padding = dilation * (kernel // 2)
        self.depthwise = nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to the same, at the resolution divided by the stride."""
        return self.pointwise(self.depthwise(x))


class SeparableConv(nn.Module):
    """Twice ReLU, separable convolution, batch normalisation; the first has the stride."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.first = Separable(channels, kernel, stride)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = Separable(channels, kernel, 1)
        self.second_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to the same, at the resolution divided by the stride."""
        x = self.first_norm(self.first(F.relu(x)))
        return self.second_norm(self.second(F.relu(x)))


class DilatedConv(nn.Module):
    """ReLU, separable convolution of dilation 2, batch normalisation."""

    def __init__(self, channels: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.conv = Separable(channels, kernel, stride, dilation=2)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to the same, at the resolution divided by the stride."""
        return self.norm(self.conv(F.relu(x)))


OPERATIONS: dict[str, Callable[[int, int], nn.Module]] = {
    "skip_connect": lambda channels, stride: nn.Identity() if stride == 1 else FactorizedReduce(channels, channels),
    "avg_pool_3x3": lambda channels, stride: nn.AvgPool2d(3, stride, padding=1, count_include_pad=False),
    "max_pool_3x3": lambda channels, stride: nn.MaxPool2d(3, stride, padding=1),
    "sep_conv_3x3": lambda channels, stride: SeparableConv(channels, 3, stride),
    "sep_conv_5x5": lambda channels, stride: SeparableConv(channels, 5, stride),
    "dil_conv_3x3": lambda channels, stride: DilatedConv(channels, 3, stride),
    "dil_conv_5x5": lambda channels, stride: DilatedConv(channels, 5, stride),
}


class Cell(nn.Module):
    """Two inputs, each brought to so many channels; nodes joined as the table says; nodes 2 to 5 side by side.

    `reduces` says whether the cell halves the resolution, `after_reduction` whether the cell before has done so.
    """

    def __init__(self, before: int, last: int, channels: int, reduces: bool, after_reduction: bool) -> None:
        super().__init__()
        self.table, self.stride = (REDUCE, 2) if reduces else (NORMAL, 1)
        self.before = FactorizedReduce(before, channels) if after_reduction else ReLUConvNorm(before, channels)
        self.last = ReLUConvNorm(last, channels)
        self.operations = nn.ModuleList(
            OPERATIONS[name](channels, self.stride if source < 2 else 1) for _, source, name in self.table
        )

    def forward(self, before: Tensor, last: Tensor) -> Tensor:
        """The outputs of the cell before the last and of the last, to [batch, 4 channels, height, width]."""
        nodes = [self.before(before), self.last(last)]
        zeros = torch.zeros_like(nodes[1][:, :, :: self.stride, :: self.stride])
        for node in (2, 3, 4, 5):
            value = zeros
            for (to, source, _), operation in zip(self.table, self.operations, strict=True):
                if to == node:
                    value = value + operation(nodes[source])
            nodes.append(value)
        return torch.cat(nodes[2:], dim=1)


class CifarStem(nn.Module):
    """One 3x3 convolution, which both inputs of the first cell come from."""

    channels = 3 * CHANNELS
    reduces = False

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv2d(IN_CHANNELS, self.channels, 3, padding=1, bias=False), nn.BatchNorm2d(self.channels)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images [batch, channels, height, width] to the two inputs of the first cell."""
        x = self.first(x)
        return x, x


class ImageNetStem(nn.Module):
    """Three 3x3 convolutions of stride 2: the first cell reads a quarter and an eighth of the resolution."""

    channels = CHANNELS
    reduces = True

    def __init__(self) -> None:
        super().__init__()
        half = max(CHANNELS // 2, 1)
        self.first = nn.Sequential(
            nn.Conv2d(IN_CHANNELS, half, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, CHANNELS, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(CHANNELS),
        )
        self.second = nn.Sequential(
            nn.ReLU(), nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(CHANNELS)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images [batch, channels, height, width] to the two inputs of the first cell."""
        x = self.first(x)
        return x, self.second(x)


Stem = CifarStem


class Network(nn.Module):
    """A stem, cells each of which reads the two before it, average pooling, a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = Stem()
        self.body = nn.ModuleList()
        before = last = self.stem.channels
        after_reduction, channels = self.stem.reduces, CHANNELS
        for number in range(CELLS):
            reduces = number in REDUCTIONS
            channels = 2 * channels if reduces else channels
            self.body.append(Cell(before, last, channels, reduces, after_reduction))
            before, last, after_reduction = last, 4 * channels, reduces
        self.classifier = nn.Linear(last, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, classes] of normalised images [batch, channels, height, width]."""
        before, last = self.stem(x)
        for cell in self.body:
            before, last = last, cell(before, last)
        return self.classifier(last.mean(dim=(2, 3)))


def normalise(images: Tensor) -> Tensor:
    """What the network reads, of images [batch, channels, height, width] with pixels between 0 and 1."""
    mean, std = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def load(path: str | Path = WEIGHTS) -> Network:
    """The trained network, ready to predict."""
    network = Network()
    network.load_state_dict(load_file(path))
    return network.eval()

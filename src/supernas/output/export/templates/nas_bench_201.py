"""A NAS-Bench-201 network that stands alone: the ResNet cell with fresh constants, a pattern for others."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).with_name("weights.safetensors")
MEAN = (0.5,)
STD = (0.5,)
IN_CHANNELS = 1
NUM_CLASSES = 10
CHANNELS = 16
CELLS = 5  # in each of the three stages

# (node, source, operation): a node is the sum of what enters it; node 0 is the cell's input, node 3 its output.
CELL: list[tuple[int, int, str]] = [
    (1, 0, "nor_conv_3x3"),
    (2, 0, "nor_conv_3x3"),
    (3, 1, "skip_connect"),
    (3, 2, "skip_connect"),
]


class ReLUConvNorm(nn.Module):
    """ReLU, convolution, batch normalisation."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to the same."""
        return self.norm(self.conv(F.relu(x)))


OPERATIONS: dict[str, Callable[[int], nn.Module]] = {
    "skip_connect": lambda channels: nn.Identity(),
    "nor_conv_1x1": lambda channels: ReLUConvNorm(channels, 1),
    "nor_conv_3x3": lambda channels: ReLUConvNorm(channels, 3),
    "avg_pool_3x3": lambda channels: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),
}


class Cell(nn.Module):
    """Four nodes, joined as the table says."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.operations = nn.ModuleList(OPERATIONS[name](channels) for _, _, name in CELL)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, channels, height, width] to the same."""
        nodes = [x]
        for node in (1, 2, 3):
            value = torch.zeros_like(x)
            for (to, source, _), operation in zip(CELL, self.operations, strict=True):
                if to == node:
                    value = value + operation(nodes[source])
            nodes.append(value)
        return nodes[3]


class Reduction(nn.Module):
    """Residual block that halves the resolution and changes the channels."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.shortcut = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, before, height, width] to [batch, after, height / 2, width / 2]."""
        main = self.first_norm(self.first(F.relu(x)))
        main = self.second_norm(self.second(F.relu(main)))
        return main + self.shortcut(F.avg_pool2d(x, 2))


class Network(nn.Module):
    """A convolution, three stages of cells with a reduction between them, average pooling, a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        widths = (CHANNELS, 2 * CHANNELS, 4 * CHANNELS)
        self.stem = nn.Sequential(nn.Conv2d(IN_CHANNELS, CHANNELS, 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS))
        self.body = nn.Sequential()
        for stage, channels in enumerate(widths):
            if stage > 0:
                self.body.append(Reduction(widths[stage - 1], channels))
            self.body.extend(Cell(channels) for _ in range(CELLS))
        self.head = nn.BatchNorm2d(widths[-1])
        self.classifier = nn.Linear(widths[-1], NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, classes] of normalised images [batch, channels, height, width]."""
        features = F.relu(self.head(self.body(self.stem(x)))).mean(dim=(2, 3))
        return self.classifier(features)


def normalise(images: Tensor) -> Tensor:
    """What the network reads, of images [batch, channels, height, width] with pixels between 0 and 1."""
    mean, std = (torch.tensor(values, device=images.device).view(-1, 1, 1) for values in (MEAN, STD))
    return (images - mean) / std


def load(path: str | Path = WEIGHTS) -> Network:
    """The trained network, ready to predict."""
    network = Network()
    network.load_state_dict(load_file(path))
    return network.eval()

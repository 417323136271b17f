"""A NAS-Bench-1Shot1 network that stands alone: a cell of two blocks with fresh constants, a pattern for others."""

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
CELLS = 3  # in each of the three stages
BLOCKS = 4  # of a cell, with those that nothing reads

# (block, the nodes that it reads, operation): node 0 is the cell's input, the others are blocks.
CELL: list[tuple[int, tuple[int, ...], str]] = [
    (1, (0,), "conv3x3-bn-relu"),
    (2, (0, 1), "conv3x3-bn-relu"),
]
OUTPUT: tuple[int, ...] = (0, 2)  # the nodes that the output reads


class ConvNormReLU(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, before, height, width] to [batch, after, height, width]."""
        return F.relu(self.norm(self.conv(x)))


OPERATIONS: dict[str, Callable[[int], nn.Module]] = {
    "conv3x3-bn-relu": lambda channels: ConvNormReLU(channels, channels, 3),
    "conv1x1-bn-relu": lambda channels: ConvNormReLU(channels, channels, 1),
    "maxpool3x3": lambda channels: nn.MaxPool2d(3, stride=1, padding=1),
}


class FullCell(nn.Module):
    """Blocks of all channels, side by side in the output, with zeros for those that it does not read."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.out_channels = BLOCKS * channels
        readers = {block: channels for block, nodes, _ in CELL if 0 in nodes}
        if 0 in OUTPUT:
            readers[BLOCKS + 1] = self.out_channels
        self.projections = nn.ModuleDict({str(node): ConvNormReLU(before, n, 1) for node, n in readers.items()})
        self.operations = nn.ModuleList(OPERATIONS[name](channels) for _, _, name in CELL)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, before, height, width] to [batch, BLOCKS * channels, height, width]."""
        nodes: dict[int, Tensor] = {}
        for (block, read, _), operation in zip(CELL, self.operations, strict=True):
            inputs = [nodes[node] if node else self.projections[str(block)](x) for node in read]
            nodes[block] = operation(sum(inputs[1:], inputs[0]))
        zeros = torch.zeros_like(nodes[CELL[0][0]])
        value = torch.cat([nodes[block] if block in OUTPUT else zeros for block in range(1, BLOCKS + 1)], dim=1)
        return value + self.projections[str(BLOCKS + 1)](x) if 0 in OUTPUT else value


class DividedCell(nn.Module):
    """Blocks that divide the channels: those that the output reads stand side by side in it."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        self.out_channels = channels
        self.widths = divided(channels)
        readers = {block: self.widths[block] for block, nodes, _ in CELL if 0 in nodes}
        if 0 in OUTPUT:
            readers[BLOCKS + 1] = channels
        self.projections = nn.ModuleDict({str(node): ConvNormReLU(before, n, 1) for node, n in readers.items()})
        self.operations = nn.ModuleList(OPERATIONS[name](self.widths[block]) for block, _, name in CELL)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, before, height, width] to [batch, channels, height, width]."""
        nodes: dict[int, Tensor] = {}
        for (block, read, _), operation in zip(CELL, self.operations, strict=True):
            width = self.widths[block]
            inputs = [nodes[node][:, :width] if node else self.projections[str(block)](x) for node in read]
            nodes[block] = operation(sum(inputs[1:], inputs[0]))
        value = torch.cat([nodes[block] for block in OUTPUT if block], dim=1)
        return value + self.projections[str(BLOCKS + 1)](x) if 0 in OUTPUT else value


def divided(channels: int) -> dict[int, int]:
    """The channels of each block: the output's are divided among those that it reads, others are as wide as these."""
    read = [block for block in OUTPUT if block]
    widths = {block: channels // len(read) + (place < channels % len(read)) for place, block in enumerate(read)}
    for block, _, _ in reversed(CELL):
        if block not in widths:
            widths[block] = max(widths[reader] for reader, nodes, _ in CELL if block in nodes)
    return widths


class ReLUConvNorm(nn.Module):
    """ReLU, 1x1 convolution, batch normalisation: what follows the last cell."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, 1, bias=False)
        self.norm = nn.BatchNorm2d(after)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, before, height, width] to [batch, after, height, width]."""
        return self.norm(self.conv(F.relu(x)))


Cell = FullCell
Head = ReLUConvNorm


class Network(nn.Module):
    """A convolution, three stages of cells with a pooling between them, average pooling, a linear classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = ConvNormReLU(IN_CHANNELS, CHANNELS, 3)
        self.body = nn.Sequential()
        before = CHANNELS
        for stage in range(3):
            if stage > 0:
                self.body.append(nn.MaxPool2d(2, ceil_mode=True))
            for _ in range(CELLS):
                cell = Cell(before, CHANNELS * 2**stage)
                self.body.append(cell)
                before = cell.out_channels
        self.head = Head(before, 4 * CHANNELS)
        self.classifier = nn.Linear(4 * CHANNELS, NUM_CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Logits [batch, classes] of normalised images [batch, channels, height, width]."""
        features = self.head(self.body(self.stem(x))).mean(dim=(2, 3))
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

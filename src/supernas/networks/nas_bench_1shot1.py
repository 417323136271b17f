"""The networks of NAS-Bench-1Shot1: supernet and stand-alone network in one class.

A. Zela, J. Siems and F. Hutter, "NAS-Bench-1Shot1: Benchmarking and Dissecting One-shot Neural Architecture Search",
ICLR 2020, on the skeleton of C. Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML
2019: a 3x3 convolution, three stages of N cells with C, 2C and 4C channels, 2x2 maximum pooling between stages; then
ReLU, a 1x1 convolution to 4C channels, global average pooling and a linear classifier. A convolution is followed by
batch normalisation and ReLU.

In a cell of n blocks the input reaches each block that reads it through a 1x1 convolution of that block's own, to the
stage's channels. The output is nC channels, those of each block that it reads in their place and zeros in the others';
if it reads the input, a 1x1 convolution of that to nC channels is added. A node's weight is the sum of the weights of
the sets that hold it (`spaces/one_shot/cells.py`).

NAS-Bench-101's own networks divide C channels among the blocks that the output reads, and have no convolution after the
last cell. The benchmark's figures are theirs, and `form="evaluation", width="divided"` makes them, without the blocks
that nothing reads. Elsewhere such blocks are computed like others, as dead edges of other spaces are.

Forms: `search` has normalisation by the supernet's settings, `evaluation` learns scales and shifts and has running
statistics. The released supernets pool with a pixel of padding, which NAS-Bench-101 does not have, nor is it here.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture, Pair
from supernas.core.settings import build, setting, settings
from supernas.networks import operations
from supernas.networks.base import (
    Form,
    Mixture,
    Network,
    NetworkSettings,
    NetworkSize,
    Output,
    Published,
    SupernetSettings,
    Unselected,
)
from supernas.networks.mixture import (
    ActiveOptions,
    Rows,
    active_options,
    check_parts,
    partial_sum_into_node,
    rows_by_cell,
    sum_into_node,
)
from supernas.networks.operations import BatchNorm, ConvNormReLU, Node, Norm, ReLUConvNorm
from supernas.networks.reading import Reading, scaled
from supernas.spaces.base import Space
from supernas.spaces.one_shot.cells import OneShotCells
from supernas.spaces.one_shot.modules import Module

__all__ = ["OneShotNetwork", "OneShotSize", "OneShotSupernet", "vertex_channels"]

STAGES = 3

_CELLS = "cells N in each of the three stages"
Width = Literal["full", "divided"]


@settings
class OneShotSupernet(SupernetSettings):
    """The supernet that a search trains."""

    cells: int = setting(3, _CELLS, ge=1)


@settings
class OneShotSize(NetworkSize):
    """The network of one architecture."""

    cells: int = setting(3, _CELLS, ge=1)
    width: Width = setting(
        "full", "channels of a block: all C, as in the supernet, or C divided among the blocks that the output reads"
    )


@settings
class _AnySize(OneShotSupernet):
    """Whatever may be set of either."""

    width: Width = setting("full", "as in `OneShotSize`")


class OneShotNetwork(Network):
    """All, or some, options of the cell in the published skeleton.

    Args:
        space: one of the three spaces.
        num_classes: outputs of the classifier.
        in_channels: channels of the images.
        pairs: the (choice, option) pairs to hold; all by default. Exactly an architecture's, if `width` is `divided`.
        form: `search` or `evaluation`.
        settings: fields of `OneShotSupernet` and `OneShotSize`.

    Raises:
        UserError: if one of every `partial` channels is none.
        ValueError: if several architectures are to divide their channels.
    """

    supernet_settings: ClassVar[type[NetworkSettings]] = OneShotSupernet
    network_settings: ClassVar[type[NetworkSettings]] = OneShotSize
    published: ClassVar[tuple[Published, ...]] = (
        Published("CIFAR-10", 10, 32, {"channels": 128, "cells": 3, "width": "divided"}),
    )
    repeats_cells = True

    def __init__(
        self,
        space: Space,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        pairs: tuple[Pair, ...] | None = None,
        form: Form = "search",
        **settings: Any,
    ) -> None:
        super().__init__()
        size = build(_AnySize, settings, "supernet" if form == "search" else "network")
        check_parts(size.channels, size.partial)
        self.space: OneShotCells = cast(OneShotCells, space)
        self.pairs = pairs or space.pairs
        tracked = form == "evaluation" or size.batch_norm == "tracked"

        def norm(channels: int) -> BatchNorm:
            return BatchNorm(channels, affine=True, track_running_stats=tracked)

        def cell_norm(channels: int) -> BatchNorm:
            return BatchNorm(channels, affine=size.affine or form == "evaluation", track_running_stats=tracked)

        divided = self._module() if size.width == "divided" else None
        before = size.channels
        self.stem = Convolution(in_channels, before, 3, norm)
        self.body = nn.ModuleList()
        for stage in range(STAGES):
            channels = size.channels * 2**stage
            if stage:
                self.body.append(nn.MaxPool2d(2, ceil_mode=True))
            for _ in range(size.cells):
                if divided is None:
                    cell: nn.Module = Cell(self.space, self.pairs, before, channels, cell_norm, size.partial)
                else:
                    cell = DividedCell(divided, before, channels, cell_norm)
                self.body.append(cell)
                before = cast(int, cell.out_channels)
        self.head = ReLUConvNorm(before, channels, 1, 1, norm) if divided is None else None
        self.classifier = nn.Linear(channels, num_classes)

    def _module(self) -> Module:
        architecture = Architecture(self.pairs)
        if not self.space.contains(architecture):
            raise ValueError("channels are divided among the blocks of one architecture; these are several's options")
        return self.space.module(architecture)

    @classmethod
    def smallest_batch(cls, input_shape: tuple[int, ...], size: NetworkSettings) -> int:
        """Two where the last cells see a single pixel: sides are halved, and rounded up, twice."""
        return 1 if max(input_shape[1:]) > 2 ** (STAGES - 1) else 2

    @property
    def cells(self) -> list["Cell"]:
        """Those of all stages, in their order; none where channels are divided."""
        return [block for block in self.body if isinstance(block, Cell)]

    @property
    def cell_counts(self) -> Mapping[str, int]:
        """All are of one kind."""
        return {"cell": len(self.cells)}

    def option_modules(self) -> Iterator[tuple[Pair, nn.Module]]:
        """The operations of all blocks of all cells; a set of nodes has no weights of its own."""
        for cell in self.cells:
            for block, options in zip(self.space.blocks, cast(list[nn.ModuleDict], cell.blocks), strict=True):
                choice = self.space.operation_choice(block)
                yield from (((choice, int(option)), module) for option, module in options.items())

    def embed(self, x: Tensor) -> Tensor:
        """Images [batch, channels, height, width] after the first convolution: [batch, C, height, width]."""
        return cast(Tensor, self.stem(x))

    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """Logits [batch, classes] and pooled features [batch, 4C] of the stem's output [batch, C, height, width]."""
        which, W = active_options(self.pairs, mixture.active), mixture.W
        cells = len(self.cells)
        rows = [None] * cells if W is None else rows_by_cell(W["cell"], cells)
        weighed = iter(zip(self._readings(which, rows), rows, strict=True))
        for block in self.body:
            if isinstance(block, Cell):
                reading, own = next(weighed)
                x = block(x, reading, which, own, mixture.unselected)
            else:
                x = block(x)
        if self.head is not None:
            x = self.head(Node(x))
        features = x.mean(dim=(2, 3))
        return Output(self.classifier(features), features)

    def _readings(self, which: ActiveOptions, rows: Sequence[Rows | None]) -> list[list[Reading]]:
        """What is read in each cell, from its weights; found once where cells share them."""
        shared = self._reading(which, rows[0]) if rows else []
        return [shared if own is rows[0] else self._reading(which, own) for own in rows]

    def _reading(self, which: ActiveOptions, rows: Rows | None) -> list[Reading]:
        """What each block, and at last the output, reads."""
        readings = []
        for node, sets in enumerate(self.space.parent_sets, start=1):
            choice = self.space.parents_choice(node)
            if choice is None:
                readings.append(Reading.of(sets, (0,)))
            else:
                readings.append(Reading.of(sets, *which.get(choice, ((), ())), None if rows is None else rows[choice]))
        return readings


class Convolution(ConvNormReLU):
    """A convolution, batch normalisation and ReLU of a tensor that nothing else reads."""

    def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(Node(x))


class Cell(nn.Module):
    """Blocks of C channels each; the output has theirs side by side."""

    def __init__(
        self, space: OneShotCells, pairs: tuple[Pair, ...], before: int, channels: int, norm: Norm, parts: int
    ) -> None:
        super().__init__()
        self.space, self.channels, self.parts = space, channels, parts
        self.out_channels = channels * len(space.blocks)
        self.projections = nn.ModuleDict()
        for node in self._reading_input(pairs):
            width = channels if node in space.blocks else self.out_channels
            self.projections[str(node)] = Convolution(before, width, 1, norm)
        self.blocks = nn.ModuleList(nn.ModuleDict() for _ in space.blocks)
        held = set(pairs)
        for block, options in zip(space.blocks, self.blocks, strict=True):
            choice = space.operation_choice(block)
            for option, name in enumerate(space.choices[choice].options):
                if (choice, option) in held:
                    made = operations.make(name, channels // parts, norm)
                    cast(nn.ModuleDict, options)[str(option)] = made

    def _reading_input(self, pairs: tuple[Pair, ...]) -> list[int]:
        """The blocks, and the output, of which a set that is held has the cell's input in it."""
        nodes = []
        for node, sets in enumerate(self.space.parent_sets, start=1):
            choice = self.space.parents_choice(node)
            held = [0] if choice is None else [option for at, option in pairs if at == choice]
            if any(0 in sets[number] for number in held):
                nodes.append(node)
        return nodes

    def forward(
        self, x: Tensor, reading: Sequence[Reading], which: ActiveOptions, rows: Rows | None, unselected: Unselected
    ) -> Tensor:
        nodes: list[Tensor] = []
        for block, options in zip(self.space.blocks, self.blocks, strict=True):
            choice = self.space.operation_choice(block)
            if not which.get(choice, ((), ()))[0] or not reading[block - 1].active:  # not run: nothing reads it
                nodes.append(x.new_zeros(len(x), self.channels, *x.shape[2:]))
                continue
            inputs = Node(self._sum(block, x, nodes, reading[block - 1], unselected))
            entering = [(inputs, cast(nn.ModuleDict, options), choice)]
            if self.parts > 1:
                nodes.append(partial_sum_into_node(entering, which, rows, unselected, self.parts))
                continue
            value = sum_into_node(entering, which, rows, unselected)
            assert value is not None, "a block whose operations have no output"
            nodes.append(value)
        return self._output(x, nodes, reading[-1], unselected)

    def _sum(self, block: int, x: Tensor, nodes: Sequence[Tensor], reading: Reading, unselected: Unselected) -> Tensor:
        """The sum of what a block reads [batch, C, height, width]."""

        def value(node: int) -> Tensor:
            return nodes[node - 1] if node else cast(Tensor, self.projections[str(block)](x))

        first, *others = (scaled(value(node), weight) for node, weight in reading.active.items())
        return reading.completed(sum(others, first), value, unselected)

    def _output(self, x: Tensor, nodes: Sequence[Tensor], reading: Reading, unselected: Unselected) -> Tensor:
        """What the output reads, side by side [batch, nC, height, width]."""
        last = str(len(nodes) + 1)

        def beside(values: Mapping[int, Tensor]) -> Tensor:
            zeros = torch.zeros_like(nodes[0])
            return torch.cat([values.get(node, zeros) for node in self.space.blocks], dim=1)

        def value(node: int) -> Tensor:
            return beside({node: nodes[node - 1]}) if node else cast(Tensor, self.projections[last](x))

        total = beside({node: scaled(nodes[node - 1], weight) for node, weight in reading.active.items() if node})
        if 0 in reading.active:
            total = total + scaled(value(0), reading.active[0])
        return reading.completed(total, value, unselected)


class DividedCell(nn.Module):
    """A module of NAS-Bench-101, whose C channels are divided among the vertices that the output reads."""

    def __init__(self, module: Module, before: int, channels: int, norm: Norm) -> None:
        super().__init__()
        self.module, self.out_channels = module, channels
        widths = self.widths = vertex_channels(module, channels)
        last = len(widths) - 1
        reading = [vertex for vertex in range(1, last + 1) if 0 in module.parents(vertex)]
        self.projections = nn.ModuleDict(
            {str(vertex): Convolution(before, widths[vertex], 1, norm) for vertex in reading}
        )
        made = (operations.make(module.operations[vertex], widths[vertex], norm) for vertex in range(1, last))
        self.vertices = nn.ModuleList(made)

    def forward(self, x: Tensor) -> Tensor:
        values = [x]
        for vertex, operation in enumerate(self.vertices, start=1):
            parents = self.module.parents(vertex)
            entering = [values[source][:, : self.widths[vertex]] for source in parents if source]
            if 0 in parents:
                entering.append(self.projections[str(vertex)](x))
            values.append(operation(Node(sum(entering[1:], entering[0]))))
        last = len(values)
        read = [values[source] for source in self.module.parents(last) if source]
        projected = [self.projections[str(last)](x)] if 0 in self.module.parents(last) else []
        parts = [*([torch.cat(read, dim=1)] if read else []), *projected]
        return sum(parts[1:], parts[0])


def vertex_channels(module: Module, channels: int) -> list[int]:
    """The channels of each vertex of a pruned module whose output has so many; those of the input are not its own: 0.

    The vertices that the output reads divide its channels; the first ones have one more where they do not divide. Any
    other has as many as the widest of those that read it, which take the first channels of what is wider by one.
    """
    last = len(module.operations) - 1
    read = [vertex for vertex in module.parents(last) if vertex]
    widths = [0] * last + [channels]
    for place, vertex in enumerate(read):
        widths[vertex] = channels // len(read) + (place < channels % len(read))
    for vertex in reversed(range(1, last)):
        if vertex not in read:
            widths[vertex] = max(widths[reader] for reader in range(vertex, last) if vertex in module.parents(reader))
    return widths

"""The NAS-Bench-201 network: supernet and stand-alone network in one class.

Dong and Yang, ICLR 2020: a 3x3 convolution, three stages of N cells with C, 2C and 4C channels, a residual reduction
between stages, then normalisation, ReLU, global average pooling and a linear classifier.

The released supernets give their convolutions a bias where normalisation has no shift; the normalisation that follows
removes it again, so there is none here. Forms: `search` has normalisation by `NASBench201Supernet`, `evaluation` is the
published network (learnt scale and shift, running statistics).

With one cell a stage the two reductions have much of the network's work to do, and cells differ little. A supernet may
therefore have less of them: their convolutions without the shortcut beside them, or the shortcut alone.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernas.core.architecture import Pair
from supernas.core.settings import build, setting, settings
from supernas.networks import operations
from supernas.networks.base import (
    Form,
    Mixture,
    Network,
    NetworkSettings,
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
from supernas.networks.operations import BatchNorm, Node
from supernas.spaces.base import Space
from supernas.spaces.nas_bench_201 import EDGES

__all__ = ["NASBench201Network"]

STAGES = 3

ReductionKind = Literal["residual", "convolutions", "shortcut"]


@settings
class NASBench201Supernet(SupernetSettings):
    """The supernet that a search trains."""

    reduction: ReductionKind = setting(
        "residual", "between stages: two convolutions beside a shortcut (published), or one of both alone"
    )


class NASBench201Network(Network):
    """All, or some, options of the cell in the published skeleton.

    Args:
        space: the space.
        num_classes: outputs of the classifier.
        in_channels: channels of the images.
        pairs: the (choice, option) pairs to hold; all by default.
        form: `search` or `evaluation`.
        settings: fields of `NASBench201Supernet`.

    Raises:
        UserError: if one of every `partial` channels is none.
    """

    repeats_cells = True
    supernet_settings: ClassVar[type[NetworkSettings]] = NASBench201Supernet
    published: ClassVar[tuple[Published, ...]] = (
        Published("CIFAR-10", 10, 32),
        Published("CIFAR-100", 100, 32),
        Published("ImageNet16-120", 120, 16),
    )

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
        size = build(NASBench201Supernet, settings, "supernet")
        check_parts(size.channels, size.partial)
        self.space = space
        self.pairs = pairs or space.pairs

        def norm(channels: int, affine: bool = True) -> BatchNorm:
            tracked = form == "evaluation" or size.batch_norm == "tracked"
            return BatchNorm(channels, affine=affine or form == "evaluation", track_running_stats=tracked)

        def cell_norm(channels: int) -> BatchNorm:
            return norm(channels, size.affine)

        widths = [size.channels * 2**stage for stage in range(STAGES)]
        self.stem = nn.Sequential(nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False), norm(widths[0]))
        self.body = nn.ModuleList()
        for stage, channels in enumerate(widths):
            if stage:
                self.body.append(Reduction(widths[stage - 1], channels, norm, size.reduction))
            self.body.extend(Cell(space, self.pairs, channels, cell_norm, size.partial) for _ in range(size.cells))
        self.head = norm(widths[-1])
        self.classifier = nn.Linear(widths[-1], num_classes)

    @classmethod
    def misfit(cls, input_shape: tuple[int, ...], size: NetworkSettings) -> str:
        """Each of the two reductions halves the sides, and its shortcut needs them even."""
        reduced = 2 ** (STAGES - 1)
        return f"takes sides divisible by {reduced}" if any(side % reduced for side in input_shape[1:]) else ""

    @classmethod
    def smallest_batch(cls, input_shape: tuple[int, ...], size: NetworkSettings) -> int:
        """Two where the last cells see a single pixel."""
        return 1 if max(input_shape[1:]) >= 2**STAGES else 2

    @property
    def cells(self) -> int:
        """Cells of all stages."""
        return sum(isinstance(block, Cell) for block in self.body)

    @property
    def cell_counts(self) -> Mapping[str, int]:
        """All are of one kind."""
        return {"cell": self.cells}

    def option_modules(self) -> Iterator[tuple[Pair, nn.Module]]:
        """Those of all edges of all cells."""
        for cell in (block for block in self.body if isinstance(block, Cell)):
            for choice, edge in enumerate(cast(list[nn.ModuleDict], cell.edges)):
                yield from (((choice, int(option)), module) for option, module in edge.items())

    def embed(self, x: Tensor) -> Tensor:
        """Images [batch, channels, height, width] after the first convolution: [batch, C, height, width]."""
        return self.stem(x)

    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """Logits [batch, classes] and pooled features [batch, 4C] of the stem's output [batch, C, height, width]."""
        which, W = active_options(self.pairs, mixture.active), mixture.W
        rows = iter([None] * self.cells if W is None else rows_by_cell(W["cell"], self.cells))
        for block in self.body:
            if isinstance(block, Cell):
                x = block(x, which, next(rows), mixture.unselected)
            else:
                x = cast(Reduction, block)(x)
        features = F.relu(self.head(x)).mean(dim=(2, 3))
        return Output(self.classifier(features), features)


class Cell(nn.Module):
    """Four nodes; node i is the sum of the edges that enter it."""

    def __init__(self, space: Space, pairs: tuple[Pair, ...], channels: int, norm: Any, parts: int) -> None:
        super().__init__()
        self.parts = parts
        self.edges = nn.ModuleList(nn.ModuleDict() for _ in EDGES)
        inside = channels // parts
        for choice, option in pairs:
            name = space.choices[choice].options[option]
            cast(nn.ModuleDict, self.edges[choice])[str(option)] = operations.make(name, inside, norm)

    def forward(self, x: Tensor, which: ActiveOptions, rows: Rows | None, unselected: Unselected) -> Tensor:
        nodes = [Node(x)]
        for node in (1, 2, 3):
            entering = [
                (nodes[source], cast(nn.ModuleDict, self.edges[choice]), choice)
                for choice, (to, source) in enumerate(EDGES)
                if to == node
            ]
            if self.parts > 1:
                nodes.append(Node(partial_sum_into_node(entering, which, rows, unselected, self.parts)))
                continue
            value = sum_into_node(entering, which, rows, unselected)
            # where nothing but bare scalars enters, the sum has no shape of its own
            nodes.append(Node(torch.zeros_like(x) if value is None else value.expand_as(x)))
        return nodes[3].value


class Reduction(nn.Module):
    """Residual block that halves the resolution and changes the channels; no activation after the sum."""

    def __init__(self, before: int, after: int, norm: Any, kind: ReductionKind = "residual") -> None:
        super().__init__()
        self.convolves, self.passes = kind != "shortcut", kind != "convolutions"
        if self.convolves:
            self.first = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            self.first_norm = norm(after)
            self.second = nn.Conv2d(after, after, 3, padding=1, bias=False)
            self.second_norm = norm(after)
        if self.passes:
            self.shortcut = nn.Conv2d(before, after, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not self.convolves:
            return self._shortcut(x)
        main = self.first_norm(self.first(F.relu(x)))
        main = self.second_norm(self.second(F.relu(main)))
        return main + self._shortcut(x) if self.passes else main

    def _shortcut(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.shortcut(F.avg_pool2d(x, 2)))

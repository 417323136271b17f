"""The networks of the DARTS convolutional space: supernet and stand-alone network in one class.

Liu, Simonyan and Yang, ICLR 2019: a stem, L cells each of which reads the outputs of the two before it, global average
pooling, a linear classifier. The cells number L // 3 and 2L // 3 (from 0) are reduction cells: what they read from
outside passes operations of stride 2, and the channels double from there on.

Forms: `search` has normalisations by the supernet's settings and one without scale and shift after each pooling;
`evaluation` learns scales and shifts, does not normalise poolings, and may have an auxiliary head behind cell 2L // 3
and drop path.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernas.core.architecture import Pair
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import build as build_settings
from supernas.core.settings import setting, settings
from supernas.core.spelling import assigned
from supernas.networks import operations
from supernas.networks.base import (
    Auxiliary,
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
from supernas.networks.chance import Chance
from supernas.networks.mixture import (
    ActiveOptions,
    Options,
    Rows,
    active_options,
    check_parts,
    partial_sum_into_node,
    rows_by_cell,
    sum_into_node,
)
from supernas.networks.operations import BatchNorm, FactorizedReduce, Node, Norm, ReLUConvNorm
from supernas.spaces.base import Space
from supernas.spaces.darts.edges import EDGES, NODES

__all__ = ["DARTSCNNEvaluation", "DARTSCNNNetwork", "DARTSCNNSupernet"]

Stem = Literal["cifar", "imagenet"]
_AUXILIARY_STRIDES: dict[Stem, int] = {"cifar": 3, "imagenet": 2}
_STEM_MEANING = "cifar: one 3x3 convolution; imagenet: three of stride 2, which leave an eighth of the resolution"


@settings
class DARTSCNNSupernet(SupernetSettings):
    """The size and form of the supernet of DARTS cells."""

    cells: int = setting(8, "cells L in all, the two reduction cells among them", ge=3)
    stem: Stem = setting("cifar", _STEM_MEANING)


@settings
class DARTSCNNEvaluation(NetworkSize):
    """The network of one architecture of DARTS cells."""

    channels: int = setting(36, "channels C of the first cells", ge=1)
    cells: int = setting(20, "cells L in all, the two reduction cells among them", ge=3)
    stem: Stem = setting("cifar", _STEM_MEANING)
    auxiliary_weight: float = setting(0.0, "weight of the loss of an auxiliary head behind cell 2L // 3; 0: none", ge=0)
    drop_path: float = setting(
        0.0, "probability that an operation is dropped for an image, reached linearly over the epochs", ge=0, lt=1
    )


class DARTSCNNNetwork(Network):
    """All, or some, options of the two cells in the published skeleton.

    Args:
        space: the space.
        num_classes: outputs of the classifier.
        in_channels: channels of the images.
        pairs: the (choice, option) pairs to hold; all by default.
        form: `search` or `evaluation`.
        settings: fields of `DARTSCNNSupernet` or, in form `evaluation`, of `DARTSCNNEvaluation`.
    """

    repeats_cells = True
    supernet_settings: ClassVar[type[NetworkSettings]] = DARTSCNNSupernet
    network_settings: ClassVar[type[NetworkSettings]] = DARTSCNNEvaluation
    published: ClassVar[tuple[Published, ...]] = (
        Published("CIFAR-10", 10, 32),
        Published("CIFAR-100", 100, 32),
        Published("ImageNet", 1000, 224, {"channels": 48, "cells": 14, "stem": "imagenet"}),
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
        kind: Any = DARTSCNNSupernet if form == "search" else DARTSCNNEvaluation
        size = build_settings(kind, settings, "supernet" if form == "search" else "network")
        self.space = space
        self.pairs = pairs or space.pairs
        self.drop_path = 0.0 if form == "search" else size.drop_path
        self.chance = Chance()  # of this moment; see `advance`
        parts = size.partial if form == "search" else 1
        check_parts(size.channels, parts, 2, ", and a reducing skip needs two")
        norms = _Norms(form, size)

        self.stem, self.second_stem, width = _stems(size.stem, in_channels, size.channels, norms.outside)
        self.body = nn.ModuleList()
        before = last = width
        reduced = size.stem == "imagenet"  # its second stem halves the resolution
        channels, reductions = size.channels, (size.cells // 3, 2 * size.cells // 3)
        for number in range(size.cells):
            reduces = number in reductions
            channels *= 1 + reduces
            self.body.append(Cell(space, self.pairs, reduces, (before, last), channels, reduced, norms, parts))
            before, last, reduced = last, len(NODES) * channels, reduces
            if number == reductions[1]:
                width = last
        self.auxiliary_at = reductions[1]
        self.auxiliary: AuxiliaryHead | None = None
        if form == "evaluation" and size.auxiliary_weight:
            self.auxiliary_weight = size.auxiliary_weight
            self.auxiliary = AuxiliaryHead(width, num_classes, size.stem, norms.outside)
        self.classifier = nn.Linear(last, num_classes)

    @classmethod
    def misfit(cls, input_shape: tuple[int, ...], size: Any) -> str:
        """Any sides go, but an auxiliary head needs maps that are large enough."""
        if not getattr(size, "auxiliary_weight", 0):
            return ""
        least, last = _auxiliary_least(size.stem), min(_last_sides(input_shape, size.stem))
        if last >= least:
            return ""
        return (
            f"needs maps of {least}x{least} for its auxiliary head behind cell 2L // 3, where these leave {last} "
            f"({assigned('network.auxiliary_weight', 0)} leaves the head out)"
        )

    @classmethod
    def smallest_batch(cls, input_shape: tuple[int, ...], size: Any) -> int:
        """Two where the last cells see a single pixel, or an auxiliary head leaves one."""
        head = bool(getattr(size, "auxiliary_weight", 0))
        return 2 if head or max(_last_sides(input_shape, size.stem)) == 1 else 1

    def advance(self, progress: Progress) -> None:
        """Drop path grows with the epochs: `drop_path` times the part of them that is done."""
        self.chance.probability = self.drop_path * progress.epoch / progress.epochs

    @property
    def cell_counts(self) -> Mapping[str, int]:
        """Normal cells, and the two that reduce."""
        kinds = [cell.kind for cell in cast(list[Cell], self.body)]
        return {kind: kinds.count(kind) for kind in self.space.kinds}

    def option_modules(self) -> Iterator[tuple[Pair, nn.Module]]:
        """Those of all edges of all cells."""
        for cell in cast(list[Cell], self.body):
            where = self.space.kinds[cell.kind]
            for choice, edge in zip(where, cast(list[nn.ModuleDict], cell.edges), strict=True):
                yield from (((choice, int(option)), module) for option, module in edge.items())

    def embed(self, x: Tensor) -> Tensor:
        """Images [batch, channels, height, width] after the first stem: 3C channels, or C at a quarter of the size."""
        return self.stem(x)

    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """Logits [batch, classes] and pooled features [batch, 16C] of the stem's output."""
        W, unselected = mixture.W, mixture.unselected
        active = _active_by_kind(self.space, self.pairs, mixture.active)
        counts = self.cell_counts
        rows = {} if W is None else {kind: iter(rows_by_cell(matrix, counts[kind])) for kind, matrix in W.items()}
        drop = self.chance if self.training and self.drop_path and not self.chance.is_none else None
        before = last = Node(x)
        if self.second_stem is not None:
            last = Node(self.second_stem(x))
        auxiliary = None
        for number, cell in enumerate(cast(list[Cell], self.body)):
            value = cell(before, last, active[cell.kind], next(rows[cell.kind]) if rows else None, unselected, drop)
            before, last = last, Node(value)
            if number == self.auxiliary_at and self.training and self.auxiliary is not None:
                auxiliary = self.auxiliary(value)
        features = last.value.mean(dim=(2, 3))
        return Output(self.classifier(features), features, auxiliary=auxiliary)


def _last_sides(input_shape: tuple[int, ...], stem: Stem) -> list[int]:
    """Height and width behind the second reduction cell: halved and rounded up twice, or with two stems five times."""
    halvings = 2 if stem == "cifar" else 5
    return [-(-side // 2**halvings) for side in input_shape[1:]]


def _auxiliary_least(stem: Stem) -> int:
    """The smallest side of the maps that an auxiliary head takes: a pooling of 5x5, then a convolution of 2x2."""
    return 5 + _AUXILIARY_STRIDES[stem]


@lru_cache(maxsize=1024)
def _active_by_kind(space: Space, held: tuple[Pair, ...], active: tuple[Pair, ...] | None) -> dict[str, ActiveOptions]:
    """Which options run at each choice of each kind of cell."""
    whole = active_options(held, active)
    return {
        kind: {choice - where.start: whole[choice] for choice in where if choice in whole}
        for kind, where in space.kinds.items()
    }


class _Norms:
    """Makes the normalisations of a form: in cells, after poolings, and outside of cells."""

    def __init__(self, form: Form, size: Any) -> None:
        self.tracked = form == "evaluation" or size.batch_norm == "tracked"
        self.affine = form == "evaluation" or size.affine
        self.pooling: Norm | None = None if form == "evaluation" else self._plain

    def cell(self, channels: int) -> BatchNorm:
        return BatchNorm(channels, affine=self.affine, track_running_stats=self.tracked)

    def outside(self, channels: int) -> BatchNorm:
        return BatchNorm(channels, affine=True, track_running_stats=self.tracked)

    def _plain(self, channels: int) -> BatchNorm:
        return BatchNorm(channels, affine=False, track_running_stats=self.tracked)


def _stems(kind: Stem, images: int, channels: int, norm: Norm) -> tuple[nn.Module, nn.Module | None, int]:
    """(stem, second stem, channels of what they give)."""

    def conv(before: int, after: int, stride: int) -> nn.Module:
        return nn.Conv2d(before, after, 3, stride, padding=1, bias=False)

    if kind == "cifar":
        return nn.Sequential(conv(images, 3 * channels, 1), norm(3 * channels)), None, 3 * channels
    half = max(channels // 2, 1)
    first = [conv(images, half, 2), norm(half), nn.ReLU(), conv(half, channels, 2), norm(channels)]
    second = [nn.ReLU(), conv(channels, channels, 2), norm(channels)]
    return nn.Sequential(*first), nn.Sequential(*second), channels


class Cell(nn.Module):
    """Two inputs, each brought to C channels; four nodes, sums of what enters them; the nodes side by side."""

    def __init__(
        self,
        space: Space,
        pairs: tuple[Pair, ...],
        reduces: bool,
        inputs: tuple[int, int],
        channels: int,
        after_reduction: bool,
        norms: _Norms,
        parts: int,
    ) -> None:
        super().__init__()
        self.parts = parts
        self.kind, self.stride = ("reduce", 2) if reduces else ("normal", 1)
        before, last = inputs
        self.before = (
            FactorizedReduce(before, channels, norms.cell)
            if after_reduction
            else ReLUConvNorm(before, channels, 1, 1, norms.cell)
        )
        self.last = ReLUConvNorm(last, channels, 1, 1, norms.cell)
        self.edges = nn.ModuleList(nn.ModuleDict() for _ in EDGES)
        where, inside = space.kinds[self.kind], channels // parts
        for choice, option in pairs:
            if choice in where:
                edge = choice - where.start
                stride = self._stride(edge)
                name = space.choices[choice].options[option]
                made = operations.make(name, inside, norms.cell, stride, norms.pooling)
                cast(nn.ModuleDict, self.edges[edge])[str(option)] = made

    def forward(
        self,
        before: Node,
        last: Node,
        which: ActiveOptions,
        rows: Rows | None,
        unselected: Unselected,
        drop: Chance | None,
    ) -> Tensor:
        nodes = [Node(self.before(before)), Node(self.last(last))]
        like = nodes[1].value[:, :, :: self.stride, :: self.stride]
        for node in NODES:
            entering = [
                (nodes[source], self._options(edge, drop), edge)
                for edge, (to, source) in enumerate(EDGES)
                if to == node
            ]
            if self.parts > 1:
                strides = [self._stride(edge) for _, _, edge in entering]
                partial = partial_sum_into_node(entering, which, rows, unselected, self.parts, strides)
                nodes.append(Node(partial))
                continue
            value = sum_into_node(entering, which, rows, unselected)
            # where nothing but bare scalars enters, the sum has no shape of its own
            nodes.append(Node(torch.zeros_like(like) if value is None else value.expand_as(like)))
        return torch.cat([node.value for node in nodes[len(nodes) - len(NODES) :]], dim=1)

    def _stride(self, edge: int) -> int:
        """Only what comes from the cell's inputs is reduced."""
        return self.stride if EDGES[edge][1] < NODES[0] else 1

    def _options(self, edge: int, drop: Chance | None) -> Options:
        options = cast(nn.ModuleDict, self.edges[edge])
        return options if drop is None else _dropping(options, drop)


def _dropping(options: nn.ModuleDict, chance: Chance) -> dict[str, Callable[..., Tensor | None]]:
    """The operations with drop path (Larsson et al., ICLR 2017): each is zero for an image with some probability, and
    scaled up where it is not. Identities are never dropped.
    """

    def dropped(operation: operations.Operation) -> Callable[..., Tensor | None]:
        def run(node: Node, weight: Tensor | None = None) -> Tensor | None:
            output: Tensor | None = operation(node, weight)
            return None if output is None else chance.of_outputs(output)

        return run

    return {
        option: operation if operation.is_identity else dropped(operation)
        for option, operation in cast(dict[str, operations.Operation], options).items()
    }


class AuxiliaryHead(Auxiliary):
    """A classifier on feature maps of 8x8 (`cifar`) or 7x7 (`imagenet`) behind cell 2L // 3.

    As published, the ImageNet head has no normalisation after its last convolution. On larger maps than published the
    last convolution leaves several positions, which are averaged.

    Raises:
        UserError: in the forward pass, if the maps are smaller.
    """

    def __init__(self, channels: int, num_classes: int, stem: Stem, norm: Norm) -> None:
        super().__init__()
        self.stem: Stem = stem
        self.project = nn.Conv2d(channels, 128, 1, bias=False)
        self.project_norm = norm(128)
        self.spread = nn.Conv2d(128, 768, 2, bias=False)
        self.spread_norm = norm(768) if stem == "cifar" else nn.Identity()
        self.classifier = nn.Linear(768, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        least = _auxiliary_least(self.stem)
        if min(x.shape[2:]) < least:
            raise UserError(
                f"the auxiliary head needs maps of {least}x{least} behind cell 2L // 3, and these images give "
                f"{x.shape[2]}x{x.shape[3]}; use larger images, or none (network.auxiliary_weight=0)"
            )
        x = F.avg_pool2d(F.relu(x), 5, _AUXILIARY_STRIDES[self.stem])
        x = F.relu(self.project_norm(self.project(x)))
        x = F.relu(self.spread_norm(self.spread(x)))
        return self.classifier(x.mean(dim=(2, 3)))

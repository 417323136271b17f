"""How the options that enter a node are weighted and summed: one place for every family of cells."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernas.core.architecture import Pair
from supernas.core.errors import UserError
from supernas.networks.base import Unselected
from supernas.networks.operations import Node

__all__ = [
    "ActiveOptions",
    "Entering",
    "Options",
    "Rows",
    "active_options",
    "check_parts",
    "gradient_to_unselected",
    "partial_sum_into_node",
    "rows_by_cell",
    "sum_into_node",
]

Options = nn.ModuleDict | Mapping[str, Callable[..., Tensor | None]]
"""The operations of a choice by the number of their option, called with a node and a weight."""

ActiveOptions = dict[int, tuple[tuple[int, ...], tuple[int, ...]]]
"""Choice -> (options that are active, options that are not), of those that the network holds."""

Rows = tuple[tuple[Tensor, ...], ...]
"""`W` of one kind of cell as scalars: `rows[choice][option]`."""


@lru_cache(maxsize=1024)
def active_options(held: tuple[Pair, ...], active: tuple[Pair, ...] | None) -> ActiveOptions:
    """Which options run at each choice."""
    runs = set(held if active is None else active)
    if not runs <= set(held):
        raise ValueError(f"the network does not hold the options {sorted(runs - set(held))}")
    choices: dict[int, tuple[list[int], list[int]]] = {}
    for choice, option in held:
        choices.setdefault(choice, ([], []))[(choice, option) not in runs].append(option)
    return {choice: (tuple(on), tuple(off)) for choice, (on, off) in choices.items()}


def rows_by_cell(W: Tensor, cells: int) -> list[Rows]:
    """`W` of one kind as scalars, for each of its cells: the same for all, or Float[cells, choices, options]."""
    if W.ndim == 3:
        return [rows_by_cell(own, 1)[0] for own in W.unbind()]
    return [tuple(row.unbind() for row in W.unbind())] * cells


Entering = Iterable[tuple[Node, Options, int]]
"""(source node, options by number, choice within the kind) of each choice that enters a node."""


class _Entering(NamedTuple):
    """A choice whose options lead from one node into the node at hand."""

    source: Node
    options: Options
    active: tuple[int, ...]
    inactive: tuple[int, ...]
    row: tuple[Tensor, ...] | None


def sum_into_node(entering: Entering, which: ActiveOptions, rows: Rows | None, unselected: Unselected) -> Tensor | None:
    """The value of a node: the weighted sum over its entering choices' active options, or None where all are zero.

    With `unselected="scalar"` it is a scalar, to be expanded, where no active option has an output.

    Args:
        entering: the choices that enter.
        which: the options of this kind of cell that run.
        rows: the entries of `W`, or None for ones.
        unselected: how gradient reaches inactive entries (see `Network.forward`).
    """
    edges = [
        _Entering(source, options, *which[choice], None if rows is None else rows[choice])
        for source, options, choice in entering
        if choice in which
    ]
    total = _add(_active_terms(edges))
    if rows is None or unselected == "skip":
        return total
    if unselected == "scalar":
        scalars = [edge.row[option] for edge in edges for option in edge.inactive if edge.row is not None]
        return _add(([] if total is None else [total]) + scalars)
    return _with_unselected(total, edges)


def check_parts(channels: int, parts: int, least: int = 1, why: str = "") -> None:
    """Refuses a supernet with too few channels for a part of them to go through the options.

    Args:
        channels: of the narrowest cells.
        parts: K.
        least: channels that the options need.
        why: they need them, if it is more than one.

    Raises:
        UserError: if there are fewer.
    """
    if parts > 1 and channels < least * parts:
        raise UserError(
            f"supernet.channels = {channels}: one of every {parts} channels goes through the options{why}; wanted "
            f"{least * parts} or more"
        )


def partial_sum_into_node(
    entering: Entering,
    which: ActiveOptions,
    rows: Rows | None,
    unselected: Unselected,
    parts: int,
    strides: Sequence[int] | None = None,
) -> Tensor:
    """The value of a node when one of every `parts` channels goes through the options and the others pass by.

    What passes by an edge is multiplied by the sum of the edge's row of `W`, so that a weight of the whole edge acts on
    it (PC-DARTS). The channels are then shuffled: c = group * parts + part.

    Args:
        entering: the choices that enter.
        which: as in `sum_into_node`, like the next two.
        rows: the entries of `W`.
        unselected: how gradient reaches inactive entries.
        parts: K.
        strides: of each entering choice's options; what passes by is maximum-pooled as much, as published.
    """
    entering = list(entering)
    channels = entering[0][0].value.shape[1] // parts
    split = [(*source.split(channels), options, choice) for source, options, choice in entering]
    strides = strides or [1] * len(split)
    total = sum_into_node([(first, options, choice) for first, _, options, choice in split], which, rows, unselected)
    passing = [
        _pooled(rest, stride) * _row_sum(*which[choice], None if rows is None else rows[choice], unselected)
        for (_, rest, _, choice), stride in zip(split, strides, strict=True)
        if choice in which
    ]
    rest = _add(passing)
    assert rest is not None, "a node that nothing enters"
    shape = (len(rest), channels, *rest.shape[2:])
    total = rest.new_zeros(shape) if total is None else total.expand(shape)
    return _shuffled(torch.cat([total, rest], dim=1), parts)


def _row_sum(
    active: tuple[int, ...], inactive: tuple[int, ...], row: tuple[Tensor, ...] | None, unselected: Unselected
) -> Tensor | int:
    if row is None:
        return len(active)
    counted = active if unselected == "skip" else (*active, *inactive)
    return torch.stack([row[option] for option in counted]).sum() if counted else 0


def _pooled(x: Tensor, stride: int) -> Tensor:
    return x if stride == 1 else F.max_pool2d(x, stride, ceil_mode=True)


def _shuffled(x: Tensor, parts: int) -> Tensor:
    """Channels [parts, group] as [group, parts]; as they are where they do not divide."""
    batch, channels, *space = x.shape
    if channels % parts:
        return x
    return x.view(batch, parts, channels // parts, *space).transpose(1, 2).reshape(x.shape)


def _active_terms(edges: Sequence[_Entering]) -> list[Tensor]:
    terms = (
        edge.options[str(option)](edge.source, None if edge.row is None else edge.row[option])
        for edge in edges
        for option in edge.active
    )
    return [term for term in terms if term is not None]


def _add(terms: Sequence[Tensor]) -> Tensor | None:
    total = None
    for term in terms:
        total = term if total is None else total + term
    return total


def _with_unselected(total: Tensor | None, edges: Sequence[_Entering]) -> Tensor | None:
    entries, outputs = [], []
    with torch.no_grad():
        for edge in edges:
            for option in edge.inactive:
                output = edge.options[str(option)](edge.source)
                if output is not None and edge.row is not None:
                    entries.append(edge.row[option])
                    outputs.append(output)
    if not outputs:
        return total
    return gradient_to_unselected(torch.zeros_like(outputs[0]) if total is None else total, outputs, entries)


def gradient_to_unselected(value: Tensor, outputs: Sequence[Tensor], entries: Sequence[Tensor]) -> Tensor:
    """The value of a node, which gives each entry of `W` the inner product of its gradient with that option's output.

    Args:
        value: the node's value from its active options.
        outputs: what the other options give, without a graph; each of the shape of `value`.
        entries: their entries of `W`, in the same order.
    """
    given: Tensor = _GradientToUnselected.apply(value, outputs, *entries)
    return given


class _GradientToUnselected(torch.autograd.Function):
    """The identity on a node's value, whose backward gives each unselected entry w the gradient <G, o>.

    A node n = selected + sum of w * o with every w = 0 has dL/dw = <dL/dn, o>, and nothing flows back through o since
    its factor is 0: so the outputs o are computed without a graph, and are not added either.
    """

    @staticmethod
    def forward(ctx: Any, value: Tensor, outputs: Sequence[Tensor], *entries: Tensor) -> Tensor:
        ctx.outputs = outputs
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:
        flat = _flat(gradient)
        return gradient, None, *(torch.dot(flat, _flat(output)) for output in ctx.outputs)


def _flat(x: Tensor) -> Tensor:
    """All elements of [batch, channels, ...] with channels fastest: a view where the layout is channels-last."""
    return x.flatten() if x.ndim < 2 else x.movedim(1, -1).reshape(-1)

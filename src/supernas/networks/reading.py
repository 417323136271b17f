"""What a node reads where a choice offers sets of nodes: the weight of each node, from the weights of the sets."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from supernas.networks.base import Unselected
from supernas.networks.mixture import gradient_to_unselected

__all__ = ["Reading", "scaled"]

Sets = Sequence[tuple[int, ...]]


class Reading(NamedTuple):
    """How much of each node is read.

    Attributes:
        active: node -> its weight, the sum over the active sets that hold it; a number where there is no `W`.
        inactive: node -> the sum of the entries of `W` of the other sets that hold it.
        entries: the entries of these sets.
    """

    active: dict[int, Tensor | int]
    inactive: dict[int, Tensor]
    entries: tuple[Tensor, ...]

    @classmethod
    def of(
        cls, sets: Sets, active: Sequence[int], inactive: Sequence[int] = (), row: Sequence[Tensor] | None = None
    ) -> "Reading":
        """What sets of nodes weigh.

        Args:
            sets: of nodes.
            active: the numbers of those that are read.
            inactive: of those that are not, and yet have entries.
            row: the entries of `W`; None weighs every active set by 1.
        """
        weights: dict[int, Tensor | int] = {}
        others: dict[int, Tensor] = {}
        for number in active:
            for node in sets[number]:
                weights[node] = weights.get(node, 0) + (1 if row is None else row[number])
        for number in inactive if row is not None else ():
            for node in sets[number]:
                others[node] = others.get(node, 0) + row[number]  # type: ignore[index]
        return cls(weights, others, () if row is None else tuple(row[number] for number in inactive))

    def completed(self, value: Tensor, node: Callable[[int], Tensor], unselected: Unselected) -> Tensor:
        """What is read from the active sets, with gradient to the entries of the others (see `Mixture`).

        Args:
            value: the sum of the active nodes, each times its weight.
            node: the value of each node, in the shape of `value`.
            unselected: how gradient reaches the other sets' entries.
        """
        if unselected == "skip" or not self.entries:
            return value
        if unselected == "scalar":
            return value + torch.stack(self.entries).sum()
        with torch.no_grad():
            outputs = [node(number) for number in self.inactive]
        return gradient_to_unselected(value, outputs, list(self.inactive.values()))


def scaled(x: Tensor, weight: Tensor | int) -> Tensor:
    """A node's value times its weight."""
    return x if isinstance(weight, int) and weight == 1 else x * weight

"""A node's slots: the (choice, option) pairs that it may hold, and the two at a time that may stand together."""

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from supernas.core.architecture import Pair

__all__ = ["NodeSlots"]


@dataclass(frozen=True)
class NodeSlots:
    """The slots of one node, and which two of them are legal.

    Attributes:
        slots: every pair that enters the node.
        distinct: whether the two pairs must be of different choices, that is read different inputs.
    """

    slots: tuple[Pair, ...]
    distinct: bool

    @cached_property
    def number(self) -> dict[Pair, int]:
        """The number of each slot."""
        return {pair: number for number, pair in enumerate(self.slots)}

    @cached_property
    def legal(self) -> tuple[tuple[int, int], ...]:
        """The two numbers of slots that may stand together, the smaller first."""
        every = itertools.combinations(range(len(self.slots)), 2)
        return tuple((a, b) for a, b in every if not self.distinct or self.slots[a][0] != self.slots[b][0])

    @cached_property
    def _is_legal(self) -> frozenset[tuple[int, int]]:
        return frozenset(self.legal)

    def fits(self, numbers: Sequence[int]) -> bool:
        """Whether these are two slots that may stand together."""
        return tuple(sorted(numbers)) in self._is_legal

    def covering(self, numbers: Sequence[int], generator: np.random.Generator) -> list[tuple[int, int]]:
        """Twos that may stand together and hold each of these slots once; again those without which one is left over.

        The first of a two is of the choice that has most slots left, so that few are left over.
        """
        every = [numbers[place] for place in generator.permutation(len(numbers))]
        left, twos = list(every), []
        while left:
            sizes = Counter(self.slots[number][0] for number in left)
            first = max(left, key=lambda number: sizes[self.slots[number][0]])
            left.remove(first)
            second = next(number for number in [*left, *every] if self.fits((first, number)))
            left = [number for number in left if number != second]
            twos.append((first, second))
        return twos

    def settled(self, first: int, second: int) -> tuple[Pair, Pair]:
        """The pairs of any two numbers: a second slot that may not stand beside the first moves on to the next."""
        while not self.fits((first, second)):
            second = (second + 1) % len(self.slots)
        return self.slots[first], self.slots[second]

"""A space of which, of each gene, only some values are left.

Genes are independent decisions, so that whatever is left of each makes legal architectures. The space's genes must be
exact (`Space.exact_genes`), and no budget change them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from supernas.core.architecture import Architecture
from supernas.spaces.base import Space, in_turn
from supernas.spaces.search_strategies.additive import additive_worths

__all__ = ["Narrowed"]


@dataclass(frozen=True)
class Narrowed:
    """What is left of a space.

    Attributes:
        space: the whole of it.
        values: of each gene those that are left.
    """

    space: Space
    values: list[list[int]]

    def sample(self, generator: np.random.Generator) -> Architecture:
        """An architecture whose genes are uniform draws of what is left."""
        return self.space.from_genes([row[int(generator.integers(len(row)))] for row in self.values])

    def latin(self, generator: np.random.Generator) -> list[Architecture]:
        """Architectures that together take every value that is left: as `Space.latin`."""
        count = max(map(len, self.values))
        columns = [in_turn(row, count, generator) for row in self.values]
        return [self.space.from_genes(genes) for genes in zip(*columns, strict=True)]

    def keeping(self, judged: Sequence[Architecture], merits: np.ndarray, keep: int, ridge: float) -> "Narrowed":
        """What is left when of each gene the `keep` values of the largest worth stay, by a fit in which values add up.

        Args:
            judged: n architectures.
            merits: theirs [n], the better the higher.
            keep: all values stay where there are not more.
            ridge: above 0; what none of the architectures has is worth 0, the mean.
        """
        worth = additive_worths([[*enumerate(self.space.genes(one))] for one in judged], merits, ridge)
        kept = []
        for gene, row in enumerate(self.values):
            falling = sorted(row, key=lambda value, gene=gene: worth.get((gene, value), 0.0), reverse=True)  # type: ignore[misc]
            kept.append(sorted(falling[:keep]))
        return Narrowed(self.space, kept)

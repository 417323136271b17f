"""An architecture: a small frozen value, not a module.

A search space is an ordered set of *choices*, each with its *options*; an architecture is the set of
(choice, option) pairs that it takes. In NAS-Bench-201 every choice (edge) takes exactly one option; in DARTS and
recurrent cells most choices are empty and one may hold two options (published genotypes do).
"""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Architecture", "Pair"]

Pair = tuple[int, int]


@dataclass(frozen=True, order=True)
class Architecture:
    """The (choice, option) pairs of one architecture, sorted; choices are numbered over all kinds of cell.

    `pairs` is also what a network's forward takes as its `active` set.

    >>> Architecture.of([3, 0, 2]).pairs
    ((0, 3), (1, 0), (2, 2))
    """

    pairs: tuple[Pair, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "pairs", tuple(sorted((int(choice), int(option)) for choice, option in self.pairs)))

    @classmethod
    def of(cls, options: Iterable[int]) -> "Architecture":
        """The architecture that takes one option at every choice, in the order of the choices."""
        return cls(tuple(enumerate(options)))

    @property
    def options(self) -> tuple[int, ...]:
        """The option at each choice.

        Raises:
            ValueError: if some choice is empty or holds several options.
        """
        if [choice for choice, _ in self.pairs] != list(range(len(self.pairs))):
            raise ValueError(f"not one option per choice: {self.pairs}")
        return tuple(option for _, option in self.pairs)

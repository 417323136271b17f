"""Modules of NAS-Bench-101: what a cell computes, as an adjacency matrix and the operations of its vertices.

C. Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019. Vertices are in topological
order, the first is the input and the last the output. Vertices that lie on no path from input to output are pruned. Of
two isomorphic modules one was trained: the benchmark knows a module by a hash that isomorphic modules share.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

__all__ = ["INPUT", "OPERATIONS", "OUTPUT", "Module"]

INPUT, OUTPUT = "input", "output"
OPERATIONS = ("conv3x3-bn-relu", "conv1x1-bn-relu", "maxpool3x3")
"""In the benchmark's order, which the hash depends on."""

_LABELS = {INPUT: -1, OUTPUT: -2, **{operation: number for number, operation in enumerate(OPERATIONS)}}


@dataclass(frozen=True)
class Module:
    """A module as the benchmark writes it.

    Attributes:
        matrix: `matrix[source][target]` is 1 where an edge goes, else 0; upper triangular.
        operations: of each vertex: `input`, then one of `OPERATIONS` each, `output`.

    Raises:
        ValueError: if it is none.

    >>> Module(((0, 1, 0), (0, 0, 1), (0, 0, 0)), ("input", "maxpool3x3", "output")).pruned.hash
    '53cee42601ad14d661bb6878031d6acb'
    """

    matrix: tuple[tuple[int, ...], ...]
    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        count = len(self.operations)
        if count < 2 or self.operations[0] != INPUT or self.operations[-1] != OUTPUT:
            raise ValueError("operations do not go from input to output")
        if wrong := next((name for name in self.operations[1:-1] if name not in OPERATIONS), None):
            raise ValueError(f"an operation {wrong[:40]!r}; wanted {', '.join(OPERATIONS)}")
        if len(self.matrix) != count or any(len(row) != count for row in self.matrix):
            raise ValueError(f"a matrix that is not {count}x{count}, as there are operations")
        below = (self.matrix[source][target] for source in range(count) for target in range(source + 1))
        if any(below) or any(entry not in (0, 1) for row in self.matrix for entry in row):
            raise ValueError("a matrix that is not upper triangular of 0 and 1")

    @classmethod
    def of(cls, parents: Sequence[Sequence[int]], operations: Sequence[str]) -> "Module":
        """The module whose vertices 1, 2, ... read these vertices; the last ones are read by the output."""
        count = len(parents) + 1
        edges = {(source, target) for target, sources in enumerate(parents, start=1) for source in sources}
        rows = (tuple(int((source, target) in edges) for target in range(count)) for source in range(count))
        return cls(tuple(rows), (INPUT, *operations, OUTPUT))

    def parents(self, vertex: int) -> tuple[int, ...]:
        """The vertices that a vertex reads."""
        return tuple(source for source in range(vertex) if self.matrix[source][vertex])

    @property
    def pruned(self) -> "Module":
        """The module without what lies on no path from input to output.

        Raises:
            ValueError: if no path leads there.
        """
        count = len(self.operations)
        reached, needed = {0}, {count - 1}
        for vertex in range(1, count):
            if reached.intersection(self.parents(vertex)):
                reached.add(vertex)
        for vertex in reversed(range(count)):
            if vertex in needed:
                needed.update(self.parents(vertex))
        kept = sorted(reached & needed)
        if not {0, count - 1} <= set(kept):
            raise ValueError("no path from input to output")
        rows = (tuple(self.matrix[source][target] for target in kept) for source in kept)
        return Module(tuple(rows), tuple(self.operations[vertex] for vertex in kept))

    @property
    def hash(self) -> str:
        """The benchmark's name of this module and of all that are isomorphic to it: 32 hexadecimal digits.

        A vertex begins as the MD5 of its numbers of outgoing and incoming edges and its label. As many times as there
        are vertices, each becomes the MD5 of the sorted hashes that enter it, the sorted ones that it leads to, and its
        own. The module's is the MD5 of all of them, sorted. It is that of the module as it is: prune it first.
        """
        vertices = range(len(self.operations))
        entering = [self.parents(vertex) for vertex in vertices]
        leaving = [tuple(target for target in vertices if self.matrix[vertex][target]) for vertex in vertices]
        labels = [_LABELS[operation] for operation in self.operations]
        hashes = [_md5(str((len(leaving[v]), len(entering[v]), labels[v]))) for v in vertices]
        for _ in vertices:
            hashes = [
                _md5(f"{_joined(hashes, entering[v])}|{_joined(hashes, leaving[v])}|{hashes[v]}") for v in vertices
            ]
        return _md5(str(sorted(hashes)))


def _joined(hashes: Sequence[str], vertices: Sequence[int]) -> str:
    return "".join(sorted(hashes[vertex] for vertex in vertices))


@lru_cache(maxsize=1 << 16)
def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

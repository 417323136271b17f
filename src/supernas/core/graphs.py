"""Typed directed acyclic graphs, and families of them: what a graph autoencoder reads and writes.

A space says how its architectures look as graphs (a `GraphFamily`) and which (choice, option) pair each vertex of a
graph stands for. Vertices are numbered in a topological order: every edge goes from a lower to a higher number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from supernas.core.architecture import Pair

__all__ = ["Graph", "GraphFamily", "Vertex"]


@dataclass(frozen=True)
class Graph:
    """One typed DAG: `types[v]` is the type of vertex v, `predecessors[v]` the sorted vertices with an edge into v."""

    types: tuple[int, ...]
    predecessors: tuple[tuple[int, ...], ...]

    def __post_init__(self) -> None:
        if len(self.types) != len(self.predecessors):
            raise ValueError(f"{len(self.types)} types for {len(self.predecessors)} vertices")
        for vertex, sources in enumerate(self.predecessors):
            if any(not 0 <= source < vertex for source in sources) or list(sources) != sorted(set(sources)):
                raise ValueError(f"vertex {vertex} has predecessors {sources}; wanted sorted distinct numbers below it")


@dataclass(frozen=True)
class Vertex:
    """What may vary at one vertex of a family.

    Attributes:
        types: the types that it may have; one means that it is fixed.
        candidates: the vertices that may have an edge into it.
        edges: `all` candidates are predecessors (fixed), exactly `one` of them, or `any` subset of them.
        always: candidates that are predecessors in every graph (only where `edges` is `any`).
        pairs: for a vertex that stands for an operation, the (choice, option) pair of each (predecessor, type); where
            `edges` is `all` the predecessor is the first candidate.
    """

    types: tuple[int, ...]
    candidates: tuple[int, ...] = ()
    edges: Literal["all", "one", "any"] = "all"
    always: tuple[int, ...] = ()
    pairs: Mapping[tuple[int, int], Pair] | None = None

    @property
    def varies(self) -> bool:
        """Whether graphs of the family differ at this vertex."""
        return len(self.types) > 1 or (self.edges != "all" and len(self.candidates) > 1)


@dataclass(frozen=True)
class GraphFamily:
    """All graphs of one kind: the names of the vertex types, and the vertices in topological order."""

    type_names: tuple[str, ...]
    vertices: tuple[Vertex, ...]

    @property
    def varying(self) -> tuple[int, ...]:
        """The vertices at which graphs of this family differ."""
        return tuple(number for number, vertex in enumerate(self.vertices) if vertex.varies)

    def contains(self, graph: Graph) -> bool:
        """Whether a graph belongs to this family (is *valid*)."""
        if len(graph.types) != len(self.vertices):
            return False
        return all(
            kind in vertex.types and _fits(vertex, sources)
            for vertex, kind, sources in zip(self.vertices, graph.types, graph.predecessors, strict=True)
        )


def _fits(vertex: Vertex, sources: tuple[int, ...]) -> bool:
    if vertex.edges == "all":
        return sources == tuple(sorted(vertex.candidates))
    if vertex.edges == "one":
        return len(sources) == 1 and sources[0] in vertex.candidates
    return set(vertex.always) <= set(sources) <= set(vertex.candidates)

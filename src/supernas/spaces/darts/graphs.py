"""A DARTS cell as a typed graph of 15 vertices: two inputs, for each node its two slots and its sum, the output.

A slot picks one input and one operation, so that every graph of the family is a cell.
"""

from collections.abc import Iterator, Sequence

from supernas.core.architecture import Pair
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.spaces.darts.edges import EDGES, NODES

__all__ = ["cell_family", "cell_graph", "graph_slots"]


def cell_family(operations: Sequence[str]) -> GraphFamily:
    """The graphs of cells whose edges offer so many operations; pairs are (edge, operation)."""
    options = tuple(range(len(operations)))
    k_2, k_1, total, output = range(len(operations), len(operations) + 4)
    vertices = [Vertex((k_2,)), Vertex((k_1,))]
    for node in NODES:
        sources = {_vertex(source): source for source in range(node)}
        pairs = {
            (vertex, option): (EDGES.index((node, source)), option)
            for vertex, source in sources.items()
            for option in options
        }
        vertices += [Vertex(options, tuple(sources), "one", pairs=pairs)] * 2
        vertices.append(Vertex((total,), (len(vertices) - 2, len(vertices) - 1)))
    vertices.append(Vertex((output,), tuple(map(_vertex, NODES))))
    return GraphFamily((*operations, "input k-2", "input k-1", "sum", "output"), tuple(vertices))


def cell_graph(family: GraphFamily, slots: Sequence[Pair]) -> Graph:
    """The graph of the eight slots of a cell, (edge, operation) each, two for each node in turn."""
    types = [vertex.types[0] for vertex in family.vertices]
    predecessors = [vertex.candidates for vertex in family.vertices]
    for place, (edge, option) in enumerate(slots):
        vertex = _slot_vertex(place)
        types[vertex], predecessors[vertex] = option, (_vertex(EDGES[edge][1]),)
    return Graph(tuple(types), tuple(predecessors))


def graph_slots(family: GraphFamily, graph: Graph) -> Iterator[Pair]:
    """The eight slots of a graph of the family: the inverse of `cell_graph`."""
    for place in range(2 * len(NODES)):
        vertex = _slot_vertex(place)
        pairs = family.vertices[vertex].pairs or {}
        yield pairs[graph.predecessors[vertex][0], graph.types[vertex]]


def _vertex(node: int) -> int:
    """The vertex that stands for an input or the sum of a node."""
    return node if node < NODES[0] else 3 * node - 2


def _slot_vertex(place: int) -> int:
    """The vertex of slot number `place`, 0 to 7."""
    return 2 + place + place // 2

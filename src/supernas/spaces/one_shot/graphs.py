"""A cell of choice blocks as a typed graph: the input, what each block reads and its operation, the output, the end.

What a block reads is chosen by one edge: from a vertex that stands for a set of nodes, and has edges from all of them.
The same vertex stands for the set wherever it may be read; a set of one node is the node itself. So every graph of the
family is a cell, a decoder picks the set by a softmax over vertices, and an encoder hears the nodes of the set through
it. The end has an edge from every block: what a block does that nothing reads is part of the graph, as of the cell.
"""

from collections.abc import Callable, Iterator, Sequence

from supernas.core.architecture import Architecture, Pair
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.spaces.one_shot.modules import OPERATIONS

__all__ = ["cell_family", "cell_graph", "graph_options"]

_TYPES = (*OPERATIONS, "input", "sum", "block", "output", "end")
_INPUT, _SUM, _BLOCK, _OUTPUT, _END = range(len(OPERATIONS), len(_TYPES))


def cell_family(
    parent_sets: Sequence[Sequence[tuple[int, ...]]],
    parents_choice: Callable[[int], int | None],
    operation_choice: Callable[[int], int],
) -> GraphFamily:
    """The graphs of the cells of a space; pairs are (choice, option).

    Args:
        parent_sets: the sets of nodes that each block, and at last the output, may read.
        parents_choice: the number of the choice of what a node reads, None where it has none.
        operation_choice: the number of the choice of a block's operation.
    """
    vertices = [Vertex((_INPUT,))]
    nodes = [0]  # the vertex of each node: the input's, then that of each block's operation
    known: dict[tuple[int, ...], int] = {}  # set of nodes -> the vertex that stands for it

    def vertex_of(one: tuple[int, ...]) -> int:
        if len(one) == 1:
            return nodes[one[0]]
        if one not in known:
            known[one] = len(vertices)
            vertices.append(Vertex((_SUM,), tuple(sorted(nodes[node] for node in one))))
        return known[one]

    def reading(node: int, kind: int) -> int:
        """Adds the vertex that reads what a block, or the output, reads."""
        choice, sets = parents_choice(node), parent_sets[node - 1]
        sources = [vertex_of(one) for one in sets]
        if choice is None:
            vertices.append(Vertex((kind,), tuple(sources)))
        else:
            pairs = {(source, kind): (choice, option) for option, source in enumerate(sources)}
            vertices.append(Vertex((kind,), tuple(sorted(sources)), "one", pairs=pairs))
        return len(vertices) - 1

    for block in range(1, len(parent_sets)):
        read, choice = reading(block, _BLOCK), operation_choice(block)
        types = tuple(range(len(OPERATIONS)))
        vertices.append(Vertex(types, (read,), pairs={(read, kind): (choice, kind) for kind in types}))
        nodes.append(len(vertices) - 1)
    output = reading(len(parent_sets), _OUTPUT)
    vertices.append(Vertex((_END,), (*nodes[1:], output)))
    return GraphFamily(_TYPES, tuple(vertices))


def cell_graph(family: GraphFamily, architecture: Architecture) -> Graph:
    """The graph of an architecture."""
    taken = set(architecture.pairs)
    types = [vertex.types[0] for vertex in family.vertices]
    predecessors = [vertex.candidates for vertex in family.vertices]
    for number, vertex in enumerate(family.vertices):
        for (source, kind), pair in (vertex.pairs or {}).items():
            if pair in taken:
                types[number], predecessors[number] = kind, (source,)
    return Graph(tuple(types), tuple(predecessors))


def graph_options(family: GraphFamily, graph: Graph) -> tuple[Pair, ...]:
    """The pairs of a graph of the family: the inverse of `cell_graph`."""
    return tuple(_pairs(family, graph))


def _pairs(family: GraphFamily, graph: Graph) -> Iterator[Pair]:
    for vertex, kind, sources in zip(family.vertices, graph.types, graph.predecessors, strict=True):
        if vertex.pairs:
            yield vertex.pairs[sources[0], kind]

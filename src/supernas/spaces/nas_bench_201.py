"""The NAS-Bench-201 cell space: 4 nodes, 6 edges, 5 operations, 15,625 cells.

X. Dong and Y. Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020.
A node is the sum of its incoming edges; node 0 is the cell's input and node 3 its output. Edges are ordered
`1<-0, 2<-0, 2<-1, 3<-0, 3<-1, 3<-2`, and the text of a cell groups them by the node that they enter:
`|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`.
"""

import random
import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from supernas.core.architecture import Architecture, Pair
from supernas.core.errors import UserError, unknown
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.core.settings import settings
from supernas.spaces.base import ChoicePoint, CostConvention, Space

__all__ = ["EDGES", "OPERATIONS", "NASBench201"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # (node, source)

_ALIASES = {
    "zero": "none",
    "skip": "skip_connect",
    "identity": "skip_connect",
    "conv_1x1": "nor_conv_1x1",
    "conv_3x3": "nor_conv_3x3",
    "conv1x1": "nor_conv_1x1",
    "conv3x3": "nor_conv_3x3",
    "avg_pool": "avg_pool_3x3",
}
# NASLib writes a cell as six numbers, its edges ordered 0->1, 0->2, 0->3, 1->2, 1->3, 2->3, its operations as here.
_NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_NASLIB_EDGES = ((1, 0), (2, 0), (3, 0), (2, 1), (3, 1), (3, 2))

_START, _ADD, _END = 5, 6, 7
_OPERATION_VERTICES = (2, 4, 5, 7, 8, 9)  # of the edges, in their order
_NODE_VERTICES = (1, 3, 6, 10)  # of the four nodes (sums)


@settings
class NASBench201(Space):
    """The 15,625 cells; `space[i]` is the cell of the benchmark's official index i.

    >>> space = NASBench201()
    >>> space.format(space[1462])
    '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|'
    """

    name = "nas-bench-201"
    network = "supernas.networks.nas_bench_201:NASBench201Network"
    choices = tuple(ChoicePoint(f"{node}<-{source}", "cell", OPERATIONS) for node, source in EDGES)
    reference_architectures: ClassVar[Mapping[str, Architecture]] = {
        "largest cell (all 3x3)": Architecture.of([3, 3, 3, 3, 3, 3]),
        "ResNet cell": Architecture.of([3, 0, 3, 1, 0, 1]),  # two convolutions and a shortcut
    }
    cost_convention = CostConvention("convolutions, linear layers and their biases (NAS-Bench-201)", linear_bias=True)

    # -- text -------------------------------------------------------------------------------------------------------

    def parse(self, text: str) -> Architecture:
        """Reads an arch string, an official index, or NASLib's tuple of six operation numbers."""
        text = " ".join(text.split())  # messages repeat it, in one line
        if re.fullmatch(r"[0-9]+", text):
            if len(text) > 9 or int(text) >= len(self):
                raise UserError(f"index {text} is not in nas-bench-201; wanted 0 to {len(self) - 1}")
            return self[int(text)]
        if re.fullmatch(r"[\[(][0-9,\s]*[\])]", text):
            return _from_naslib(text)
        return _from_arch_string(text)

    def format(self, architecture: Architecture) -> str:
        """The official arch string."""
        operations = [OPERATIONS[option] for option in architecture.options]
        groups = [
            "".join(
                f"|{operation}~{source}"
                for operation, (to, source) in zip(operations, EDGES, strict=True)
                if to == node
            )
            for node in (1, 2, 3)
        ]
        return "+".join(f"{group}|" for group in groups)

    # -- the official order -----------------------------------------------------------------------------------------

    @cached_property
    def _order(self) -> list[int]:
        """Rank (last edge fastest) of the cell of each official index: all cells, shuffled with `random.seed(88)`."""
        ranks = list(range(len(self)))
        random.Random(88).shuffle(ranks)
        return ranks

    @cached_property
    def _index_of_rank(self) -> list[int]:
        return [int(index) for index in np.argsort(self._order)]

    def __getitem__(self, number: int) -> Architecture:
        """The cell of an official index."""
        if not 0 <= number < len(self):
            raise IndexError(f"{self.name} has architectures 0 to {len(self) - 1}, not {number}")
        return super().__getitem__(self._order[number])

    def index(self, architecture: Architecture) -> int:
        """The official index of a cell."""
        return self._index_of_rank[super().index(architecture)]

    # -- equivalence ------------------------------------------------------------------------------------------------

    def canonical(self, architecture: Architecture) -> str:
        """The benchmark's unique string: 6,466 classes of cells that compute the same function of fresh weights.

        A skip stands for its source, `none` and every operation on a zero source for zero (`#`), and sums are sorted.
        As published, a sum keeps its zeros (`#+x`), so a few cells with the same function still have two classes.
        """
        nodes = ["0"]
        options = iter(architecture.options)
        for node in (1, 2, 3):
            terms = [_term(nodes[source], OPERATIONS[next(options)]) for source in range(node)]
            nodes.append("+".join(sorted(terms)))
        return nodes[3]

    def live(self, architecture: Architecture) -> tuple[Pair, ...]:
        """The pairs on a path from node 0 to node 3 along which no operation is `none`: 9,445 distinct sets."""
        used = [pair for pair in architecture.pairs if OPERATIONS[pair[1]] != "none"]
        reached = {0}
        for choice, _ in used:  # the edges are in topological order
            node, source = EDGES[choice]
            if source in reached:
                reached.add(node)
        needed = {3}
        for choice, _ in reversed(used):
            node, source = EDGES[choice]
            if node in needed:
                needed.add(source)
        return tuple(
            (choice, option) for choice, option in used if EDGES[choice][1] in reached and EDGES[choice][0] in needed
        )

    # -- picture ----------------------------------------------------------------------------------------------------

    def node_names(self, kind: str) -> tuple[str, ...]:
        """Input, two inner nodes, output."""
        return ("in", "1", "2", "out")

    def ends(self, choice: int) -> tuple[int, int]:
        """The edge's source and target."""
        node, source = EDGES[choice]
        return source, node

    # -- graphs -----------------------------------------------------------------------------------------------------

    @cached_property
    def graph_family(self) -> GraphFamily:
        """12 vertices: start, four sums, one vertex an edge's operation, end; only the operations vary."""
        fixed: dict[int, Vertex] = {0: Vertex((_START,)), 11: Vertex((_END,), (_NODE_VERTICES[3],))}
        for node, vertex in enumerate(_NODE_VERTICES):
            entering = tuple(v for v, (to, _) in zip(_OPERATION_VERTICES, EDGES, strict=True) if to == node)
            fixed[vertex] = Vertex((_ADD,), entering or (0,))
        for choice, (vertex, (_, source)) in enumerate(zip(_OPERATION_VERTICES, EDGES, strict=True)):
            before = _NODE_VERTICES[source]
            pairs = {(before, option): (choice, option) for option in range(len(OPERATIONS))}
            fixed[vertex] = Vertex(tuple(range(len(OPERATIONS))), (before,), pairs=pairs)
        return GraphFamily((*OPERATIONS, "start", "add", "end"), tuple(fixed[vertex] for vertex in range(12)))

    def to_graphs(self, architecture: Architecture) -> tuple[Graph, ...]:
        """The cell as a 12-vertex graph with its operations on vertices."""
        types = [vertex.types[0] for vertex in self.graph_family.vertices]
        for vertex, option in zip(_OPERATION_VERTICES, architecture.options, strict=True):
            types[vertex] = option
        return (Graph(tuple(types), tuple(vertex.candidates for vertex in self.graph_family.vertices)),)

    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The cell that a 12-vertex graph stands for."""
        (graph,) = graphs
        if not self.graph_family.contains(graph):
            raise ValueError(f"not the graph of a {self.name} cell: {graph}")
        return Architecture.of(graph.types[vertex] for vertex in _OPERATION_VERTICES)


def _term(source: str, operation: str) -> str:
    if operation == "none" or source == "#":
        return "#"
    return source if operation == "skip_connect" else f"({source})@{operation}"


def _from_naslib(text: str) -> Architecture:
    numbers = [int(number[:9]) for number in re.findall(r"[0-9]+", text)]
    if len(numbers) != len(EDGES) or any(number >= len(OPERATIONS) for number in numbers):
        raise UserError(f"cannot read '{text}' as a NASLib cell: wanted six operation numbers from 0 to 4")
    chosen = {edge: _NASLIB_OPERATIONS[number] for edge, number in zip(_NASLIB_EDGES, numbers, strict=True)}
    return Architecture.of(OPERATIONS.index(chosen[edge]) for edge in EDGES)


def _from_arch_string(text: str) -> Architecture:
    groups = text.split("+")
    if len(groups) != 3:
        raise UserError(
            f"cannot read '{text}' as a nas-bench-201 cell: it has {len(groups)} node group(s) joined by '+', "
            "wanted 3, as in '|op~0|+|op~0|op~1|+|op~0|op~1|op~2|'"
        )
    options = []
    for node, group in enumerate(groups, start=1):
        tokens = group.strip().strip("|").split("|")
        if len(tokens) != node:
            raise UserError(f"node {node} of '{text}' has {len(tokens)} edge(s) in '{group}'; wanted {node}")
        by_source = dict(_edge(token, node) for token in tokens)
        if sorted(by_source) != list(range(node)):
            raise UserError(f"node {node} of '{text}' names a source twice in '{group}'; wanted ~0 to ~{node - 1}")
        options += [by_source[source] for source in range(node)]
    return Architecture.of(options)


def _edge(token: str, node: int) -> tuple[int, int]:
    """(source, option) of one `operation~source` token."""
    operation, mark, source = token.strip().partition("~")
    operation = _ALIASES.get(operation, operation)
    if not mark or source not in [str(number) for number in range(node)]:
        raise UserError(f"cannot read the edge '{token}' of node {node}: wanted operation~source, source below {node}")
    if operation not in OPERATIONS:
        raise unknown("operation", operation, [*OPERATIONS, *_ALIASES])
    return int(source), OPERATIONS.index(operation)

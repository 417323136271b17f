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
from supernas.core.errors import UserError
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.core.settings import settings
from supernas.spaces.base import ChoicePoint, CostConvention, Space
from supernas.spaces.pasted import plain_numbers
from supernas.spaces.pasted.arch_strings import EDGES, OPERATIONS, read_cell

__all__ = ["EDGES", "OPERATIONS", "NASBench201"]

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

    def parse_text(self, text: str) -> Architecture:
        """Reads an arch string, also from within a line of a log; an official index; NASLib's six operation numbers; or
        AutoDL-Projects' lists of (operation, source) pairs. Nothing in the text is evaluated.
        """
        text = plain_numbers(" ".join(text.split()))  # messages repeat it, in one line
        if re.fullmatch(r"[0-9]+", text):
            if len(text) > 9 or int(text) >= len(self):
                raise UserError(f"index {text[:20]} is not in nas-bench-201; wanted 0 to {len(self) - 1}")
            return self[int(text)]
        return read_cell(text)

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

    def connected(self, architecture: Architecture) -> bool:
        """Whether a path without `none` leads from node 0 to node 3."""
        return bool(self.live(architecture))

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

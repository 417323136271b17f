"""The recurrent cells of DARTS: 8 nodes, each with one earlier node and one activation.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
Node 0 is made of the input and the previous hidden state; node i = 1..8 reads one of the nodes 0..i-1, and the new
hidden state is the mean of nodes 1..8. A supernet has 36 edges with 5 operations each; an architecture takes one edge
into each node and one operation on it, never `none`: 4^8 * 8! = 2,642,411,520 cells.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from supernas.core.architecture import Architecture, Pair
from supernas.core.errors import UserError, unknown
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.core.settings import settings
from supernas.spaces.base import ChoicePoint, CostConvention, Space, best_first
from supernas.spaces.genotypes import published_name, read_genotype, write_genotype
from supernas.spaces.genotypes.published import RECURRENT

__all__ = ["DARTSRNN", "EDGES", "NODES", "OPERATIONS", "first_edge"]

OPERATIONS = ("none", "tanh", "relu", "sigmoid", "identity")
NODES = 8
EDGES = tuple((node, source) for node in range(1, NODES + 1) for source in range(node))  # (node, source)

_FIELDS = ("recurrent", "concat")
_TAKEN = OPERATIONS[1:]  # what an architecture may take
_START, _END = len(_TAKEN), len(_TAKEN) + 1  # vertex types; the others are those of _TAKEN


def first_edge(node: int) -> int:
    """The number of the edge from node 0 into node 1..8; those from nodes 1, 2, ... follow."""
    return node * (node - 1) // 2


@settings
class DARTSRNN(Space):
    """The recurrent cells of DARTS (Penn Treebank, WikiText-2).

    >>> space = DARTSRNN()
    >>> space.format(space.parse("DARTS_V1"))[:52]
    "Genotype(recurrent=[('relu', 0), ('relu', 1), ('tanh"
    """

    name = "darts-rnn"
    network = "supernas.networks.darts_rnn:DARTSRNNNetwork"
    choices = tuple(ChoicePoint(f"{node}<-{source}", "recurrent", OPERATIONS) for node, source in EDGES)
    data_kind = "text"
    cost_convention = CostConvention("linear layers without biases", linear_bias=False)
    enumerable = False

    # -- text -------------------------------------------------------------------------------------------------------

    @property
    def named(self) -> Mapping[str, str]:
        """The published cells."""
        return RECURRENT

    def parse_text(self, text: str) -> Architecture:
        """Reads a `Genotype(...)`, or the name of a published one. Nothing in the text is evaluated."""
        name = published_name(text)
        if name is not None:
            if name not in RECURRENT:
                raise unknown("architecture", name[:60], RECURRENT)
            text = RECURRENT[name]
        fields = read_genotype(text, _FIELDS)
        if fields["concat"] != list(range(1, NODES + 1)):
            raise UserError(
                f"concat = {fields['concat']}: the output of a cell is the mean of nodes 1 to 8, range(1, 9)"
            )
        items = fields["recurrent"]
        if len(items) != NODES:
            raise UserError(f"recurrent has {len(items)} (operation, input) pairs; wanted {NODES}, one for each node")
        pairs = []
        for node, item in enumerate(items, start=1):
            if isinstance(item, int):
                raise UserError(f"recurrent holds {item}; wanted (operation, input) pairs")
            pairs.append(_pair(node, *item))
        return Architecture(tuple(pairs))

    def format(self, architecture: Architecture) -> str:
        """The `Genotype(...)` that DARTS prints."""
        nodes = [(OPERATIONS[option], EDGES[edge][1]) for edge, option in architecture.pairs]
        return write_genotype({"recurrent": nodes, "concat": range(1, NODES + 1)})

    # -- structure --------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """4^8 * 8! cells."""
        return math.prod(self.gene_sizes)

    def contains(self, architecture: Architecture) -> bool:
        """Whether each node has one edge, and an operation on it that is not `none`."""
        entered = [EDGES[edge][0] for edge, _ in architecture.pairs if 0 <= edge < len(EDGES)]
        return entered == list(range(1, NODES + 1)) == sorted(entered) and all(
            0 < option < len(OPERATIONS) for _, option in architecture.pairs
        )

    def derive(self, weights: Mapping[str, np.ndarray]) -> Architecture:
        """At each node the edge whose best operation is best, and that operation; `none` does not count."""
        taken = np.asarray(weights["recurrent"])[:, 1:]
        pairs = []
        for node in range(1, NODES + 1):
            rows = taken[first_edge(node) : first_edge(node) + node]
            edge = int(rows.max(axis=1).argmax())
            pairs.append((first_edge(node) + edge, 1 + int(rows[edge].argmax())))
        return Architecture(tuple(pairs))

    def likeliest(self, probabilities: Mapping[str, np.ndarray], count: int) -> list[Architecture]:
        """The `count` likeliest architectures, the likeliest first, where nodes are independent; none has `none`."""
        taken = np.asarray(probabilities["recurrent"], dtype=float)[:, 1:]
        rows = [taken[first_edge(node) : first_edge(node) + node].ravel() for node in range(1, NODES + 1)]
        return [self.from_genes(genes) for genes in itertools.islice(best_first(rows), count)]

    @cached_property
    def gene_sizes(self) -> tuple[int, ...]:
        """One gene a node: which of the earlier nodes, and which operation."""
        return tuple(len(_TAKEN) * node for node in range(1, NODES + 1))

    def genes(self, architecture: Architecture) -> tuple[int, ...]:
        """(predecessor, operation) of each node as one number, the operation fastest."""
        return tuple(EDGES[edge][1] * len(_TAKEN) + option - 1 for edge, option in architecture.pairs)

    def from_genes(self, genes: Sequence[int]) -> Architecture:
        """The inverse of `genes`."""
        decided = (divmod(int(gene), len(_TAKEN)) for gene in genes)
        return Architecture(
            tuple((first_edge(node) + source, 1 + taken) for node, (source, taken) in enumerate(decided, start=1))
        )

    def canonical(self, architecture: Architecture) -> str:
        """The cell as a tree, children sorted: nodes have equal parts in the output, so their order does not matter."""
        children: dict[int, list[tuple[int, str]]] = {}
        for edge, option in architecture.pairs:
            node, source = EDGES[edge]
            children.setdefault(source, []).append((node, OPERATIONS[option]))

        def tree(node: int) -> str:
            below = sorted(name + tree(child) for child, name in children.get(node, ()))
            return f"({','.join(below)})" if below else ""

        return tree(0)

    # -- picture ----------------------------------------------------------------------------------------------------

    def node_names(self, kind: str) -> tuple[str, ...]:
        """Node 0, of input and hidden state, and the 8 nodes."""
        return ("in", *(str(node) for node in range(1, NODES + 1)))

    def ends(self, choice: int) -> tuple[int, int]:
        """The edge's source and target."""
        node, source = EDGES[choice]
        return source, node

    # -- graphs -----------------------------------------------------------------------------------------------------

    @cached_property
    def graph_family(self) -> GraphFamily:
        """10 vertices: start, one a node with its operation and one predecessor, end."""
        nodes = []
        for node in range(1, NODES + 1):
            pairs = {
                (source, kind): (first_edge(node) + source, 1 + kind)
                for source in range(node)
                for kind in range(len(_TAKEN))
            }
            nodes.append(Vertex(tuple(range(len(_TAKEN))), tuple(range(node)), "one", pairs=pairs))
        end = Vertex((_END,), tuple(range(1, NODES + 1)))
        return GraphFamily((*_TAKEN, "start", "end"), (Vertex((_START,)), *nodes, end))

    def to_graphs(self, architecture: Architecture) -> tuple[Graph, ...]:
        """The cell as one 10-vertex graph with its operations on vertices."""
        types = (_START, *(option - 1 for _, option in architecture.pairs), _END)
        sources = ((EDGES[edge][1],) for edge, _ in architecture.pairs)
        return (Graph(types, ((), *sources, tuple(range(1, NODES + 1)))),)

    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The cell that a 10-vertex graph stands for."""
        (graph,) = graphs
        if not self.graph_family.contains(graph):
            raise ValueError(f"not the graph of a {self.name} cell: {graph}")
        return Architecture(
            tuple(
                (first_edge(node) + graph.predecessors[node][0], 1 + graph.types[node]) for node in range(1, NODES + 1)
            )
        )


def _pair(node: int, operation: str, source: int) -> Pair:
    """The (edge, option) of a node."""
    if operation not in _TAKEN:
        raise unknown(f"operation of node {node}", operation[:40], _TAKEN)
    if source >= node:
        raise UserError(f"node {node} reads node {source}; wanted one of the nodes 0 to {node - 1}")
    return first_edge(node) + source, OPERATIONS.index(operation)

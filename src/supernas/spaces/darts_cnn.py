"""The DARTS space of convolutional cells: a normal and a reduction cell, 14 edges each, 8 operations an edge.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019. Nodes 0 and 1 of a cell are the
outputs of the two cells before it; nodes 2 to 5 are sums, each of two operations on earlier nodes; the cell's output is
nodes 2 to 5 side by side. An architecture is a `Genotype`.

So a node has two *slots*, each an (input, operation) pair. In DARTS the two inputs differ (the two strongest edges);
released cells of other methods also have two operations on one input, and `none` in a slot: both are legal here
(`inputs="distinct"` excludes the first). Excluded is the same operation on the same input twice: a network has one set
of weights for each (input, operation).

S1 to S4 (`darts/edges.py`): restricted spaces, in which DARTS finds degenerate cells.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal

import numpy as np

from supernas.core.architecture import Architecture, Pair
from supernas.core.errors import UserError, unknown
from supernas.core.graphs import Graph, GraphFamily
from supernas.core.settings import setting, settings
from supernas.spaces.base import ChoicePoint, CostConvention, Space, best_first, in_turn
from supernas.spaces.darts import edges
from supernas.spaces.darts.edges import EDGES, KINDS, KNOWN, NODES, offered
from supernas.spaces.darts.graphs import cell_family, cell_graph, graph_slots
from supernas.spaces.darts.slots import NodeSlots
from supernas.spaces.genotypes import Field, published_name, read_genotype, write_genotype
from supernas.spaces.genotypes.published import CNN

__all__ = ["DARTSCNN"]

_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


@settings
class DARTSCNN(Space):
    """Cells of the DARTS convolutional space, for image classification.

    >>> space = DARTSCNN()
    >>> space.contains(space.parse("DARTS_V2")), f"{space.size:.3g}"
    (True, '1.64e+20')
    """

    operations: Literal["all", "S1", "S2", "S3", "S4"] | tuple[str, ...] = setting(
        "all",
        "the operations that an edge offers: all 8, the restricted spaces S1 to S4 of Zela et al., or a list",
        papers=dict.fromkeys(("S1", "S2", "S3", "S4"), edges.__doc__),
    )
    inputs: Literal["any", "distinct"] = setting(
        "any", "whether both operations of a node may read one input, or (as DARTS and RandomNAS have it) may not"
    )

    name = "darts-cnn"
    network = "supernas.networks.darts_cnn:DARTSCNNNetwork"
    cost_convention = CostConvention("convolutions and linear layers without biases (DARTS)", linear_bias=False)
    enumerable = False
    exact_genes = False  # two slots of a node change places, and a second one moves on

    def __post_init__(self) -> None:
        if isinstance(self.operations, tuple):
            for operation in self.operations:
                if operation not in KNOWN:
                    raise unknown("operation", operation, KNOWN)
            if len(set(self.operations) - {"none"}) < 2 or len(set(self.operations)) < len(self.operations):
                raise UserError(
                    f"operations are {', '.join(self.operations)}; wanted two or more different ones besides none"
                )

    @cached_property
    def choices(self) -> tuple[ChoicePoint, ...]:
        """The 14 edges of the normal cell, then those of the reduction cell."""
        return tuple(
            ChoicePoint(f"{kind} {node}<-{source}", kind, offered(self.operations, kind, edge))
            for kind in KINDS
            for edge, (node, source) in enumerate(EDGES)
        )

    @cached_property
    def _nodes(self) -> tuple[NodeSlots, ...]:
        """Nodes 2 to 5 of the normal cell, then those of the reduction cell."""
        nodes = []
        for where, node in itertools.product(self.kinds.values(), NODES):
            entering = _entering(where, node)
            slots = tuple((choice, o) for choice in entering for o in range(len(self.choices[choice].options)))
            nodes.append(NodeSlots(slots, self.inputs == "distinct"))
        return tuple(nodes)

    # -- text -------------------------------------------------------------------------------------------------------

    @cached_property
    def named(self) -> Mapping[str, str]:
        """The published cells that this space contains."""
        contained = {}
        for name, text in CNN.items():
            try:
                self._from_genotype(text)
            except UserError:  # an operation that this space does not offer
                continue
            contained[name] = text
        return contained

    def parse_text(self, text: str) -> Architecture:
        """Reads a `Genotype(...)`, or the name of a published one. Nothing in the text is evaluated."""
        name = published_name(text)
        if name is None:
            return self._from_genotype(text)
        if name not in self.named:
            raise unknown("architecture", name[:60], self.named)
        return self._from_genotype(self.named[name])

    def _from_genotype(self, text: str) -> Architecture:
        fields = read_genotype(text, _FIELDS)
        pairs: list[Pair] = []
        for kind in KINDS:
            concat = fields[f"{kind}_concat"]
            if concat != list(NODES):
                raise UserError(f"{kind}_concat = {concat}: the output of a cell is its nodes 2 to 5, range(2, 6)")
            pairs += self._cell(kind, fields[kind])
        return Architecture(tuple(pairs))

    def _cell(self, kind: str, items: Field) -> list[Pair]:
        """The pairs of a cell, two for each node in turn."""
        if len(items) != 2 * len(NODES):
            raise UserError(f"{kind} has {len(items)} (operation, input) pairs; wanted 8, two for each of nodes 2 to 5")
        pairs = []
        for place, item in enumerate(items):
            if isinstance(item, int):
                raise UserError(f"{kind} holds {item}; wanted (operation, input) pairs")
            pairs.append(self._pair(kind, NODES[place // 2], *item))
        for place, node in enumerate(NODES):
            first, second = pairs[2 * place], pairs[2 * place + 1]
            if first == second:
                raise UserError(
                    f"node {node} of {kind} has {items[2 * place]} twice: a network has one set of weights for it, so "
                    "the two would be one operation counted double; wanted two different pairs"
                )
            if first[0] == second[0] and self.inputs == "distinct":
                raise UserError(f"node {node} of {kind} reads one input twice, and this space has inputs=distinct")
        return pairs

    def _pair(self, kind: str, node: int, operation: str, source: int) -> Pair:
        if source >= node:
            raise UserError(f"node {node} of {kind} reads {source}; wanted an input below {node}")
        choice = self.kinds[kind].start + EDGES.index((node, source))
        options = self.choices[choice].options
        if operation not in options:
            raise unknown(f"operation at {self.choices[choice].name}", operation[:40], options)
        return choice, options.index(operation)

    def format(self, architecture: Architecture) -> str:
        """The `Genotype(...)`, the pairs of a node by input and then by the order of the operations."""
        fields: dict[str, list[tuple[str, int]] | range] = {}
        for kind, where in self.kinds.items():
            fields[kind] = [
                (self.choices[choice].options[option], EDGES[choice - where.start][1])
                for choice, option in architecture.pairs
                if choice in where
            ]
            fields[f"{kind}_concat"] = range(NODES[0], NODES[-1] + 1)
        return write_genotype(fields)

    # -- structure --------------------------------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """How many genotypes there are, the order of a node's two slots apart, `none` among the operations."""
        return math.prod(len(node.legal) for node in self._nodes)

    def contains(self, architecture: Architecture) -> bool:
        """Whether each node has two different slots that may stand together, and nothing else is there."""
        held = [[node.number[pair] for pair in architecture.pairs if pair in node.number] for node in self._nodes]
        return sum(map(len, held)) == len(architecture.pairs) and all(
            node.fits(numbers) for numbers, node in zip(held, self._nodes, strict=True)
        )

    def derive(self, weights: Mapping[str, np.ndarray]) -> Architecture:
        """DARTS's derivation: each node keeps the two edges whose best operation other than `none` weighs most."""
        pairs: list[Pair] = []
        for kind, where in self.kinds.items():
            matrix = np.asarray(weights[kind])
            best = {choice: self._best(choice, row) for choice, row in zip(where, matrix, strict=True)}
            for node in NODES:
                ranked = sorted(_entering(where, node), key=lambda choice: -matrix[choice - where.start, best[choice]])
                pairs += [(choice, best[choice]) for choice in ranked[:2]]
        return Architecture(tuple(pairs))

    def likeliest(self, probabilities: Mapping[str, np.ndarray], count: int) -> list[Architecture]:
        """The `count` likeliest architectures, the likeliest first, where nodes are independent: two slots weigh the
        product of their probabilities. As in `derive`, none holds `none`.
        """
        weights = {
            (choice, option): float(probabilities[kind][choice - where.start][option])
            for kind, where in self.kinds.items()
            for choice in where
            for option, name in enumerate(self.choices[choice].options)
            if name != "none"
        }
        rows = [
            np.array([math.prod(weights.get(node.slots[number], 0.0) for number in two) for two in node.legal])
            for node in self._nodes
        ]
        return [
            self._from_slots([node.legal[taken] for node, taken in zip(self._nodes, values, strict=True)])
            for values in itertools.islice(best_first(rows), count)
        ]

    def _best(self, choice: int, row: np.ndarray) -> int:
        options = self.choices[choice].options
        return max((o for o, name in enumerate(options) if name != "none"), key=lambda option: float(row[option]))

    def canonical(self, architecture: Architecture) -> str:
        """The live pairs, with nodes 2 to 5 numbered so that the text comes first in the alphabet.

        Renumbering them permutes the channels of a cell's output, which fresh weights do not notice.
        """
        live = self.live(architecture)
        return "; ".join(f"{kind}: {self._canonical(live, where)}" for kind, where in self.kinds.items())

    def _canonical(self, live: Sequence[Pair], where: range) -> str:
        edges = [
            (*EDGES[choice - where.start], self.choices[choice].options[option])
            for choice, option in live
            if choice in where
        ]
        texts = []
        for order in itertools.permutations(NODES):
            new = {0: 0, 1: 1, **dict(zip(order, NODES, strict=True))}
            if all(new[source] < new[node] for node, source, _ in edges):
                groups: dict[int, list[str]] = {node: [] for node in NODES}
                for node, source, operation in edges:
                    groups[new[node]].append(f"{operation}~{new[source]}")
                texts.append("|".join("+".join(sorted(groups[node])) for node in NODES))
        return min(texts)

    def live(self, architecture: Architecture) -> tuple[Pair, ...]:
        """All pairs but `none` and what reads a node that nothing enters: every node is part of the output."""
        live: list[Pair] = []
        for where in self.kinds.values():
            reached = {0, 1}
            for choice, option in architecture.pairs:  # the edges are in topological order
                if choice in where:
                    node, source = EDGES[choice - where.start]
                    operation = self.choices[choice].options[option]
                    if operation == "noise" or (operation != "none" and source in reached):
                        live.append((choice, option))
                        reached.add(node)
        return tuple(live)

    def connected(self, architecture: Architecture) -> bool:
        """Whether in both kinds of cell a node reads what comes from the cell's inputs; `noise` hands on nothing."""
        reading = [c for c, o in architecture.pairs if self.choices[c].options[o] not in ("none", "noise")]
        return all(
            any(choice in where and EDGES[choice - where.start][1] < NODES[0] for choice in reading)
            for where in self.kinds.values()
        )

    # -- as a sequence ----------------------------------------------------------------------------------------------

    @cached_property
    def gene_sizes(self) -> tuple[int, ...]:
        """One gene a slot, two a node: the number of its (input, operation) pair."""
        return tuple(len(node.slots) for node in self._nodes for _ in range(2))

    def genes(self, architecture: Architecture) -> tuple[int, ...]:
        """The slots of each node, the smaller number first."""
        return tuple(node.number[pair] for node in self._nodes for pair in architecture.pairs if pair in node.number)

    def from_genes(self, genes: Sequence[int]) -> Architecture:
        """The architecture of any genes: a second slot that may not stand beside the first moves on to the next."""
        slots = enumerate(self._nodes)
        return Architecture(
            tuple(pair for place, node in slots for pair in node.settled(genes[2 * place], genes[2 * place + 1]))
        )

    # -- moving about -----------------------------------------------------------------------------------------------

    def _slots(self, architecture: Architecture) -> list[frozenset[int]]:
        genes = self.genes(architecture)
        return [frozenset(genes[place : place + 2]) for place in range(0, len(genes), 2)]

    def _from_slots(self, slots: Sequence[Sequence[int]]) -> Architecture:
        pairs = zip(self._nodes, slots, strict=True)
        return Architecture(tuple(node.slots[number] for node, numbers in pairs for number in numbers))

    def sample(self, generator: np.random.Generator) -> Architecture:
        """An architecture drawn uniformly: each node's two slots, of all that may stand together.

        With `inputs="distinct"` these are RandomNAS's paths (two inputs without replacement, two operations).
        """
        return self._from_slots([node.legal[int(generator.integers(len(node.legal)))] for node in self._nodes])

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures of which one slot differs."""
        slots: list[Sequence[int]] = [sorted(numbers) for numbers in self._slots(architecture)]
        return [
            self._from_slots([*slots[:place], other, *slots[place + 1 :]])
            for place, node in enumerate(self._nodes)
            for other in node.legal
            if len(set(other) & set(slots[place])) == 1
        ]

    def distance(self, one: Architecture, other: Architecture) -> int:
        """The number of slots, 0 to 16, in which two architectures differ; the order in a node does not count.

        M. Zhang et al., "Overcoming Multi-Model Forgetting in One-Shot NAS with Diversity Maximization" (NSAS), CVPR
        2020: two inputs of a node are the same if input and operation are.
        """
        return sum(2 - len(a & b) for a, b in zip(self._slots(one), self._slots(other), strict=True))

    def complement(self, current: Architecture, previous: Architecture, generator: np.random.Generator) -> Architecture:
        """An architecture that shares no slot with `previous` and has every slot of `current` that it lacks.

        Each node's slots are drawn uniformly from those that fulfil both conditions.
        """
        drawn = []
        for node, now, before in zip(self._nodes, self._slots(current), self._slots(previous), strict=True):
            fitting = [two for two in node.legal if now - before <= set(two) and not before & set(two)]
            drawn.append(fitting[int(generator.integers(len(fitting)))])
        return self._from_slots(drawn)

    def latin(self, generator: np.random.Generator, without: Architecture | None = None) -> list[Architecture]:
        """Architectures that together hold every slot: each node's slots in random twos, each once as far as that goes.

        There are as many as the node with most slots has twos; the twos of smaller nodes come again, in a new order.
        """
        left_out = [frozenset[int]()] * len(self._nodes) if without is None else self._slots(without)
        covering = [
            node.covering([number for number in range(len(node.slots)) if number not in out], generator)
            for node, out in zip(self._nodes, left_out, strict=True)
        ]
        count = max(map(len, covering))
        columns = [in_turn(twos, count, generator) for twos in covering]
        return [self._from_slots(slots) for slots in zip(*columns, strict=True)]

    # -- picture ----------------------------------------------------------------------------------------------------

    def node_names(self, kind: str) -> tuple[str, ...]:
        """The outputs of the cell before the last and of the last, then the nodes as a genotype numbers them."""
        return ("k-2", "k-1", *map(str, NODES))

    def ends(self, choice: int) -> tuple[int, int]:
        """The edge's source and target."""
        node, source = EDGES[choice % len(EDGES)]
        return source, node

    # -- graphs -----------------------------------------------------------------------------------------------------

    @cached_property
    def graph_family(self) -> GraphFamily:
        """15 vertices a cell, in which each slot picks one input and one operation."""
        first, *others = dict.fromkeys(choice.options for choice in self.choices)
        return cell_family([f"option {number}" for number in range(len(first))] if others else first)

    def to_graphs(self, architecture: Architecture) -> tuple[Graph, ...]:
        """The two cells; of a node's slots the one with the smaller number first."""
        return tuple(
            cell_graph(self.graph_family, [(c - where.start, o) for c, o in architecture.pairs if c in where])
            for where in self.kinds.values()
        )

    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The architecture of two cells; slots that may not stand together are settled as those of genes."""
        genes: list[int] = []
        for graph, where in zip(graphs, self.kinds.values(), strict=True):
            if not self.graph_family.contains(graph):
                raise ValueError(f"not the graph of a {self.name} cell: {graph}")
            for edge, option in graph_slots(self.graph_family, graph):
                genes.append(self._nodes[len(genes) // 2].number[where.start + edge, option])
        return self.from_genes(genes)


def _entering(where: range, node: int) -> list[int]:
    """The choices of a kind of cell that lead into a node."""
    return [choice for choice, (to, _) in zip(where, EDGES, strict=True) if to == node]

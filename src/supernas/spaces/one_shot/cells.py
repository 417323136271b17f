"""The cells of NAS-Bench-1Shot1: choice blocks that read earlier nodes, each a fixed number of them.

A. Zela, J. Siems and F. Hutter, "NAS-Bench-1Shot1: Benchmarking and Dissecting One-shot Neural Architecture Search",
ICLR 2020. Node 0 is the cell's input, nodes 1, 2, ... are the choice blocks. A block adds up the nodes that it reads
(its parents) and applies one operation; the output puts the nodes that it reads side by side. Every cell is a module of
NAS-Bench-101 once the blocks that nothing reads are pruned.

A choice of parents has the *sets* of them as its options: `0+2` is one option. So

- a cell takes one option at each choice, whatever they are: paths and draws are cells, and none has to be mended;
- a relaxation gives every set a weight, and a node is read with the sum over the sets that hold it: the probability
  that it is read, where the weights are one. The sums of a block's nodes add up to the number of its parents;
- cells whose parents differ share no pair at that choice. With nodes as options they would: two pairs out of three
  nodes always meet, and E2NAS's complement, which shares no pair with what went before, would not exist;
- the autoencoder's decoder picks a set by one softmax, over vertices that stand for the sets (`graphs.py`).

The paper's supernets weigh nodes, not sets: a softmax over the nodes that a block may read, of which so many as it
reads are kept in the end. Weights of sets can say what those of nodes can, and what is derived was weighed as a whole.

Sizes. The cells are the product of the numbers of parent sets and of operations: 14,580, 29,160 and 1,312,200. The
paper gives 6,240, 29,160 and 363,648; the first and the last do not follow from its parents and operations, and the
released code has the same products as here. Without blocks that nothing reads the paper gives 2,487, 3,609 and 24,066.
That is what the released generator finds: modules in which every block that is left, and the output, reads the one
before it. There are 3,702, 12,474 and 135,900 pruned modules, and 2,685, 7,773 and 55,854 that are not isomorphic.
"""

import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import ClassVar

import numpy as np

from supernas.core.architecture import Architecture, Pair
from supernas.core.errors import UserError, unknown
from supernas.core.graphs import Graph, GraphFamily
from supernas.spaces.base import Arc, ChoicePoint, CostConvention, Space
from supernas.spaces.one_shot.graphs import cell_family, cell_graph, graph_options
from supernas.spaces.one_shot.modules import OPERATIONS, Module
from supernas.spaces.pasted import LONGEST, plain_numbers

__all__ = ["OneShotCells"]

_MATRIX = re.compile(r"\[ ?\[[01, \[\]]{1,200}\] ?\]")
_NAME = re.compile("input|output|" + "|".join(map(re.escape, OPERATIONS)))
_NODE = re.compile(r"([\w-]{1,40}) ?~ ?(\d(?: ?\+ ?\d){0,8})")
_UNUSED = 5  # where a module of 7 vertices has one that nothing reads, for a cell of 4 blocks


class OneShotCells(Space):
    """Cells of so many choice blocks.

    Attributes:
        parents: how many nodes each block reads, and the output.
    """

    parents: ClassVar[tuple[int, ...]]

    network = "supernas.networks.nas_bench_1shot1:OneShotNetwork"
    cost_convention = CostConvention("convolutions, linear layers and their biases", linear_bias=True)

    @property
    def blocks(self) -> range:
        """The numbers of the blocks."""
        return range(1, len(self.parents))

    @cached_property
    def parent_sets(self) -> tuple[tuple[tuple[int, ...], ...], ...]:
        """The sets of nodes that each block, and at last the output, may read, in order."""
        return tuple(
            tuple(itertools.combinations(range(node), count)) for node, count in enumerate(self.parents, start=1)
        )

    @cached_property
    def choices(self) -> tuple[ChoicePoint, ...]:
        """Of each block its parents, where there are several sets of them, and its operation; the output's parents."""
        points = []
        for node, sets in enumerate(self.parent_sets, start=1):
            name = "output" if node == len(self.parents) else str(node)
            if len(sets) > 1:
                points.append(ChoicePoint(f"{name} reads", "cell", tuple("+".join(map(str, one)) for one in sets)))
            if node in self.blocks:
                points.append(ChoicePoint(f"{name} is", "cell", OPERATIONS))
        return tuple(points)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {choice.name: number for number, choice in enumerate(self.choices)}

    def parents_choice(self, node: int) -> int | None:
        """The number of the choice of what a block (or, after the last, the output) reads; None where it has none."""
        return self._numbers.get(f"{'output' if node == len(self.parents) else node} reads")

    def operation_choice(self, block: int) -> int:
        """The number of the choice of a block's operation."""
        return self._numbers[f"{block} is"]

    @cached_property
    def reference_architectures(self) -> Mapping[str, Architecture]:  # type: ignore[override]
        """The deepest cell of the largest operation."""
        read = [sets[-1] for sets in self.parent_sets]
        return {"all 3x3, each reading the nodes before it": self._cell(read, [OPERATIONS[0]] * len(self.blocks))}

    # -- what a cell is ---------------------------------------------------------------------------------------------

    def read_by(self, architecture: Architecture) -> list[tuple[int, ...]]:
        """The nodes that each block, and at last the output, reads."""
        options = architecture.options
        numbers = [self.parents_choice(node) for node in range(1, len(self.parents) + 1)]
        return [
            sets[0 if number is None else options[number]]
            for number, sets in zip(numbers, self.parent_sets, strict=True)
        ]

    def operations_of(self, architecture: Architecture) -> list[str]:
        """The operation of each block."""
        options = architecture.options
        return [OPERATIONS[options[self.operation_choice(block)]] for block in self.blocks]

    def _cell(self, read: Sequence[tuple[int, ...]], operations: Sequence[str]) -> Architecture:
        """The architecture of what blocks and output read, and of the blocks' operations."""
        options = {self.operation_choice(block): OPERATIONS.index(operations[block - 1]) for block in self.blocks}
        for node, (one, sets) in enumerate(zip(read, self.parent_sets, strict=True), start=1):
            number = self.parents_choice(node)
            if number is not None:
                options[number] = sets.index(one)
        return Architecture(tuple(options.items()))

    def module(self, architecture: Architecture) -> Module:
        """The cell in NAS-Bench-101: its matrix and operations, pruned."""
        return Module.of(self.read_by(architecture), self.operations_of(architecture)).pruned

    def canonical(self, architecture: Architecture) -> str:
        """NAS-Bench-101's hash of the module: cells of one hash were trained once."""
        return self.module(architecture).hash

    @cached_property
    def numbers_by_hash(self) -> Mapping[str, np.ndarray]:
        """The numbers of the cells of each module, by its hash: int64 [cells]."""
        hashes: dict[tuple[object, ...], str] = {}  # of pruned modules, which many cells share
        numbers: dict[str, list[np.ndarray]] = {}
        sizes = [len(choice.options) for choice in self.choices]
        strides = np.cumprod([1, *sizes[:0:-1]])[::-1].tolist()
        steps = {block: strides[self.operation_choice(block)] for block in self.blocks}
        for read in itertools.product(*self.parent_sets):
            start = sum(
                strides[choice] * sets.index(one)
                for node, (one, sets) in enumerate(zip(read, self.parent_sets, strict=True), start=1)
                if (choice := self.parents_choice(node)) is not None
            )
            live = [block for block in self.blocks if block in _reached(read)]
            module = tuple((block, read[block - 1]) for block in live), read[-1]
            others = _sums([steps[block] for block in self.blocks if block not in live])
            for operations in itertools.product(range(len(OPERATIONS)), repeat=len(live)):
                cell = start + sum(steps[block] * option for block, option in zip(live, operations, strict=True))
                key = (*module, operations)
                if key not in hashes:
                    hashes[key] = self.module(self[cell]).hash
                numbers.setdefault(hashes[key], []).append(cell + others)
        return {name: np.concatenate(parts) for name, parts in numbers.items()}

    def live(self, architecture: Architecture) -> tuple[Pair, ...]:
        """The pairs of the output and of blocks that it reads, itself or through others."""
        choices = {self.parents_choice(node) for node in self.read_nodes(architecture)}
        choices |= {self.operation_choice(block) for block in self.read_nodes(architecture) if block in self.blocks}
        return tuple(pair for pair in architecture.pairs if pair[0] in choices)

    def read_nodes(self, architecture: Architecture) -> set[int]:
        """The output, and the nodes that it reads, itself or through others."""
        return _reached(self.read_by(architecture))

    def operation_counts(self, architecture: Architecture) -> dict[str, int]:
        """How often the blocks take each operation that they take."""
        return dict(Counter(self.operations_of(architecture)))

    @property
    def option_names(self) -> tuple[str, ...]:
        """The operations: sets of parents are none."""
        return OPERATIONS

    # -- text -------------------------------------------------------------------------------------------------------

    def format(self, architecture: Architecture) -> str:
        """`conv3x3-bn-relu~0|maxpool3x3~0+1|...|output~2+4`: each block's operation and what it reads."""
        names = [*self.operations_of(architecture), "output"]
        read = self.read_by(architecture)
        return "|".join(f"{name}~{'+'.join(map(str, one))}" for name, one in zip(names, read, strict=True))

    def parse_text(self, text: str) -> Architecture:
        """Reads a cell as it is formatted here, also from within a line of a log; its number; or a module of
        NAS-Bench-101 (matrix and operations, as `ModelSpec` prints or takes them) before it is pruned.
        """
        if len(text) > LONGEST:
            raise UserError(f"a text of {len(text):,} characters; wanted one cell, in {LONGEST:,} characters at most")
        text = plain_numbers(" ".join(text.split()))  # messages repeat it, in one line
        if re.fullmatch(r"[0-9]+", text):
            if len(text) > 9 or int(text) >= len(self):
                raise UserError(f"index {text[:20]} is not in {self.name}; wanted 0 to {len(self) - 1}")
            return self[int(text)]
        if "~" in text:
            return self._from_nodes(text)
        if found := _MATRIX.search(text):
            return self._from_module(found[0], _NAME.findall(text))
        raise UserError(f"cannot read '{text[:200]}' as a {self.name} cell: wanted '{self._example}' or an index")

    @property
    def _example(self) -> str:
        return self.format(self[0])

    def _from_nodes(self, text: str) -> Architecture:
        found = _NODE.findall(text)
        if len(found) != len(self.parents) or found[-1][0] != "output":
            raise UserError(
                f"cannot read '{text[:200]}' as a {self.name} cell: wanted {len(self.blocks)} blocks and then the "
                f"output, as in '{self._example}'"
            )
        read = []
        for node, (name, sources) in enumerate(found, start=1):
            if node in self.blocks and name not in OPERATIONS:
                raise unknown("operation", name, OPERATIONS)
            read.append(tuple(sorted(int(source) for source in re.findall(r"\d", sources))))
        return self._legal(read, [name for name, _ in found[:-1]])

    def _legal(self, read: Sequence[tuple[int, ...]], operations: Sequence[str]) -> Architecture:
        for node, (one, sets) in enumerate(zip(read, self.parent_sets, strict=True), start=1):
            if one not in sets:
                name = f"block {node}" if node in self.blocks else "the output"
                raise UserError(
                    f"{name} reads {'+'.join(map(str, one)) or 'nothing'}; wanted {self.parents[node - 1]} different "
                    f"node(s) from 0 to {node - 1} in {self.name}"
                )
        return self._cell(read, operations)

    def _from_module(self, matrix: str, operations: Sequence[str]) -> Architecture:
        """The cell of a whole module, with a vertex that nothing reads where the released code puts one."""
        rows = [[int(entry) for entry in re.findall("[01]", row)] for row in re.findall(r"\[([01, ]+)\]", matrix)]
        try:
            module = Module(tuple(map(tuple, rows)), tuple(operations))
        except ValueError as error:
            raise UserError(f"cannot read that module: {error}") from None
        vertices = list(range(len(operations)))
        if len(vertices) == len(self.parents) + 2 and not any(row[_UNUSED] for row in rows) and not any(rows[_UNUSED]):
            vertices.remove(_UNUSED)
        if len(vertices) != len(self.parents) + 1:
            raise UserError(
                f"a module of {len(vertices)} vertices; wanted the {len(self.parents) + 1} of {self.name}, not pruned"
            )
        read = [tuple(vertices.index(source) for source in module.parents(vertex)) for vertex in vertices[1:]]
        return self._legal(read, [operations[vertex] for vertex in vertices[1:-1]])

    # -- picture ----------------------------------------------------------------------------------------------------

    def node_names(self, kind: str) -> tuple[str, ...]:
        """The input; of each block but the first the sum of what it reads, and the block; the output."""
        later = [name for block in self.blocks[1:] for name in (f"+{block}", str(block))]
        return ("in", "1", *later, "out")

    def ends(self, choice: int) -> tuple[int, int]:
        """Of parents from the input to the sum; of an operation from the sum to the block."""
        name, what = self.choices[choice].name.split()
        node = len(self.parents) if name == "output" else int(name)
        return (_sum(node), _value(node)) if what == "is" else (0, _sum(node))

    def arcs(self, architecture: Architecture, kind: str) -> list[Arc]:
        """Into each sum what the block reads, and on to the block its operation."""
        live, arcs = self.read_nodes(architecture), []
        for node, one in enumerate(self.read_by(architecture), start=1):
            arcs += [Arc(_value(source), _sum(node), "", node in live) for source in one if _sum(node)]
        for block, operation in zip(self.blocks, self.operations_of(architecture), strict=True):
            arcs.append(Arc(_sum(block), _value(block), operation, block in live))
        return arcs

    # -- graphs -----------------------------------------------------------------------------------------------------

    @cached_property
    def graph_family(self) -> GraphFamily:
        """Blocks, sums of the sets that they may read, and for each choice a vertex that varies."""
        return cell_family(self.parent_sets, self.parents_choice, self.operation_choice)

    def to_graphs(self, architecture: Architecture) -> tuple[Graph, ...]:
        """The cell, blocks that nothing reads included."""
        return (cell_graph(self.graph_family, architecture),)

    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The cell that a graph stands for."""
        (graph,) = graphs
        if not self.graph_family.contains(graph):
            raise ValueError(f"not the graph of a {self.name} cell: {graph}")
        return Architecture(graph_options(self.graph_family, graph))


def _reached(read: Sequence[tuple[int, ...]]) -> set[int]:
    """The output, and the nodes that it reads, itself or through others, of what each node from 1 on reads."""
    needed = {len(read)}
    for node in reversed(range(1, len(read) + 1)):
        if node in needed:
            needed.update(read[node - 1])
    return needed


def _sums(steps: Sequence[int]) -> np.ndarray:
    """All sums of steps, each taken as often as an operation's number says: int64 [sums]."""
    sums = np.zeros(1, dtype=np.int64)
    for step in steps:
        sums = (sums[:, None] + step * np.arange(len(OPERATIONS))).ravel()
    return sums


def _sum(node: int) -> int:
    """Where the picture has the sum of what a block reads (the input, of the first block), or the output."""
    return 2 * node - 2


def _value(node: int) -> int:
    """Where the picture has the input or a block."""
    return max(2 * node - 1, 0)

"""What a search space is: its choices and options, its text, and how one moves about in it.

Pure Python and numpy, no torch: a space can be listed, sampled and parsed without loading a network. A space is a
settings class: what can be set of it (the operations that it offers, say) are its fields, and two spaces with equal
settings are equal.
"""

import heapq
import itertools
import math
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar, NamedTuple, SupportsIndex

import numpy as np

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document
from supernas.core.graphs import Graph, GraphFamily
from supernas.core.settings import to_plain
from supernas.spaces.pasted import pasted

__all__ = ["Arc", "ChoicePoint", "CostConvention", "Space", "best_first", "in_turn"]

_FEW_SHOT = "supernas.networks.few_shot:FewShotNetwork"  # named, as networks are: spaces are read without torch

_LISTED = 1_000_000  # architectures, of which a random order is drawn at once
_PATIENCE = 1000  # draws without a new architecture, before there seems to be none


@dataclass(frozen=True)
class ChoicePoint:
    """A place where one of several operations goes: its name, the kind of cell it is in, and its options in order."""

    name: str
    kind: str
    options: tuple[str, ...]


class Arc(NamedTuple):
    """What leads from one node of a picture to another: numbers into `node_names`, the operation (empty if none), and
    whether it can reach the output.
    """

    source: int
    target: int
    operation: str
    live: bool


@dataclass(frozen=True)
class CostConvention:
    """How the published multiply-adds ("FLOPs") of a space are counted.

    Attributes:
        name: what a record calls it.
        linear_bias: whether each bias of a linear layer counts one.
    """

    name: str
    linear_bias: bool


class Space(ABC):
    """The architectures that may be chosen.

    The methods written out here hold for every space in which an architecture takes one option at each choice; a
    space with empty or double choices overrides them.
    """

    name: ClassVar[str]
    network: ClassVar[str]
    """Where the space's network is, as `module:class`. An entry point, so that a space needs no torch to be read."""
    data_kind: ClassVar[str] = "images"
    """The kind of data that the network reads: a file of `data/kinds/`."""
    reference_architectures: ClassVar[Mapping[str, Architecture]] = {}
    """Architectures that take no search and that every search should beat, by what to call them in a table."""
    cost_convention: ClassVar[CostConvention]
    enumerable: ClassVar[bool] = True
    """Whether the architectures are few enough to be numbered: `len`, iteration, `space[i]` and `index`."""
    exact_genes: ClassVar[bool] = True
    """Whether `genes` gives back what `from_genes` was given, so that a value means the same in every architecture."""

    @property
    def family(self) -> str:
        """The name under which the space's presets are."""
        return self.name

    def document(self) -> Document:
        """The name, and all settings: what tells this space from others, as plain values."""
        return {"name": self.name, **to_plain(self)}

    @property
    @abstractmethod
    def choices(self) -> tuple[ChoicePoint, ...]:
        """The choices, in order; those of a kind of cell stand together."""

    # -- text -------------------------------------------------------------------------------------------------------

    def parse(self, given: str | SupportsIndex) -> Architecture:
        """The architecture that a text names, in any form that people paste, or the one of a whole number.

        Raises:
            UserError: naming the token that is wrong.
        """
        return self.parse_text(pasted(given))

    @abstractmethod
    def parse_text(self, text: str) -> Architecture:
        """`parse`, of a text without quotation marks around it."""

    @abstractmethod
    def format(self, architecture: Architecture) -> str:
        """The published text form, which `parse` reads back."""

    @property
    def named(self) -> Mapping[str, str]:
        """Published architectures by name, as text; `parse` reads the names too."""
        return {}

    # -- structure --------------------------------------------------------------------------------------------------

    @cached_property
    def kinds(self) -> dict[str, range]:
        """Each kind of cell, with the numbers of its choices (a kind's choices stand together)."""
        kinds: dict[str, range] = {}
        for number, choice in enumerate(self.choices):
            start = kinds[choice.kind].start if choice.kind in kinds else number
            kinds[choice.kind] = range(start, number + 1)
        return kinds

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """Every (choice, option) pair of the space."""
        return tuple((number, o) for number, choice in enumerate(self.choices) for o in range(len(choice.options)))

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """The shape (choices, options) of each kind's weights matrix `W`; rows of fewer options are filled up."""
        return {
            kind: (len(where), max(len(choice.options) for choice in self.choices[where.start : where.stop]))
            for kind, where in self.kinds.items()
        }

    @property
    def size(self) -> int:
        """How many architectures the space has."""
        return math.prod(len(choice.options) for choice in self.choices)

    def __len__(self) -> int:
        """How many architectures the space has; like all that numbers them, only where it is `enumerable`."""
        self._check_enumerable()
        return self.size

    def __bool__(self) -> bool:
        """True: a space is never empty, however large."""
        return True

    def __iter__(self) -> Iterator[Architecture]:
        """All architectures, in the order of `self[0], self[1], ...`."""
        return (self[number] for number in range(len(self)))

    def _check_enumerable(self) -> None:
        if not self.enumerable:
            raise TypeError(
                f"{self.name} has {self.size:,} architectures, which are not numbered: use `size`, `sample`"
            )

    def __getitem__(self, number: int) -> Architecture:
        """The architecture of that number, counting options with the last choice fastest."""
        if not 0 <= number < len(self):
            raise IndexError(f"{self.name} has architectures 0 to {len(self) - 1}, not {number}")
        return Architecture.of(np.unravel_index(number, [len(choice.options) for choice in self.choices]))  # type: ignore[arg-type]

    def index(self, architecture: Architecture) -> int:
        """The number of an architecture: the inverse of `self[number]`."""
        self._check_enumerable()
        return int(np.ravel_multi_index(architecture.options, [len(choice.options) for choice in self.choices]))

    def contains(self, architecture: Architecture) -> bool:
        """Whether the architecture is legal in this space."""
        taken = [choice for choice, _ in architecture.pairs]
        return taken == list(range(len(self.choices))) and all(
            0 <= option < len(self.choices[choice].options) for choice, option in architecture.pairs
        )

    def matrices(self, architecture: Architecture) -> dict[str, np.ndarray]:
        """The architecture as 0/1 weights matrices: kind -> float array [choices, options]."""
        matrices = {kind: np.zeros(shape) for kind, shape in self.shapes.items()}
        for choice, option in architecture.pairs:
            kind = self.choices[choice].kind
            matrices[kind][choice - self.kinds[kind].start, option] = 1.0
        return matrices

    def derive(self, weights: Mapping[str, np.ndarray]) -> Architecture:
        """The architecture of the largest weights: the argmax at each choice (kind -> array [choices, options])."""
        rows = {kind: np.asarray(matrix).argmax(axis=1) for kind, matrix in weights.items()}
        return Architecture.of(int(option) for kind in self.kinds for option in rows[kind])

    # -- as a sequence ----------------------------------------------------------------------------------------------

    @cached_property
    def gene_sizes(self) -> tuple[int, ...]:
        """How many values each gene has. Genes are an architecture written as a sequence of independent decisions:
        whatever their values, they make a legal architecture.
        """
        return tuple(len(choice.options) for choice in self.choices)

    def genes(self, architecture: Architecture) -> tuple[int, ...]:
        """The architecture as a sequence of genes; here the option at each choice."""
        return architecture.options

    def from_genes(self, genes: Sequence[int]) -> Architecture:
        """The architecture of a sequence of genes: the inverse of `genes`."""
        return Architecture.of(genes)

    def likeliest(self, probabilities: Mapping[str, np.ndarray], count: int) -> list[Architecture]:
        """The `count` likeliest architectures, the likeliest first, where choices are independent.

        Args:
            probabilities: kind -> array [choices, options]; options of probability 0 are never taken.
            count: how many; all that there are, if there are fewer.
        """
        rows = [np.asarray(row, dtype=float) for kind in self.kinds for row in probabilities[kind]]
        return [Architecture.of(options) for options in itertools.islice(best_first(rows), count)]

    # -- moving about -----------------------------------------------------------------------------------------------

    def sample(self, generator: np.random.Generator) -> Architecture:
        """An architecture drawn uniformly."""
        return self.from_genes([int(generator.integers(size)) for size in self.gene_sizes])

    def shuffled(self, generator: np.random.Generator) -> Iterator[Architecture]:
        """Architectures in a random order, each once: all of them, or of a large space as many as are asked for. It
        ends where draws bring nothing new any more.
        """
        if self.enumerable and self.size <= _LISTED:
            yield from (self[int(number)] for number in generator.permutation(len(self)))
        else:
            yield from self._drawn_once(generator)

    def _drawn_once(self, generator: np.random.Generator) -> Iterator[Architecture]:
        seen: set[Architecture] = set()
        in_vain = 0
        while in_vain < _PATIENCE:
            drawn = self.sample(generator)
            in_vain = in_vain + 1 if drawn in seen else 0
            if drawn not in seen:
                seen.add(drawn)
                yield drawn

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """All architectures of which one gene differs."""
        genes = list(self.genes(architecture))
        return [
            self.from_genes([*genes[:place], other, *genes[place + 1 :]])
            for place, size in enumerate(self.gene_sizes)
            for other in range(size)
            if other != genes[place]
        ]

    def distance(self, one: Architecture, other: Architecture) -> int:
        """The number of genes in which two architectures differ."""
        return sum(a != b for a, b in zip(self.genes(one), self.genes(other), strict=True))

    def combined(self, cells: Mapping[str, Architecture]) -> Architecture:
        """The architecture that has each kind's cell from the architecture given for it."""
        return Architecture(
            tuple(pair for kind, where in self.kinds.items() for pair in cells[kind].pairs if pair[0] in where)
        )

    def distance_in(self, kind: str, one: Architecture, other: Architecture) -> int:
        """The part of `distance`, which adds up over kinds of cell, that is due to one kind."""
        return self.distance(one, self.combined({**dict.fromkeys(self.kinds, one), kind: other}))

    def complement(self, current: Architecture, previous: Architecture, generator: np.random.Generator) -> Architecture:
        """An architecture that shares no operation with `previous` and has every operation of `current` that it lacks.

        E2NAS's conditions (section 3.2), with architectures as sets of pairs: previous and complement are disjoint,
        and together they contain current. Where a gene of current and previous agrees, any other value is drawn.
        """
        values = zip(self.gene_sizes, self.genes(current), self.genes(previous), strict=True)
        return self.from_genes([_other(size, now, generator) if now == before else now for size, now, before in values])

    def latin(self, generator: np.random.Generator, without: Architecture | None = None) -> list[Architecture]:
        """Architectures that together take every option of every choice once: a Latin arrangement.

        Each gene's values stand in a random order of their own, one for each architecture, so that each is a uniform
        draw. There are as many as the largest gene has values; the values of smaller genes come again, in a new order.

        Args:
            generator: of the orders.
            without: whose options are left out: none of the architectures shares one with it.
        """
        left_out = [None] * len(self.gene_sizes) if without is None else self.genes(without)
        values = [
            [value for value in range(size) if value != out]
            for size, out in zip(self.gene_sizes, left_out, strict=True)
        ]
        count = max(map(len, values))
        columns = [in_turn(gene, count, generator) for gene in values]
        return [self.from_genes(genes) for genes in zip(*columns, strict=True)]

    def canonical(self, architecture: Architecture) -> str:
        """A text that is the same for architectures that compute the same function of fresh weights."""
        return self.format(architecture)

    def live(self, architecture: Architecture) -> tuple[Pair, ...]:
        """The pairs that lie on a path from input to output; the others cannot change what the network computes."""
        return architecture.pairs

    def connected(self, architecture: Architecture) -> bool:
        """Whether every kind of cell has a path from an input to its output, without which the output of a network
        says nothing of its input. True where the space does not know how its choices are wired.
        """
        return True

    def operation_counts(self, architecture: Architecture) -> dict[str, int]:
        """How often the architecture takes each operation that it takes."""
        return dict(Counter(self.choices[choice].options[option] for choice, option in architecture.pairs))

    @property
    def option_names(self) -> tuple[str, ...]:
        """The names of all options of all choices, each once: the order in which they are listed and coloured."""
        return tuple(dict.fromkeys(option for choice in self.choices for option in choice.options))

    # -- as a picture -----------------------------------------------------------------------------------------------

    @abstractmethod
    def node_names(self, kind: str) -> tuple[str, ...]:
        """The names of the nodes of a kind of cell, in topological order."""

    @abstractmethod
    def ends(self, choice: int) -> tuple[int, int]:
        """The (source, target) nodes of a choice, as numbers into `node_names`."""

    def arcs(self, architecture: Architecture, kind: str) -> list[Arc]:
        """What an architecture draws between the nodes of a kind of cell: an arc a pair, none for `none`."""
        live = set(self.live(architecture))
        return [
            Arc(*self.ends(choice), operation, (choice, option) in live)
            for choice, option in architecture.pairs
            if choice in self.kinds[kind] and (operation := self.choices[choice].options[option]) != "none"
        ]

    # -- as graphs, for the autoencoder -----------------------------------------------------------------------------

    @property
    @abstractmethod
    def graph_family(self) -> GraphFamily:
        """How a cell looks as a typed graph, the same for all kinds of cell; its pairs count choices within a kind."""

    @abstractmethod
    def to_graphs(self, architecture: Architecture) -> tuple[Graph, ...]:
        """The architecture as graphs of `graph_family`, one for each kind of cell, in the order of `kinds`."""

    @abstractmethod
    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The architecture that graphs stand for, one for each kind: any graphs of the family make a legal one.

        Raises:
            ValueError: if they are not of the family.
        """

    def to_graph(self, architecture: Architecture) -> Graph:
        """`to_graphs` where there is one kind of cell."""
        (graph,) = self.to_graphs(architecture)
        return graph

    def from_graph(self, graph: Graph) -> Architecture:
        """`from_graphs` where there is one kind of cell."""
        return self.from_graphs([graph])

    # -- as a network -----------------------------------------------------------------------------------------------

    def supernet(self, **settings: Any) -> Any:
        """The network that holds the weights of every option; the settings are those of the space's network class."""
        if settings.get("few_shot") is None:
            return self.network_class(self, **settings)
        return _loaded(_FEW_SHOT)(self, **settings)

    def build(self, architecture: Architecture | str | SupportsIndex, **settings: Any) -> Any:
        """A plain `torch.nn.Module` with `forward(x)` that computes one architecture (form `evaluation` by default).

        `settings` are those of the space's network class: `num_classes`, `in_channels`, `channels`, `cells`, ...
        """
        if not isinstance(architecture, Architecture):
            architecture = self.parse(architecture)
        return self.network_class.build(self, architecture, **settings)

    def standalone(self, architecture: Architecture | str | SupportsIndex, **settings: Any) -> Any:
        """The network of one architecture as runs train it; usually what `build` gives."""
        return self.build(architecture, **settings)

    @property
    def network_class(self) -> Any:
        """The class of the space's networks; loads torch."""
        return _loaded(self.network)


def _loaded(entry: str) -> Any:
    """What `module:name` is."""
    module, _, name = entry.partition(":")
    return getattr(import_module(module), name)


def in_turn(values: Sequence[Any], count: int, generator: np.random.Generator) -> list[Any]:
    """So many of the values: all of them in a random order, and again in another, until there are enough."""
    taken: list[Any] = []
    while len(taken) < count:
        taken += [values[place] for place in generator.permutation(len(values))]
    return taken[:count]


def best_first(weights: Sequence[np.ndarray]) -> Iterator[tuple[int, ...]]:
    """All sequences of values of positive weight, one of each array [values], by falling product of their weights.

    A sequence is kept as ranks (0 is the best value of its place). The next sequence is always among those that differ
    from one already given by a single rank, one place further down; a heap holds these.
    """
    ranked = [sorted(np.flatnonzero(row > 0), key=lambda value, row=row: -row[value]) for row in weights]  # type: ignore[misc]
    if not all(ranked):
        return
    logarithms = [np.log(row[order]) for row, order in zip(weights, ranked, strict=True)]

    def cost(ranks: tuple[int, ...]) -> float:
        return -float(sum(row[rank] for row, rank in zip(logarithms, ranks, strict=True)))

    first = (0,) * len(ranked)
    waiting, seen = [(cost(first), first)], {first}
    while waiting:
        _, ranks = heapq.heappop(waiting)
        yield tuple(int(order[rank]) for order, rank in zip(ranked, ranks, strict=True))
        for place, rank in enumerate(ranks):
            following = (*ranks[:place], rank + 1, *ranks[place + 1 :])
            if rank + 1 < len(ranked[place]) and following not in seen:
                seen.add(following)
                heapq.heappush(waiting, (cost(following), following))


def _other(count: int, not_this: int, generator: np.random.Generator) -> int:
    """One of `count` options, uniformly, but not `not_this`."""
    drawn = int(generator.integers(count - 1))
    return drawn + (drawn >= not_this)

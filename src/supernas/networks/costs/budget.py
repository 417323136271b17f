r"""Budgets: what the found network may cost, as a limit and as a penalty.

Costs add up: with C(a) the parameters, multiply-adds or milliseconds of architecture a and x_p what pair p = (choice,
option) contributes,

    C(a) = b + sum over p in a of x_p,        E[C](W) = b + sum over kinds k of (n_k / |W_k|) sum over p of W_p x_p

where n_k is how many pairs of kind k an architecture has and |W_k| the sum of its entries. The expected cost is that of
the architecture for a 0/1 `W`, and differentiable in a mixture's, in the form of H. Cai, L. Zhu and S. Han,
"ProxylessNAS: Direct Neural Architecture Search on Target Task and Hardware", ICLR 2019 (Eq. 7); it adds to the loss of
the architecture step

    weight * max(0, E[C](W) / limit - 1)      for every limit.

Parameters and multiply-adds are exact, and that they add up is checked. Milliseconds are measured pair by pair on the
device, so they add up roughly: what is predicted is raised until it is no less than what some whole networks took.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils.benchmark import Timer

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.records import Record, damaged, read_record
from supernas.core.settings import Unused, setting, settings
from supernas.networks.base import Network
from supernas.networks.costs.cost import path_costs
from supernas.spaces.base import Space

__all__ = [
    "Budget",
    "BudgetSettings",
    "CostTable",
    "cheapest",
    "cost_table",
    "make_budget",
    "measured_milliseconds",
    "read_budget",
    "read_costs",
]

Price = Callable[[Architecture], float]

_PAPER = __doc__  # which refers to it; in a class that name is the class's own docstring
_CHECKED = 4  # architectures whose cost is compared with the sum
_TIMED = 6  # networks by whose time predictions are raised
_SECONDS = 0.05  # of timing each


@settings
class BudgetSettings:
    """What the found network may cost, at the size of the supernet and in form `evaluation`."""

    max_parameters: float | None = setting(None, "the most learnable parameters", papers=_PAPER, gt=0)
    max_flops: float | None = setting(None, "the most multiply-adds, as the space counts them", papers=_PAPER, gt=0)
    max_latency_ms: float | None = setting(
        None, "the most milliseconds for one input on this device", papers=_PAPER, gt=0
    )
    penalty: float = setting(
        1.0, "weight in the architecture's loss of the part by which the expected cost is over a limit", ge=0
    )

    def unused(self) -> Iterator[Unused]:
        """A penalty for what is not limited."""
        if not self.limits:
            yield Unused(("penalty",), "no limit", "max_parameters, max_flops or max_latency_ms too")

    @property
    def limits(self) -> dict[str, float]:
        """The limits that are set, by what they limit."""
        every = {"parameters": self.max_parameters, "flops": self.max_flops, "latency_ms": self.max_latency_ms}
        return {name: limit for name, limit in every.items() if limit is not None}


class _TableRecord(Record):
    base: float
    pairs: dict[str, list[list[float]]]
    least: float


class BudgetRecord(Record):
    """`budget.json`: the tables of a search, by name of the cost."""

    remedy: ClassVar[str] = "run the search again"

    parameters: _TableRecord | None = None
    flops: _TableRecord | None = None
    latency_ms: _TableRecord | None = None


def read_costs(path: Path, space: Space) -> Document | None:
    """The tables in a run folder's `budget.json`, as plain values; None if there is none.

    Raises:
        UserError: if it is damaged, or of another space.
    """
    document = read_record(path, BudgetRecord)
    for name in (name for name in BudgetRecord.model_fields if document and document.get(name)):
        pairs: dict[str, list[list[float]]] = document[name]["pairs"]  # type: ignore[index]
        if {kind: [len(row) for row in rows] for kind, rows in pairs.items()} != _lengths(space):
            raise damaged(path, f"{name} is not of the choices of {space.name}", BudgetRecord.remedy)
    return document


def _lengths(space: Space) -> dict[str, list[int]]:
    return {kind: [options] * choices for kind, (choices, options) in space.shapes.items()}


@dataclass(frozen=True, eq=False)
class CostTable:
    """What each pair contributes to a cost.

    Attributes:
        base: what every network costs.
        pairs: kind -> float64 [choices, options].
        least: what a network costs at least, whatever the sum says.
    """

    base: float
    pairs: Mapping[str, np.ndarray]
    least: float = 0.0

    @classmethod
    def read(cls, document: Values) -> "CostTable":
        """The table of a document."""
        pairs = {kind: np.array(matrix) for kind, matrix in document["pairs"].items()}
        return cls(float(document["base"]), pairs, float(document["least"]))

    def document(self) -> Document:
        """The table as plain values."""
        pairs = {kind: matrix.tolist() for kind, matrix in self.pairs.items()}
        return {"base": self.base, "pairs": pairs, "least": self.least}

    def of(self, space: Space, architecture: Architecture) -> float:
        """The cost of an architecture."""
        total = self.base
        for choice, option in architecture.pairs:
            kind = space.choices[choice].kind
            total += float(self.pairs[kind][choice - space.kinds[kind].start, option])
        return max(total, self.least)

    def expected(self, W: Mapping[str, Tensor], counts: Mapping[str, int]) -> Tensor:
        """The expected cost of a weights matrix, a scalar with its gradient.

        Args:
            W: kind -> Float[choices, options].
            counts: how many pairs of each kind an architecture has.
        """
        parts = [
            counts[kind] * (matrix * torch.as_tensor(self.pairs[kind]).to(matrix)).sum() / matrix.sum()
            for kind, matrix in W.items()
        ]
        return self.base + torch.stack(parts).sum()


@dataclass(frozen=True, eq=False)
class Budget:
    """Limits on what an architecture costs.

    Attributes:
        space: of the architectures.
        limits: the most, by name of the cost.
        tables: the costs, by name.
        weight: of the penalty.
    """

    space: Space
    limits: Mapping[str, float]
    tables: Mapping[str, CostTable]
    weight: float

    def costs(self, architecture: Architecture) -> dict[str, float]:
        """What an architecture costs, by name."""
        return {name: table.of(self.space, architecture) for name, table in self.tables.items()}

    def excess(self, architecture: Architecture) -> float:
        """By what part of a limit an architecture is over it, added up over all limits; 0 within the budget."""
        costs = self.costs(architecture)
        return sum(max(0.0, costs[name] / limit - 1) for name, limit in self.limits.items())

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many pairs of each kind an architecture has."""
        any_one = self.space.sample(np.random.default_rng(0))
        return {kind: sum(choice in where for choice, _ in any_one.pairs) for kind, where in self.space.kinds.items()}

    def penalty(self, W: Mapping[str, Tensor]) -> Tensor:
        """What the expected cost of a mixture adds to its loss, a scalar with its gradient."""
        over = [self.tables[name].expected(W, self.counts) / limit - 1 for name, limit in self.limits.items()]
        return self.weight * torch.stack(over).clamp_min(0).sum()

    @cached_property
    def fallback(self) -> Architecture:
        """An architecture within the budget.

        Raises:
            UserError: if not even the cheapest architecture is within a limit, or none was found within all.
        """
        best = None
        for name, limit in self.limits.items():
            table = self.tables[name]
            best = cheapest(self.space, partial(table.of, self.space), table)
            least = table.of(self.space, best)
            if least > limit:
                raise UserError(
                    f"budget.max_{name} = {limit:,.6g}: the cheapest architecture of {self.space.name} has "
                    f"{least:,.6g} at this size; raise the limit, or make the network smaller"
                )
        assert best is not None, "a budget without limits"
        best = _descend(self.space, self.excess, best)
        if self.excess(best):
            limits = ", ".join(f"max_{name}={limit:,.6g}" for name, limit in self.limits.items())
            raise UserError(f"no architecture of {self.space.name} was found within {limits} together; raise one")
        return best

    def document(self) -> Document:
        """The tables, as plain values."""
        return {name: table.document() for name, table in self.tables.items()}


def read_budget(space: Space, options: BudgetSettings, document: Values) -> Budget:
    """The budget of a finished search, from what its run folder's `budget.json` holds."""
    tables = {name: CostTable.read(document[name]) for name in options.limits}
    return Budget(space, options.limits, tables, options.penalty)


def cheapest(space: Space, price: Price, table: CostTable) -> Architecture:
    """The architecture of the lowest cost."""
    return _descend(space, price, space.derive({kind: -pairs for kind, pairs in table.pairs.items()}))


def _descend(space: Space, price: Price, best: Architecture) -> Architecture:
    """Down along neighbours, of which each differs in one independent decision."""
    while True:
        lower = min(space.neighbours(best), key=price)
        if price(lower) >= price(best):
            return best
        best = lower


def cost_table(space: Space, price: Price, exact: bool = True) -> CostTable:
    """What each pair contributes, from the prices of one architecture and of its neighbours.

    Only differences between pairs that can stand in for each other are determined, and only these matter: what all
    architectures pay is in the base.

    Args:
        space: the space.
        price: the cost of an architecture.
        exact: whether the sum must equal the price.

    Raises:
        UserError: if costs do not add up (an option that holds choices of its own, say).
    """
    start = space.sample(np.random.default_rng(0))
    compared = _spanning(space, start)
    numbers = {pair: number for number, pair in enumerate(space.pairs)}
    incidence = np.zeros((1 + len(compared), len(numbers)))
    for row, architecture in enumerate([start, *compared]):
        incidence[row, [numbers[pair] for pair in architecture.pairs]] = 1
    first, prices = price(start), np.array([price(architecture) for architecture in compared])
    contributions = np.linalg.lstsq(incidence[1:] - incidence[0], prices - first, rcond=None)[0]
    pairs = {kind: np.zeros(shape) for kind, shape in space.shapes.items()}
    for (choice, option), number in numbers.items():
        kind = space.choices[choice].kind
        pairs[kind][choice - space.kinds[kind].start, option] = contributions[number]
    made = CostTable(first - float(incidence[0] @ contributions), pairs)
    if exact:
        _check(space, made, price)
    return made


def _spanning(space: Space, start: Architecture) -> list[Architecture]:
    """Neighbours that have one pair in place of another, as few as connect all pairs that can be so connected."""
    group = {pair: pair for pair in space.pairs}

    def root(pair: Pair) -> Pair:
        while group[pair] != pair:
            pair = group[pair]
        return pair

    joining = []
    for neighbour in space.neighbours(start):
        gone, come = set(start.pairs) - set(neighbour.pairs), set(neighbour.pairs) - set(start.pairs)
        if len(gone) == len(come) == 1:
            first, second = root(gone.pop()), root(come.pop())
            if first != second:
                group[first] = second
                joining.append(neighbour)
    return joining


def _check(space: Space, table: CostTable, price: Price) -> None:
    generator = np.random.default_rng(1)
    for _ in range(_CHECKED):
        architecture = space.sample(generator)
        paid, summed = price(architecture), table.of(space, architecture)
        if abs(paid - summed) > 1e-6 * max(1.0, paid):
            raise UserError(
                f"a budget needs costs that add up over the choices of {space.name}, and {space.format(architecture)} "
                f"costs {paid:,.0f}, not {summed:,.0f}; leave the budget out"
            )


def latency_table(space: Space, milliseconds: Price) -> CostTable:
    """What each pair takes, with a base at which no less is predicted than some whole networks took, and never less
    than the quickest of them.
    """
    table = cost_table(space, milliseconds, exact=False)
    generator = np.random.default_rng(2)
    drawn = {
        architecture: milliseconds(architecture) for architecture in (space.sample(generator) for _ in range(_TIMED))
    }
    short = max(0.0, *(took - table.of(space, architecture) for architecture, took in drawn.items()))
    return CostTable(table.base + short, table.pairs, min(drawn.values()))


def measured_milliseconds(run: Callable[[], Any], seconds: float = _SECONDS) -> float:
    """The median time of a call without gradients."""
    with torch.inference_mode():
        timer = Timer("run()", globals={"run": run}, num_threads=torch.get_num_threads())
        return float(timer.blocked_autorange(min_run_time=seconds).median * 1000)


def make_budget(
    network: Network,
    options: BudgetSettings,
    input_shape: tuple[int, ...],
    input_type: torch.dtype,
    known: Values | None = None,
) -> Budget:
    """The budget of a search, with what it takes to keep it.

    Args:
        network: holds all options, in form `evaluation`, at the size that counts, on the device that counts.
        options: the limits.
        input_shape: of one input.
        input_type: its numbers.
        known: the tables of an earlier part of the search (`Budget.document`), which are taken as they are.

    Raises:
        UserError: if the budget cannot be met, or costs do not add up.
    """
    space = network.space
    example = torch.zeros(1, *input_shape, dtype=input_type, device=next(network.parameters()).device)
    network.eval()

    tables = {}
    with path_costs(network, example) as path_cost:
        spent = cache(path_cost)
        prices: dict[str, Price] = {
            "parameters": lambda architecture: spent(architecture).parameters,
            "flops": lambda architecture: spent(architecture).multiply_adds,
        }
        for name in sorted(options.limits.keys() & prices.keys()):
            tables[name] = cost_table(space, prices[name])
    if options.max_latency_ms is not None:

        def milliseconds(architecture: Architecture) -> float:
            return measured_milliseconds(lambda: network(example, active=architecture.pairs))

        before = (known or {}).get("latency_ms")
        tables["latency_ms"] = CostTable.read(before) if before else latency_table(space, milliseconds)
    made = Budget(space, options.limits, tables, options.penalty)
    _ = made.fallback  # there is one
    return made

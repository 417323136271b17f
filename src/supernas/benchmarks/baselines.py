"""Searches on a table alone, without training: what every method has to beat.

They search on a validation accuracy and are judged by the test accuracy after the full training of the best
architecture so far, which they never see: by default `cifar10 valid 12` and `cifar10 test 200` in NAS-Bench-201, and
`cifar10 valid 108` and `cifar10 test 108` in the spaces within NAS-Bench-101.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from supernas.benchmarks.columns import Address
from supernas.benchmarks.noise import Benchmark
from supernas.benchmarks.table import Table
from supernas.core.errors import unknown
from supernas.spaces.base import Space
from supernas.spaces.one_shot.cells import OneShotCells
from supernas.spaces.search_strategies import Strategy, local_search, random_search, regularised_evolution

__all__ = [
    "BASELINES",
    "JUDGED_ON",
    "SEARCHED_ON",
    "Step",
    "random_search",
    "regularised_evolution",
    "run_baseline",
    "usual_columns",
]

SEARCHED_ON: Address = {"dataset": "cifar10", "trained_on": "train", "split": "valid", "epochs": 12}
JUDGED_ON: Address = {"dataset": "cifar10", "trained_on": "train+valid", "split": "test", "epochs": 200}
_OF_101: tuple[Address, Address] = (
    {"dataset": "cifar10", "trained_on": "train", "split": "valid", "epochs": 108},
    {"dataset": "cifar10", "trained_on": "train", "split": "test", "epochs": 108},
)


def usual_columns(space: Space) -> tuple[Address, Address]:
    """What a search on a table of a space sees, and by what it is judged."""
    return _OF_101 if isinstance(space, OneShotCells) else (SEARCHED_ON, JUDGED_ON)


@dataclass(frozen=True)
class Step:
    """One evaluation of a search.

    Attributes:
        index: official index of the architecture that was evaluated.
        score: the accuracy that the search saw, in percent.
        best: official index of the architecture with the highest score so far.
        truth: its accuracy in the column by which the search is judged, in percent.
    """

    index: int
    score: float
    best: int
    truth: float


BASELINES: dict[str, Callable[[Space, np.random.Generator], Strategy]] = {
    "local-search": local_search,
    "random-search": random_search,
    "regularised-evolution": regularised_evolution,
}


def run_baseline(
    name: str,
    table: Table,
    *,
    evaluations: int,
    seed: int = 0,
    search_on: Address | None = None,
    judge_on: Address | None = None,
    asked: Benchmark | None = None,
) -> list[Step]:
    """Runs a search on a table.

    Args:
        name: one of `BASELINES`.
        table: holds both columns.
        evaluations: how often the search may ask.
        seed: of the search.
        search_on: the column that the search sees.
        judge_on: the column by which the best architecture so far is judged.
        asked: the table as the search sees it, if not the same: with noise, for example.

    Returns:
        The trajectory: a step for each evaluation, fewer where the space ended before.

    Raises:
        UserError: if there is no such search or column, or the table has no value for a cell that was drawn.
    """
    if name not in BASELINES:
        raise unknown("baseline", name, BASELINES)
    benchmark: Benchmark = table if asked is None else asked
    usual = usual_columns(table.space)
    search_on, judge_on = search_on or usual[0], judge_on or usual[1]
    strategy = BASELINES[name](table.space, np.random.default_rng(seed))
    steps: list[Step] = []
    best, highest = -1, -np.inf
    architecture = next(strategy)
    while len(steps) < evaluations:
        score = benchmark.query(architecture, **search_on).mean
        if score > highest:
            best, highest = table.index(architecture), score
            truth = table.query(best, **judge_on).mean
        steps.append(Step(table.index(architecture), score, best, truth))
        try:
            architecture = strategy.send(score)
        except StopIteration:
            break
    return steps

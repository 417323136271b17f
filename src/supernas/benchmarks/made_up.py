"""A made-up table for tests and examples: its accuracies are invented and say nothing about any architecture."""

import numpy as np

from supernas import spaces
from supernas.benchmarks.columns import Column, Seed
from supernas.benchmarks.table import Source, Table
from supernas.spaces.one_shot.cells import OneShotCells

__all__ = ["made_up_table"]

_COLUMNS = (
    Column("cifar10", "train", "valid", 12),
    Column("cifar10", "train", "test", 200),
    Column("cifar10", "train+valid", "test", 12),
    Column("cifar10", "train+valid", "test", 200),
)
_COLUMNS_OF_101 = (Column("cifar10", "train", "valid", 108), Column("cifar10", "train", "test", 108))


def made_up_table(space: str = "nas-bench-201", *, seed: int = 0, trainings: int = 3) -> Table:
    """An invented table in memory, with the columns of CIFAR-10 of NAS-Bench-201, or of NAS-Bench-101 for its spaces.

    Every option of every choice has a random worth; an accuracy is a squashed sum of worths plus noise, less for long
    trainings than for 12 epochs. So neighbours are alike, as in real tables, and short trainings predict long ones.

    Args:
        space: a search space with one option at each choice.
        seed: of everything random.
        trainings: how many seeds each column has.
    """
    where = spaces.get(space)
    generator = np.random.default_rng(seed)
    worth = [generator.normal(size=len(choice.options)) for choice in where.choices]
    options = np.array([architecture.options for architecture in where])  # [architectures, choices]
    total = sum(worths[options[:, choice]] for choice, worths in enumerate(worth))
    score = 1 / (1 + np.exp(-np.asarray(total) / np.sqrt(len(worth))))
    columns: list[tuple[Column, Seed]] = []
    rows = []
    for column in _COLUMNS_OF_101 if isinstance(where, OneShotCells) else _COLUMNS:
        top, noise = (80.0, 2.0) if column.epochs == 12 else (95.0, 0.3)
        for training in range(trainings):
            columns.append((column, 777 + 111 * training))
            rows.append(np.clip(top * score + noise * generator.normal(size=len(where)), 0, 100))
    source = Source("made-up accuracies", f"made up with seed {seed}", "", made_up=True)
    return Table(space, columns, np.stack(rows), {}, source)

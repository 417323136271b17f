"""A made-up table for tests and examples: its accuracies are invented and say nothing about any architecture."""

import numpy as np

from supernas import spaces
from supernas.benchmarks.columns import Column, Seed
from supernas.benchmarks.table import Source, Table

__all__ = ["MADE_UP_COLUMNS", "made_up_table"]

MADE_UP_COLUMNS = (
    Column("cifar10", "train", "valid", 12),
    Column("cifar10", "train", "test", 200),
    Column("cifar10", "train+valid", "test", 12),
    Column("cifar10", "train+valid", "test", 200),
)


def made_up_table(space: str = "nas-bench-201", *, seed: int = 0, trainings: int = 3) -> Table:
    """An invented table in memory, with NAS-Bench-201's CIFAR-10 columns.

    Every option of every choice has a random worth; an accuracy is a squashed sum of worths plus noise, less for 200
    epochs than for 12. So neighbours are alike, as in real tables, and short trainings predict long ones.

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
    for column in MADE_UP_COLUMNS:
        top, noise = (95.0, 0.3) if column.epochs == 200 else (80.0, 2.0)
        for training in range(trainings):
            columns.append((column, 777 + 111 * training))
            rows.append(np.clip(top * score + noise * generator.normal(size=len(where)), 0, 100))
    source = Source("made-up accuracies", f"made up with seed {seed}", "", made_up=True)
    return Table(space, columns, np.stack(rows), {}, source)

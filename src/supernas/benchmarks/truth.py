"""What a table says of an architecture, for the record of a search."""

from collections.abc import Callable
from dataclasses import asdict

from supernas.benchmarks.columns import Column
from supernas.benchmarks.table import Table
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.spaces.base import Space

__all__ = ["final_tests", "named_columns", "truths"]


def named_columns(table: Table) -> dict[str, Column]:
    """The columns of a table by the names that records and tables call them: `cifar10 test 200 (train+valid)`."""
    return {
        f"{column.dataset} {column.split} {column.epochs} ({column.trained_on})": column for column in table.columns
    }


def truths(table: Table, space: Space) -> Callable[[Architecture], dict[str, float]]:
    """A function from an architecture to all its true accuracies in percent, means over seeds, by column.

    Raises:
        UserError: if the table is of another space.
    """
    if table.space.name != space.name:
        raise UserError(f"the benchmark is of the space {table.space.name}, the search is in {space.name}")
    arrays = {name: table.column(**asdict(column)) for name, column in named_columns(table).items()}

    def truth(architecture: Architecture) -> dict[str, float]:
        index = table.index(architecture)
        values = {name: float(accuracies[index]) for name, accuracies in arrays.items()}
        return {name: value for name, value in values.items() if value == value}  # the source may lack some

    return truth


def final_tests(table: Table, space: Space) -> Callable[[Architecture], dict[str, float]]:
    """As `truths`, of those columns alone by which a ranking is judged: every test accuracy after the longest training
    that the table has.

    Raises:
        UserError: if the table is of another space.
    """
    longest = max(column.epochs for column in table.columns)
    columns = named_columns(table).items()
    judging = {name for name, column in columns if column.split == "test" and column.epochs == longest}
    truth = truths(table, space)

    def final(architecture: Architecture) -> dict[str, float]:
        return {name: value for name, value in truth(architecture).items() if name in judging}

    return final

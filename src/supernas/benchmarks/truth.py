"""What a table says of an architecture, for the record of a search."""

from collections.abc import Callable
from dataclasses import asdict

from supernas.architecture import Architecture
from supernas.benchmarks.columns import Column
from supernas.benchmarks.table import Table
from supernas.errors import UserError
from supernas.spaces.base import Space

__all__ = ["named_columns", "truths"]


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

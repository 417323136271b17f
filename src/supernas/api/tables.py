"""A column of a benchmark that architectures are compared with."""

from pathlib import Path

from supernas.api.parameters import AnyPath
from supernas.benchmarks.columns import Column
from supernas.benchmarks.table import Table, load
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.spelling import named
from supernas.spaces.base import Space

__all__ = ["read_column", "refuse_column"]


def refuse_column(column: Document, why: str) -> None:
    """Refuses the parts of a column's address, and what else goes with a benchmark, where there is none.

    Raises:
        UserError: naming the first that was given; `why` is the end of the sentence.
    """
    given = [name for name, value in column.items() if value is not None]
    if given:
        raise UserError(f"{named(given[0])} {why}")


def read_column(path: AnyPath, column: Document, space: Space, whose: str) -> tuple[Table, Column]:
    """A benchmark of a space, and its one column of that address.

    Args:
        path: of the table.
        column: the parts of the address, None where not given.
        space: of the architectures.
        whose: what is of that space, for the message.

    Raises:
        UserError: if the table is of another space, or no column, or several, have that address.
    """
    table = load(Path(path))
    if table.space.name != space.name:
        raise UserError(f"{path} is a benchmark of {table.space.name}, and {whose} {space.name}")
    return table, table.choose(**column)

"""What a command prints at its end: names and values, line by line."""

from collections.abc import Mapping

from supernas.cli.console import Console

__all__ = ["out", "print_rows"]

out = Console(highlight=False, soft_wrap=True)
"""The terminal, or the file that stands for it."""


def print_rows(rows: Mapping[str, str]) -> None:
    """Prints a line for each name and its value, the values below one another."""
    width = max(map(len, rows))
    for name, value in rows.items():
        out.print(f"{name:<{width}}  {value}", markup=False)

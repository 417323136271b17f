"""`supernas report`: a page about a run or a study, or about several."""

from pathlib import Path
from typing import Annotated

import typer

from supernas.api import report as write
from supernas.cli import rows

__all__ = ["report"]


def report(
    folders: Annotated[
        list[Path], typer.Argument(help="the folder of a search, a training or a study; several are compared")
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="the file to write (default: report.html in the folder, or comparison.html beside several)"),
    ] = None,
) -> None:
    """Write one HTML page that needs nothing else: what was found, how it went, what it cost, and how to repeat it. Of
    several runs: how they rank, what none beats in value and cost, and how they come along in time.
    """
    rows.out.print(str(write(*folders, out=out)))

"""`supernas report`: a page about a run or a study."""

from pathlib import Path
from typing import Annotated

import typer

from supernas.api import report as write
from supernas.cli.rows import out as out_

__all__ = ["report"]


def report(
    folder: Annotated[Path, typer.Argument(help="the folder of a search, a training or a study")],
    out: Annotated[Path | None, typer.Option(help="the file to write (default: report.html in the folder)")] = None,
) -> None:
    """Write one HTML page that needs nothing else: what was found, how it went, what it cost, and how to repeat it."""
    out_.print(str(write(folder, out=out)))

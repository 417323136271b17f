"""`supernas cite`: whom to cite for a run."""

from pathlib import Path
from typing import Annotated

import typer

from supernas.output.citations import cite as bibtex

__all__ = ["cite"]


def cite(
    folders: Annotated[list[Path], typer.Argument(help="folders of searches, trainings or studies, finished or not")],
) -> None:
    """Print the BibTeX of every paper whose part took part in runs: methods, objectives, spaces, proxies, plug-ins."""
    print(bibtex(*folders))

"""The option that commands share which only the command line has."""

from typing import Annotated

import typer

__all__ = ["SpaceOption"]

SpaceOption = Annotated[str | None, typer.Option("--space", help="the search space (default nas-bench-201)")]

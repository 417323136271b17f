"""The command line put together: each command is in a file of its own."""

import logging
import sys
from typing import Annotated, Any

import typer

from supernas.cli.autoencoder import autoencoder_app
from supernas.cli.benchmark import benchmark_app, query
from supernas.cli.command import Command
from supernas.cli.correlate import correlate
from supernas.cli.derive import derive
from supernas.cli.describe import describe
from supernas.cli.export import export
from supernas.cli.list import list_
from supernas.cli.report import report
from supernas.cli.retrain import retrain
from supernas.cli.score import score
from supernas.cli.search import search
from supernas.cli.show import show
from supernas.cli.study import study
from supernas.cli.train import train
from supernas.core.errors import UserError
from supernas.core.files import versions
from supernas.core.spelling import at_command_line

__all__ = ["main"]


def _print_version(wanted: bool) -> None:
    if wanted:
        found = versions()
        print(f"supernas {found['supernas']} (torch {found['torch']}, Python {sys.version.split()[0]})")
        raise typer.Exit


app = typer.Typer(
    help="One-shot neural architecture search that does what the papers' equations say.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (query, correlate, derive, export, report, score, study, search, train, retrain, show):
    app.command(cls=Command)(command)
app.command(name="list", cls=Command)(list_)
app.command(cls=Command)(describe)
app.add_typer(autoencoder_app, name="autoencoder")
app.add_typer(benchmark_app, name="benchmark")


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


_UsageError: Any = typer.BadParameter.__base__  # every mistake in the options themselves


def main() -> None:
    """Runs the command line. Whatever a user can get wrong is one line and exit code 2."""
    log = logging.getLogger("supernas")  # what takes long says so
    log.setLevel(logging.INFO)
    log.addHandler(logging.StreamHandler())
    try:
        with at_command_line():
            code = app(standalone_mode=False)
    except UserError as error:
        _fail(str(error))
    except _UsageError as error:
        _fail(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> None:
    print(f"supernas: {' '.join(message.split())}", file=sys.stderr)
    sys.exit(2)

"""The command line put together: each command is in a file of its own."""

import io
import logging
import os
import sys
import time
from contextlib import suppress
from typing import Annotated, Any

import typer

from supernas.cli.autoencoder import autoencoder_app
from supernas.cli.benchmark import benchmark_app, query
from supernas.cli.cite import cite
from supernas.cli.command import Command
from supernas.cli.correlate import correlate
from supernas.cli.derive import derive
from supernas.cli.describe import describe
from supernas.cli.export import export
from supernas.cli.list import list_
from supernas.cli.net import DEBUG, caught
from supernas.cli.new import new
from supernas.cli.report import report
from supernas.cli.retrain import retrain
from supernas.cli.score import score
from supernas.cli.search import search
from supernas.cli.show import show
from supernas.cli.study import study
from supernas.cli.train import train
from supernas.core.errors import UserError
from supernas.core.files import versions
from supernas.core.ranks import LostRankError, first
from supernas.core.spelling import at_command_line
from supernas.core.text import one_line, printable

__all__ = ["main"]


def _print_version(wanted: bool) -> None:
    if wanted:
        found = versions()
        print(f"supernas {found['supernas']} (torch {found['torch']}, Python {sys.version.split()[0]})")
        raise typer.Exit


app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for command in (query, cite, correlate, derive, export, report, score, study, search, train, retrain, show):
    app.command(cls=Command)(command)
app.command(name="list", cls=Command)(list_)
app.command(cls=Command)(describe)
app.command(cls=Command)(new)
app.add_typer(autoencoder_app, name="autoencoder")
app.add_typer(benchmark_app, name="benchmark")


_FIRST_SPEAKS = 20.0  # seconds that it has to end
_UsageError: Any = typer.BadParameter.__base__  # every mistake in the options themselves


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="show the version and exit")
    ] = False,
    debug: Annotated[bool, typer.Option(DEBUG, help="show where an unforeseen error comes from")] = False,
) -> None:
    """One-shot neural architecture search that does what the papers' equations say."""


def main() -> None:
    """Runs the command line. Whatever a user can get wrong is one line and exit code 2, and so is a file that the
    system refuses; a full or closed standard output is exit code 1, and so is what nobody foresaw, which is one line
    too and a file that holds the traceback.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # what an encoding lacks, as half of a path, is written out
            stream.reconfigure(errors="backslashreplace")
    arguments = sys.argv[1:]
    debug = DEBUG in arguments  # wherever it stands
    try:
        code = _run([argument for argument in arguments if argument != DEBUG])
        sys.stdout.flush()
    except BrokenPipeError:
        _end_quietly()
        code = 1
    except OSError as error:
        if debug:
            raise
        where = f"{error.filename}: " if error.filename else "the system says: "
        code = _fail(f"{where}{error.strerror or error}", 2 if error.filename else 1)
        _end_quietly()
    except Exception as error:
        if debug:
            raise
        code = _fail(caught(error), 1)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    """The exit code of a command."""
    log = logging.getLogger("supernas")  # what takes long says so
    log.setLevel(logging.INFO)
    log.addHandler(_Messages())
    try:
        with at_command_line():
            code = app(arguments, standalone_mode=False)
    except LostRankError as error:
        return _fail(str(error)) if first() else 2  # all of them have lost it, and one says so
    except UserError as error:
        if not first():  # the first process says the same, and this one ends with it, unless it is alone in this
            time.sleep(_FIRST_SPEAKS)
        return _fail(str(error))
    except _UsageError as error:
        return _fail(error.format_message())
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return code if isinstance(code, int) else 0


class _Messages(logging.StreamHandler):
    """Messages on standard error, printable."""

    def format(self, record: logging.LogRecord) -> str:
        """The text of a message."""
        return printable(super().format(record))


def _fail(message: str, code: int = 2) -> int:
    with suppress(OSError):  # nobody reads it
        print(f"supernas: {one_line(message)}", file=sys.stderr)
    return code


def _end_quietly() -> None:
    """Who reads standard output has gone, or it is full: what is still to be written has no place."""
    with suppress(OSError):  # it may be no file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

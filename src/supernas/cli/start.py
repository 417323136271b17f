"""Where the command line begins: nothing is imported yet that takes time, so that ^C is quiet from here on."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from os import _exit
from typing import Any

__all__ = ["INTERRUPTED", "main"]

INTERRUPTED = 130
"""The exit code after ^C."""


def main() -> None:
    """Imports the command line and runs it. While nothing runs yet, or everything is done, ^C ends the process at once:
    an exception in the middle of an import, or of the interpreter's end, would be a traceback.
    """
    with _ended_by_interrupt():
        from supernas.cli.app import main as run
    try:
        run()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        _end_on_interrupt()


@contextmanager
def _ended_by_interrupt() -> Iterator[None]:
    before = _end_on_interrupt()
    yield
    signal.signal(signal.SIGINT, before)


def _end_on_interrupt() -> Any:
    """From now on ^C ends the process at once, unless it is ignored; returns what it did before."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, frame: _exit(INTERRUPTED))
    return before

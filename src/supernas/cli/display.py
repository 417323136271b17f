"""What a person sees while a run goes on: a live line on a terminal, plain log lines elsewhere."""

import logging
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from supernas.cli.console import Console
from supernas.core.documents import Values
from supernas.runs.log import RunLog

__all__ = ["Display", "counting_bar"]


class _Echo(logging.StreamHandler):
    """Lines on standard error. Where nobody reads them any more the run goes on: they are in the log too."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Leaves the line out."""


class Display(RunLog):
    """Shows steps and epochs of a run, and writes the same lines to `log.txt` in its folder.

    Args:
        folder: the run's folder.
        steps: of the whole run.
        done: steps that an earlier process has done.
    """

    def __init__(self, folder: Path, steps: int, done: int) -> None:
        super().__init__(folder, done)
        self.console = Console(stderr=True)
        self.live = self.console.is_terminal
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self.console,
            disable=not self.live,
        )
        self.task = self.progress.add_task("step", total=steps, completed=done, rate="")
        if not self.live:
            self.add(_Echo(sys.stderr), "%H:%M:%S")

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        super().__exit__(kind, error, trace)

    def step(self, progress: Any, metrics: Values) -> None:
        """After a step: moves the bar."""
        super().step(progress, metrics)
        if self.live:
            self.progress.update(self.task, completed=self.done, rate=self.rate)

    def say(self, text: str) -> None:
        """One line, above the bar and into the log."""
        super().say(text)
        if self.live:
            self.progress.console.print(text, highlight=False, markup=False)


def counting_bar() -> Progress:
    """A bar on the terminal for something that is counted; nothing where there is no terminal."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True, highlight=False)
    return Progress(*columns, console=console, disable=not console.is_terminal)

"""What a person sees while a run goes on: a live line on a terminal, plain log lines elsewhere."""

import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Display"]

_SHOWN = ("loss", "train_metric", "train_accuracy", "valid_loss", "valid_metric", "valid_accuracy", "distinct")


class Display:
    """Shows steps and epochs of a run, and writes the same lines to `log.txt` in its folder.

    Use as a context manager; `step` and `epoch` are the listeners of a run.
    """

    def __init__(self, folder: Path, steps: int, done: int) -> None:
        self.console = Console(stderr=True)
        self.live = self.console.is_terminal
        self.started, self.done, self.first = time.monotonic(), done, done
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
        self.log = logging.getLogger(f"supernas.run.{folder.name}")
        self.log.setLevel(logging.INFO)
        self.log.propagate = False
        folder.mkdir(parents=True, exist_ok=True)
        self.file = logging.FileHandler(folder / "log.txt", encoding="utf-8")
        self.file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        self.log.addHandler(self.file)
        if not self.live:
            self.stream = logging.StreamHandler(sys.stderr)
            self.stream.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
            self.log.addHandler(self.stream)

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()
        for handler in list(self.log.handlers):
            self.log.removeHandler(handler)
            handler.close()

    def step(self, progress: Any, metrics: Mapping[str, Any]) -> None:
        """After a step: moves the bar."""
        self.done = progress.step + 1
        if self.live:
            self.progress.update(self.task, completed=self.done, rate=self._rate())

    def epoch(self, epoch: Any) -> None:
        """After an epoch: one line with its metrics, the step rate and the present architecture."""
        shown = "  ".join(f"{name} {epoch.metrics[name]:.3f}" for name in _SHOWN if name in epoch.metrics)
        self.say(
            f"epoch {epoch.epoch + 1}/{epoch.epochs}  {shown}  {self._rate()}  {getattr(epoch, 'text', '')}".rstrip()
        )

    def say(self, text: str) -> None:
        """One line, above the bar and into the log."""
        self.log.info(text)
        if self.live:
            self.progress.console.print(text, highlight=False, markup=False)

    def _rate(self) -> str:
        seconds = time.monotonic() - self.started
        return f"{(self.done - self.first) / seconds:.1f} steps/s" if seconds > 0 else ""

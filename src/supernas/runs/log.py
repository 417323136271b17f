"""What a run says while it goes on: lines in `log.txt` in its folder."""

import logging
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.files import open_to_append
from supernas.core.spelling import option
from supernas.core.text import printable

__all__ = ["RunLog"]

_SHOWN = ("loss", "train_metric", "valid_loss", "valid_metric", "distinct")


class _LogFile(logging.FileHandler):
    """A file of lines; what cannot be written ends the run as any other file would."""

    def _open(self) -> Any:
        return open_to_append(Path(self.baseFilename))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Says it in one line."""
        error = sys.exc_info()[1]
        raise UserError(f"cannot write to {self.baseFilename}: {getattr(error, 'strerror', None) or error}") from error


def _log_file(path: Path) -> _LogFile:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():  # it would be written through
            path.unlink()
        return _LogFile(path, encoding="utf-8")
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror or error}; choose another {option('out')}") from None


class RunLog:
    """Writes one line an epoch to `log.txt`. Use as a context manager; `step` and `epoch` are the listeners of a run.

    Args:
        folder: the run's folder.
        done: steps that an earlier process has done.
    """

    def __init__(self, folder: Path, done: int) -> None:
        self.started, self.done, self.first = time.monotonic(), done, done
        self.log = logging.getLogger(f"supernas.run.{folder.name}")
        self.log.setLevel(logging.INFO)
        self.log.propagate = False
        self.add(_log_file(folder / "log.txt"), "%Y-%m-%d %H:%M:%S")

    def add(self, handler: logging.Handler, date: str) -> None:
        """Writes the lines there too, with times in that form."""
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", date))
        self.log.addHandler(handler)

    def __enter__(self) -> "RunLog":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handler in list(self.log.handlers):
            self.log.removeHandler(handler)
            handler.close()

    def step(self, progress: Any, metrics: Values) -> None:
        """After a step."""
        self.done = progress.step + 1

    def epoch(self, epoch: Any) -> None:
        """After an epoch: one line with its metrics, the step rate and the present architecture."""
        shown = "  ".join(f"{name} {epoch.metrics[name]:.3f}" for name in _SHOWN if name in epoch.metrics)
        self.say(f"epoch {epoch.epoch + 1}/{epoch.epochs}  {shown}  {self.rate}  {getattr(epoch, 'text', '')}".rstrip())

    def say(self, text: str) -> None:
        """One line."""
        self.log.info("%s", printable(text))

    @property
    def rate(self) -> str:
        """Steps a second of this process."""
        seconds = time.monotonic() - self.started
        return f"{(self.done - self.first) / seconds:.1f} steps/s" if seconds > 0 else ""

"""What a tracker is: a listener that shows the lines of `metrics.jsonl` in the form of another program.

The lines stay the truth. A tracker's folder, `RUN/trackers/NAME`, is made from them, anew by every process that goes on
with the run, so that no epoch is doubled or missing, whenever the process before was killed. No network is used.
"""

import shutil
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from supernas.core.documents import Document, Values
from supernas.core.errors import UserError

__all__ = ["Numbers", "Tracker", "begin", "flat", "numbers"]

Numbers = Mapping[str, float]
"""Name -> value; a name within a table has the table's before it, as in `truth/cifar10 test 200`."""


class Tracker(ABC):
    """Shows one run. It lives in the file of its name, which is also that of the extra that installs its library.

    Attributes:
        module: what it imports.

    Args:
        folder: of its own, which it has to make.
        name: of the run.
        document: the run's complete configuration.
    """

    module: ClassVar[str]

    @abstractmethod
    def __init__(self, folder: Path, name: str, document: Document) -> None: ...

    @abstractmethod
    def write(self, epoch: int, values: Numbers) -> None:
        """The numbers of an epoch, counted from 0."""

    @abstractmethod
    def close(self, outcome: Numbers) -> None:
        """The run has ended with these numbers, or stops here with none."""


def begin(
    kinds: Mapping[str, type[Tracker]], folder: Path, document: Document, lines: Sequence[Values]
) -> list[Tracker]:
    """Trackers that show the lines of a run so far; each has the folder of its name in `trackers` in the run's.

    Raises:
        UserError: if such a folder cannot be made anew.
    """
    made = []
    for name, kind in kinds.items():
        own = folder / "trackers" / name  # not `RUN/wandb`, which others make too and would lose
        try:
            _remove_file(own.parent)
            own.parent.mkdir(parents=True, exist_ok=True)
            _remove(own)
        except OSError as error:
            raise UserError(f"cannot make {own} anew: {error.strerror or error}; remove it") from None
        tracker = kind(own.resolve(), folder.name, document)
        for line in lines:
            tracker.write(int(line["epoch"]), numbers(line))
        made.append(tracker)
    return made


def _remove(path: Path) -> None:
    _remove_file(path)
    if path.exists():
        shutil.rmtree(path)


def _remove_file(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()


def numbers(line: Values) -> dict[str, float]:
    """The numbers of an epoch's line, or of a record.

    >>> numbers({"epoch": 0, "loss": 1.5, "truth": {"test": 90}, "architecture": "a", "kept": True})
    {'loss': 1.5, 'truth/test': 90.0}
    """
    found = ((name, value) for name, value in flat(line, "/") if name != "epoch" and not isinstance(value, bool))
    return {name: float(value) for name, value in found if isinstance(value, int | float)}


def flat(values: Values, between: str, before: str = "") -> Iterator[tuple[str, Any]]:
    """(joined names, value) of tables within tables."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from flat(value, between, f"{before}{name}{between}")
        else:
            yield f"{before}{name}", value

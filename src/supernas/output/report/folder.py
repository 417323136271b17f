"""What lies in a run folder, as plain values. Nothing in it is trusted: what is damaged is refused, what is missing is
left out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import RESULT, RunRecord, read_lines, read_record, within
from supernas.runs.configuration import read_own
from supernas.runs.folder import check_unfinished

__all__ = ["Run", "is_run", "known", "no_run", "number", "read", "runs_of", "table"]


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        folder: where it lies.
        document: its configuration.
        record: `result.json`; empty while it goes on.
        lines: of `metrics.jsonl`.
    """

    folder: Path
    document: Document
    record: Document
    lines: tuple[Document, ...]

    @property
    def kind(self) -> str:
        """`search` or `train`."""
        return "search" if "search" in self.document else "train"

    @property
    def finished(self) -> bool:
        """Whether it has come to its end."""
        return bool(self.record)

    def part(self, section: str) -> str:
        """The name that the configuration gives in a section, such as the method's."""
        value = self.document.get(section)
        named = value.get("name", "") if isinstance(value, dict) else value
        return named if isinstance(named, str) else ""

    def setting(self, section: str, name: str) -> Any:
        """A setting; None if there is none."""
        return table(self.document.get(section)).get(name)

    @property
    def own_model(self) -> bool:
        """Whether its space was made from a model in Python."""
        return "choices" in table(self.document.get("space"))

    @property
    def architecture(self) -> str:
        """The text of what was found, or derived last."""
        candidates = [self.record, *reversed(self.lines), self.document]
        return next((text for candidate in candidates if isinstance(text := candidate.get("architecture"), str)), "")

    @property
    def returned(self) -> float | None:
        """The validation metric that a finished search gives what it found."""
        known = (number(value) for name, value in self.record.items() if name.startswith("valid_"))
        return next((value for value in known if value is not None), None) if self.kind == "search" else None

    def series(self, name: str, inside: str = "") -> list[float | None]:
        """A number of every epoch's line, or of a table within it."""
        return [number((table(line.get(inside)) if inside else line).get(name)) for line in self.lines]

    def names(self, inside: str = "") -> list[str]:
        """The names under which some line, or a table within it, has a number."""
        tables = [table(line.get(inside)) if inside else line for line in self.lines]
        return list(dict.fromkeys(name for line in tables for name, value in line.items() if number(value) is not None))


def is_run(folder: Path) -> bool:
    """Whether a folder holds a search or a training.

    Raises:
        UserError: if its configuration is damaged.
    """
    document = read_own(folder) or {}
    return "search" in document or "train" in document


def runs_of(folder: Path) -> list[Path]:
    """The folder of a run, or those of a study's runs.

    Raises:
        UserError: if it holds neither.
    """
    if is_run(folder):
        return [folder]
    inner = sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    if runs := [path for path in inner if is_run(within(path))]:
        return runs
    raise no_run(folder)


def no_run(folder: Path) -> UserError:
    """The error for a folder that holds no run and no study."""
    what = "there is no folder" if not folder.is_dir() else "no run and no study in"
    return UserError(f"{what} {folder}; wanted the folder of a `supernas search`, `train` or `study`")


def read(folder: Path) -> Run:
    """The run in a folder that holds one.

    Raises:
        UserError: if a file is damaged, or a link that leads out of the folder.
    """
    record = read_record(folder / RESULT, RunRecord) or {}
    if not record:
        check_unfinished(folder)
    return Run(folder, read_own(folder) or {}, record, tuple(read_lines(folder / "metrics.jsonl")))


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def known(values: Mapping[str, float | None]) -> dict[str, float]:
    """Without what is None."""
    return {name: value for name, value in values.items() if value is not None}


def table(value: Any) -> Document:
    """A table, or an empty one."""
    return value if isinstance(value, dict) else {}

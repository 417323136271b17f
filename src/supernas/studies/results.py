"""What the finished runs of a study found, and what a benchmark says of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np

from supernas.benchmarks import Table, load, named_columns
from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError, unknown
from supernas.core.records import (
    RESULT,
    FileName,
    Record,
    RunRecord,
    check_files,
    digest_file,
    read_content,
    read_lines,
    read_record,
    within,
    write_record,
)
from supernas.core.settings import field_names
from supernas.studies.plan import Plan, PlannedRun

__all__ = [
    "FAILURES",
    "STUDY",
    "SUPERNET_ACCURACY",
    "TABLES",
    "Failure",
    "Found",
    "Truth",
    "check_tables",
    "note_tables",
    "read_failures",
    "read_results",
]

STUDY, TABLES, FAILURES = "study.json", "tables.json", "failures.json"
SUPERNET_ACCURACY = "supernet accuracy (inherited weights, validation half)"
"""What stands in the place of a truth where there is no benchmark."""


@dataclass(frozen=True)
class Failure:
    """A run that failed, where it is, and why, in one line."""

    label: str
    seed: int
    folder: str
    reason: str


class _Failed(Record):
    label: str
    seed: int
    folder: str
    reason: str


class FailuresRecord(Record):
    """`failures.json`."""

    remedy: ClassVar[str] = "remove it, and run the study again"

    failures: list[_Failed]


class TablesRecord(Record):
    """`tables.json`: the digests of what a study leaves for people and for reports."""

    remedy: ClassVar[str] = "tabulate the study again"

    files: dict[FileName, str]


def note_tables(folder: Path, files: Sequence[Path]) -> None:
    """Writes `tables.json` about what was written. Of `study.json` it keeps what it said, if it was there.

    Raises:
        OSError: if it cannot be written.
    """
    there = {path.name: read_content(path) for path in (folder / STUDY, *files)}
    now = {name: digest_file(name, content) for name, content in there.items() if content is not None}
    try:
        before = (read_record(folder / TABLES, TablesRecord) or {}).get("files", {})
    except UserError:  # it is damaged, and written again
        before = {}
    write_record(folder / TABLES, {"files": {**now, **{name: before[name] for name in before if name == STUDY}}})


def check_tables(folder: Path) -> None:
    """Whether a study's tables, and its own file, are as they were written.

    Raises:
        UserError: if one is not.
    """
    record = read_record(folder / TABLES, TablesRecord) or {}
    check_files(folder, record, TABLES, TablesRecord.remedy)


def read_failures(folder: Path) -> tuple[Failure, ...]:
    """The runs of a study that failed, as its folder says.

    Raises:
        UserError: if `failures.json` is damaged.
    """
    noted = (read_record(folder / FAILURES, FailuresRecord) or {}).get("failures", [])
    return tuple(Failure(**{name: failure[name] for name in field_names(Failure)}) for failure in noted)


@dataclass(frozen=True)
class Truth:
    """The chosen columns of a benchmark: name -> accuracy in percent [architectures], NaN where it is not known."""

    table: Table
    columns: dict[str, np.ndarray]

    @classmethod
    def of(cls, plan: Plan) -> "Truth | None":
        """The truth that a study names.

        Raises:
            UserError: if the table cannot be read, has no such column, or is of another space than a row.
        """
        chosen = plan.settings
        if chosen.benchmark is None:
            if chosen.truth is not None:
                raise UserError("study.truth names columns of a benchmark, and the study has none; add benchmark")
            return None
        table = load(chosen.benchmark)
        for row in plan.rows:
            if row.config.space.name != table.space.name:
                raise UserError(
                    f"'{row.label}' searches in {row.config.space.name}, the benchmark is of {table.space.name}"
                )
        columns = named_columns(table)
        tests = [name for name, column in columns.items() if column.split == "test"]
        for name in chosen.truth or ():
            if name not in columns:
                raise unknown("truth", name, columns)
        names = chosen.truth or tests or tuple(columns)
        return cls(table, {name: table.column(**asdict(columns[name])) for name in names})

    def __call__(self, architecture: Architecture) -> dict[str, float]:
        """The accuracies of an architecture in percent, by column."""
        index = self.table.index(architecture)
        return {name: float(accuracies[index]) for name, accuracies in self.columns.items()}


@dataclass(frozen=True)
class Found:
    """A finished run: what it found, its record, its values by column, and the first column's after every epoch."""

    run: PlannedRun
    architecture: Architecture
    record: Document
    values: dict[str, float]
    trajectory: tuple[float, ...]

    @cached_property
    def minutes(self) -> float:
        """How long it took, over all its processes."""
        return float(self.record["seconds"]) / 60


def read_results(plan: Plan, folder: Path, truth: Truth | None) -> dict[str, list[Found]]:
    """The finished runs of every row, by its label; there may be none.

    Raises:
        UserError: if a record is not that of a search.
    """
    return {row.label: _finished(row.runs, folder, truth) for row in plan.rows}


def _finished(runs: Sequence[PlannedRun], folder: Path, truth: Truth | None) -> list[Found]:
    finished = []
    for run in runs:
        record = read_record(within(folder / run.name) / RESULT, RunRecord)
        if record is not None:
            finished.append(_found(run, folder / run.name, record, truth))
    return finished


def _found(run: PlannedRun, folder: Path, record: Document, truth: Truth | None) -> Found:
    space = run.config.space
    try:
        architecture, _ = space.parse(record["architecture"]), float(record["seconds"])
        if truth is None:
            lines = read_lines(folder / "metrics.jsonl")
            trajectory = tuple(float(line["valid_metric"]) for line in lines)
            return Found(run, architecture, record, {SUPERNET_ACCURACY: _supernet_metric(record)}, trajectory)
        first = next(iter(truth.columns))
        trajectory = tuple(truth(space.parse(text))[first] for text in record["history"])
        return Found(run, architecture, record, truth(architecture), trajectory)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{folder} holds no record of a search ({error}); remove it, and run the study again") from None


def _supernet_metric(record: Document) -> float:
    """The metric that a search's supernet gives the answer, whatever it measures."""
    known = [float(value) for name, value in record.items() if name.startswith("valid_")]
    if not known:
        raise KeyError("valid_...")
    return known[0]

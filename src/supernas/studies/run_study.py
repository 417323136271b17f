"""A study from its plan to its tables: what is finished is read, the rest is run, and what fails is noted.

The folder of a study holds the run folders, `study.json` (which runs again), the tables, the plot, and
`failures.json` where a run failed; the same command tries those again.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supernas.core.claims import CLAIM, claimed
from supernas.core.errors import UserError
from supernas.core.files import check_places, write_json
from supernas.core.records import RESULT, RunRecord, check_files, read_record, write_record
from supernas.core.spelling import option
from supernas.runs.device import choose_device
from supernas.studies.plan import Plan, PlannedRun
from supernas.studies.results import STUDY, TABLES, Failure, Truth, read_failures, read_results
from supernas.studies.table import StudyTable, make_table
from supernas.studies.workers import OnEvent, RunEvent, Workers
from supernas.studies.writing import save_study

__all__ = ["StudyResult", "default_workers", "run_study"]


@dataclass(frozen=True)
class StudyResult:
    """What a study left.

    Attributes:
        folder: where it is.
        table: its rows and notes.
        failures: the runs that failed.
        files: the tables and the plot.
    """

    folder: Path
    table: StudyTable
    failures: tuple[Failure, ...]
    files: tuple[Path, ...]


def run_study(
    plan: Plan,
    folder: Path | None = None,
    *,
    workers: int | None = None,
    threads: int = 1,
    table_only: bool = False,
    on_event: OnEvent = lambda event: None,
) -> StudyResult:
    """Runs what has not been run, and writes the tables.

    Args:
        plan: the study.
        folder: where to; `runs/studies/<name>` by default.
        workers: processes; by default as many as `default_workers` says. A script needs the usual
            `if __name__ == "__main__":`.
        threads: of each process.
        table_only: run nothing; the tables show what is finished.
        on_event: called with what happens to the runs.

    Raises:
        UserError: if the benchmark or the images cannot be read, the folder cannot be written, or another process runs
            this study.
        KeyboardInterrupt: after ^C, when every run has saved and stopped; a second ^C ends them at once.
    """
    folder = folder or Path("runs") / "studies" / plan.settings.name
    truth = Truth.of(plan)
    with _writing(folder):
        check_places(folder)
    if not table_only:
        with _writing(folder), claimed(folder / CLAIM, str(folder)):
            _run_all(plan, folder, workers or default_workers(plan, threads), threads, on_event)
    failures = read_failures(folder)
    results = read_results(plan, folder, truth)
    table = make_table(plan, results, truth, failures)
    with _writing(folder):
        return StudyResult(folder, table, failures, save_study(table, results, truth, folder))


def default_workers(plan: Plan, threads: int) -> int:
    """As many processes as have cores of their own; one where they would share a GPU."""
    devices = {choose_device(row.config.search.device).type for row in plan.rows}
    return max(1, (os.cpu_count() or 1) // threads) if devices == {"cpu"} else 1


def _run_all(plan: Plan, folder: Path, workers: int, threads: int, on_event: OnEvent) -> None:
    """Runs what is not finished."""
    finished = {run: _is_finished(folder / run.name) for run in plan.runs}
    for run in plan.runs:
        if finished[run]:
            on_event(RunEvent(run, "kept", run.config.search.epochs))
    waiting = [run for run in plan.runs if not finished[run]]
    _check_data(waiting)
    with _writing(folder):
        (folder / TABLES).unlink(missing_ok=True)
        write_json(folder / STUDY, plan.document)
    failures: list[Failure] = []
    _note_failures(folder, failures)

    def listen(event: RunEvent) -> None:
        if event.state == "failed":
            failures.append(Failure(event.run.label, event.run.seed, str(folder / event.run.name), event.reason))
            _note_failures(folder, failures)
        on_event(event)

    Workers(folder, plan.settings.benchmark, threads, listen).run(waiting, workers)


def _is_finished(folder: Path) -> bool:
    """Whether a run is finished; one whose end is damaged is resumed, which writes that again."""
    try:
        record = read_record(folder / RESULT, RunRecord)
        check_files(folder, record or {})
    except UserError:
        return False
    return record is not None


def _check_data(runs: Sequence[PlannedRun]) -> None:
    """Reads all data once: what cannot be read is said before a run starts, and one process does the downloads."""
    for options in dict.fromkeys(run.config.data for run in runs):
        options.load()


# -- what failed -------------------------------------------------------------------------------------------------------


def _note_failures(folder: Path, failures: Sequence[Failure]) -> None:
    """Writes `failures.json`; where nothing failed there is none."""
    path = folder / "failures.json"
    with _writing(folder):
        if failures:
            write_record(path, {"failures": [vars(failure) for failure in failures]})
        else:
            path.unlink(missing_ok=True)


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {error.strerror or error}; choose another {option('out')}"
        ) from None

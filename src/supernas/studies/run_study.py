"""A study from its plan to its tables: what is finished is read, the rest is run, and what fails is noted.

The folder of a study holds the run folders, `study.json` (which runs again), the tables, the plot, and
`failures.json` where a run failed; the same command tries those again. Any number of processes may run a study at once,
on one machine or on several that share a disk: they share its runs, and each that comes to the end writes the tables.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from supernas.core.errors import UserError
from supernas.core.files import check_places
from supernas.core.records import RESULT, RunRecord, check_files, read_record
from supernas.core.spelling import option
from supernas.runs.executors import JOBS, Executor, Needs
from supernas.runs.executors.local import Local
from supernas.runs.shared import RunEvent, SharedRuns, State
from supernas.studies.plan import Plan, PlannedRun
from supernas.studies.results import Failure, Truth, read_failures, read_results
from supernas.studies.table import StudyTable, make_table
from supernas.studies.together import joined, note_failure, turn
from supernas.studies.workers import OnEvent, work
from supernas.studies.writing import save_study

__all__ = ["StudyResult", "run_study"]


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
    executor: Executor[Any] | None = None,
    table_only: bool = False,
    on_event: OnEvent = lambda event: None,
) -> StudyResult:
    """Runs what has not been run, and writes the tables.

    Args:
        plan: the study.
        folder: where to; `runs/studies/<name>` by default.
        workers: runs at once; by default as many as the executor has room for. A script needs the usual
            `if __name__ == "__main__":`.
        threads: of each.
        executor: where they are done; in processes of this machine by default.
        table_only: run nothing; the tables show what is finished.
        on_event: called with what happens to the runs.

    Raises:
        UserError: if the benchmark or the images cannot be read, the folder cannot be written, the executor cannot be
            reached, or other processes run another study in this folder.
        KeyboardInterrupt: after ^C, when each run of this process has saved and stopped; a second one ends them.
    """
    folder = folder or Path("runs") / "studies" / plan.settings.name
    truth = Truth.of(plan)
    _check_places(folder)
    if not table_only:
        devices = frozenset(row.config.search.device for row in plan.rows)
        _run_all(plan, folder, executor or Local(), Needs(workers, threads, devices), on_event)
    with turn(folder):
        failures = read_failures(folder)
        results = read_results(plan, folder, truth)
        table = make_table(plan, results, truth, failures)
        return StudyResult(folder, table, failures, save_study(table, results, truth, folder))


def _check_places(folder: Path) -> None:
    try:
        check_places(folder)
    except OSError as error:
        raise UserError(
            f"cannot write to {folder}: {error.strerror or error}; choose another {option('out')}"
        ) from None


def _run_all(plan: Plan, folder: Path, executor: Executor[Any], needs: Needs, on_event: OnEvent) -> None:
    """Runs what is not finished."""
    executor.here(needs)  # refuses a device that is not there
    finished = {run: _is_finished(folder / run.name) for run in plan.runs}
    for run in plan.runs:
        if finished[run]:
            on_event(RunEvent(run, "kept", run.config.search.epochs))
    waiting = [run for run in plan.runs if not finished[run]]

    def job(run: PlannedRun) -> dict[str, Any]:
        where = str((folder / run.name).resolve())
        return {"document": run.config.document(), "folder": where, "benchmark": plan.settings.benchmark}

    def listen(event: RunEvent[PlannedRun]) -> None:
        if event.state == "failed":
            run = event.run
            note_failure(folder, Failure(run.label, run.seed, str(folder / run.name), event.reason))
        on_event(event)

    with joined(plan, folder, waiting):
        shared = SharedRuns({run: folder / run.name for run in waiting}, job, lambda run: _ended(folder, run), listen)
        with executor.open(work, needs, folder / JOBS) as pool:
            shared.run(pool)
    with suppress(OSError):  # it is not there, or holds logs of what failed
        (folder / JOBS).rmdir()


def _ended(folder: Path, run: PlannedRun) -> tuple[State, str] | None:
    """Whether a run is finished, or has failed in one of the processes that work on the study now, and why."""
    if _is_finished(folder / run.name):
        return "kept", ""
    failed = [one for one in read_failures(folder) if (one.label, one.seed) == (run.label, run.seed)]
    return ("failed", failed[0].reason) if failed else None


def _is_finished(folder: Path) -> bool:
    """Whether a run is finished; one whose end is damaged is resumed, which writes that again."""
    try:
        record = read_record(folder / RESULT, RunRecord)
        check_files(folder, record or {})
    except UserError:
        return False
    return record is not None

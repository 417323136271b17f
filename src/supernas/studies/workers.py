"""The searches of a study, done by several processes: who does what, what comes of it, and how ^C ends it."""

import traceback
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.reading import read_bytes
from supernas.evaluation.processes import Worker, WorkerDiedError
from supernas.evaluation.recorded_search import RecordedSearch
from supernas.runs.configuration import resolve_search
from supernas.runs.interrupt import stop_on_interrupt
from supernas.runs.log import RunLog
from supernas.studies.plan import PlannedRun

__all__ = ["OnEvent", "RunEvent", "Workers", "work"]

_POLL_SECONDS = 0.5


@dataclass(frozen=True)
class RunEvent:
    """What happens to a run, and how many of its epochs are done; `reason` says why it failed."""

    run: PlannedRun
    state: Literal["kept", "started", "going", "finished", "failed", "stopping", "stopped"]
    epochs: int
    reason: str = ""


OnEvent = Callable[[RunEvent], None]


class Workers:
    """Workers, and the run that each of them is busy with.

    Args:
        folder: holds the run folders.
        benchmark: the path of a table of true accuracies, for the record of the runs.
        threads: of each worker.
        on_event: called with what happens.
    """

    def __init__(self, folder: Path, benchmark: str | None, threads: int, on_event: OnEvent) -> None:
        self.folder, self.benchmark, self.threads, self.on_event = folder, benchmark, threads, on_event
        self.stopping = False
        self._idle: list[Worker] = []
        self._busy: dict[Connection, tuple[Worker, PlannedRun]] = {}
        self._epochs: dict[PlannedRun, int] = {}

    def run(self, runs: Iterable[PlannedRun], workers: int) -> None:
        """Does all runs, `workers` at a time.

        Raises:
            KeyboardInterrupt: after ^C, when every run has saved and stopped; a second ^C ends them at once.
        """
        waiting = deque(runs)
        told = False
        try:
            with stop_on_interrupt(self.stop):
                while self._busy or (waiting and not self.stopping):
                    while waiting and not self.stopping and len(self._busy) < workers:
                        self._start(waiting.popleft())
                    if self.stopping and not told:
                        told = True
                        self._tell()
                    self._collect()
                    self._report()
        finally:
            for worker, _ in self._busy.values():  # after an error, or a second ^C
                worker.kill()
            for worker in self._idle:
                worker.end()
        if self.stopping:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Asks every run to save and stop; may be called from a signal handler."""
        self.stopping = True

    def _start(self, run: PlannedRun) -> None:
        worker = self._idle.pop() if self._idle else Worker(work, self.threads)
        self._busy[worker.connection] = worker, run
        folder = self.folder / run.name
        worker.start({"document": run.config.document(), "folder": str(folder), "benchmark": self.benchmark})
        self._epochs[run] = _epochs_done(folder)
        self.on_event(RunEvent(run, "started", self._epochs[run]))

    def _tell(self) -> None:
        for worker, run in self._busy.values():
            worker.stop()
            self.on_event(RunEvent(run, "stopping", self._epochs[run]))

    def _collect(self) -> None:
        """Waits a moment for results."""
        for connection in wait(list(self._busy), timeout=_POLL_SECONDS):
            assert isinstance(connection, Connection)
            worker, run = self._busy[connection]
            try:
                outcome = worker.result()
                self._idle.append(worker)
            except WorkerDiedError as error:
                outcome = {"state": "failed", "reason": str(error)}
                worker.end()
            del self._busy[connection]
            self.on_event(RunEvent(run, outcome["state"], _epochs_done(self.folder / run.name), outcome["reason"]))

    def _report(self) -> None:
        for _, run in self._busy.values():
            epochs = _epochs_done(self.folder / run.name)
            if epochs != self._epochs[run]:
                self._epochs[run] = epochs
                self.on_event(RunEvent(run, "going", epochs))


def _epochs_done(folder: Path) -> int:
    """The lines of the run's records: what the run has written, whichever process it is in."""
    try:
        return read_bytes(folder / "metrics.jsonl").count(b"\n")
    except OSError:
        return 0


# -- one run, in its process -------------------------------------------------------------------------------------------


def work(job: Values, asked_to_stop: Callable[[], bool]) -> dict[str, str]:
    """Runs or resumes one search, as `supernas search --resume` would.

    Args:
        job: plain values: the complete `document`, the `folder`, and the path of a `benchmark` or None.
        asked_to_stop: asked at first and after each step; the run is then saved and stopped.

    Returns:
        `state` (finished, stopped or failed) and `reason`, one line.
    """
    folder = Path(job["folder"])
    try:
        _search(job, folder, asked_to_stop)
    except KeyboardInterrupt:
        return {"state": "stopped", "reason": ""}
    except UserError as error:
        return {"state": "failed", "reason": _one_line(str(error))}
    except Exception as error:  # a defect, ours or of a method: it is this run's, and the others go on
        with suppress(OSError), RunLog(folder, 0) as log:
            log.say(traceback.format_exc())
        return {"state": "failed", "reason": _one_line(f"{type(error).__name__}: {error}")}
    return {"state": "finished", "reason": ""}


def _search(job: Values, folder: Path, asked_to_stop: Callable[[], bool]) -> None:
    if asked_to_stop():
        raise KeyboardInterrupt
    config = resolve_search(job["document"])
    search = RecordedSearch(config, folder, benchmark=job["benchmark"], resume=True)
    with RunLog(folder, search.state.step) as log:

        def on_step(*step: Any) -> None:
            log.step(*step)
            if asked_to_stop():
                search.stop()

        for note in search.notes:
            log.say(f"note: {note}")
        search.on_epoch, search.on_step = (*search.on_epoch, log.epoch), on_step
        search.run()


def _one_line(text: str) -> str:
    return " ".join(text.split())

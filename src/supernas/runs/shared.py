"""Runs that processes share, on one machine or on many: who does what, what comes of it, and how ^C ends it.

There is no server. A run is claimed before it is done; one that a living process has is left to it, and looked at again
at the end, so that the runs of a process that was killed are done by the others.
"""

import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from supernas.core.claims import CLAIM, Claim, InUseError, holder_of, withdraw
from supernas.core.errors import UserError
from supernas.core.reading import read_bytes
from supernas.core.text import one_line
from supernas.runs.executors import Pool, Task, WorkerDiedError
from supernas.runs.interrupt import stop_on_interrupt
from supernas.runs.log import RunLog

__all__ = ["RunEvent", "SharedRuns", "done_in"]

_POLL_SECONDS = 0.5
_LOOK_SECONDS = 2.0  # between two looks at what others do, where there is nothing else to do

RunT = TypeVar("RunT")
State = Literal["kept", "started", "going", "elsewhere", "again", "finished", "failed", "stopping", "stopped"]


@dataclass(frozen=True)
class RunEvent(Generic[RunT]):
    """What happens to a run, and how many of its epochs are done.

    `reason` says why it failed or is tried again, or who does it elsewhere.
    """

    run: RunT
    state: State
    epochs: int
    reason: str = ""


class SharedRuns(Generic[RunT]):
    """Runs that are to be done, by this process and by others that have the same.

    Args:
        folders: run -> its folder, in the order in which they are begun.
        job: what a worker is given of a run.
        ended: what is known of a run that nobody does: kept or failed, and why; None if it is to be done.
        on_event: called with what happens.
    """

    def __init__(
        self,
        folders: Mapping[RunT, Path],
        job: Callable[[RunT], Any],
        ended: Callable[[RunT], tuple[State, str] | None],
        on_event: Callable[[RunEvent[RunT]], None],
    ) -> None:
        self.folders, self.job, self.ended, self.on_event = folders, job, ended, on_event
        self.stopping = False
        self._waiting = deque(folders)
        self._busy: dict[Task, RunT] = {}
        self._elsewhere: dict[RunT, str] = {}
        self._deaths: dict[RunT, int] = {}
        self._epochs: dict[RunT, int] = {}
        self._look = 0.0

    def run(self, pool: Pool) -> None:
        """Does all that others do not, and waits for those.

        Raises:
            KeyboardInterrupt: after ^C, when its runs have saved and stopped; a second one does not wait.
        """
        told = False
        with stop_on_interrupt(self.stop):
            while self._busy or (not self.stopping and (self._waiting or self._elsewhere)):
                self._fill(pool)
                if self.stopping and not told:
                    told = True
                    self._tell()
                self._collect(pool)
                self._report()
        if self.stopping:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Asks every run to save and stop; may be called from a signal handler."""
        self.stopping = True

    def _fill(self, pool: Pool) -> None:
        if not self._waiting and time.monotonic() >= self._look:
            self._waiting.extend(self._elsewhere)
            self._look = time.monotonic() + _LOOK_SECONDS
        while self._waiting and not self.stopping and len(self._busy) < pool.workers:
            self._start(pool, self._waiting.popleft())

    def _start(self, pool: Pool, run: RunT) -> None:
        if holder := holder_of(self.folders[run] / CLAIM):
            self._leave(run, str(holder))
            return
        self._elsewhere.pop(run, None)
        if known := self.ended(run):
            self._say(run, *known)
            return
        self._busy[pool.start(self.job(run))] = run
        self._say(run, "started")

    def _leave(self, run: RunT, holder: str) -> None:
        """Somebody else does it."""
        if self._elsewhere.get(run) != holder:
            self._say(run, "elsewhere", holder)
        self._elsewhere[run] = holder

    def _tell(self) -> None:
        for task, run in self._busy.items():
            task.stop()
            self._say(run, "stopping")

    def _collect(self, pool: Pool) -> None:
        """Waits a moment for results."""
        if not self._busy:
            if not self._waiting:
                time.sleep(_POLL_SECONDS)
            return
        for task in pool.wait(list(self._busy), _POLL_SECONDS):
            run = self._busy.pop(task)
            try:
                outcome = task.result()
            except WorkerDiedError as error:
                outcome = self._died(run, str(error))
            if outcome["state"] == "taken":
                self._leave(run, str(holder_of(self.folders[run] / CLAIM) or "another process"))
                continue
            if outcome["state"] == "again":
                self._waiting.appendleft(run)
            self._say(run, outcome["state"], outcome["reason"])

    def _died(self, run: RunT, reason: str) -> dict[str, str]:
        """A run whose worker died goes on from its checkpoint, unless one has died before at the same place."""
        epochs = _epochs_done(self.folders[run])
        state = "failed" if self._deaths.get(run) == epochs else "again"
        self._deaths[run] = epochs
        return {"state": state, "reason": reason}

    def _report(self) -> None:
        for run in (*self._busy.values(), *self._elsewhere):
            if _epochs_done(self.folders[run]) != self._epochs[run]:
                self._say(run, "going")

    def _say(self, run: RunT, state: State, reason: str = "") -> None:
        self._epochs[run] = _epochs_done(self.folders[run])
        self.on_event(RunEvent(run, state, self._epochs[run], reason))


def _epochs_done(folder: Path) -> int:
    """The lines of the run's records: what the run has written, whichever process it is in."""
    try:
        return read_bytes(folder / "metrics.jsonl").count(b"\n")
    except OSError:
        return 0


# -- one run, in its process -------------------------------------------------------------------------------------------


def done_in(folder: Path, run: Callable[[], Any], asked_to_stop: Callable[[], bool]) -> dict[str, str]:
    """Does a run, if no other process does.

    Args:
        folder: of the run. It is claimed before anything is loaded, so that of several processes one takes the time.
        run: does it; raises `KeyboardInterrupt` when it was stopped.
        asked_to_stop: asked at first.

    Returns:
        `state` (finished, stopped, failed, or taken by another process) and `reason`, one line.
    """
    if asked_to_stop():
        return {"state": "stopped", "reason": ""}
    try:
        with _mine(folder):
            run()
    except KeyboardInterrupt:
        return {"state": "stopped", "reason": ""}
    except InUseError as error:
        return {"state": "taken", "reason": one_line(str(error))}
    except UserError as error:
        return {"state": "failed", "reason": one_line(str(error))}
    except Exception as error:  # a defect, ours or of a method: it is this run's, and the others go on
        with suppress(OSError), RunLog(folder, 0) as log:
            log.say(traceback.format_exc())
        return {"state": "failed", "reason": one_line(f"{type(error).__name__}: {error}")}
    return {"state": "finished", "reason": ""}


@contextmanager
def _mine(folder: Path) -> Iterator[None]:
    try:
        claim = Claim(folder / CLAIM, str(folder))
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
    try:
        yield
    finally:
        claim.release()
        withdraw(claim.path)  # the run has taken it over, and may live on as part of an error

"""What an executor is: a way to have jobs done by other processes, of this machine or of others.

It is chosen by name, as a settings class; opened, it is a `Pool`, which is given one job after the other. A job is done
by a function of a module, from plain values to plain values; what it writes lies on a disk that all machines share.
"""

import os
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from supernas.core.errors import UserError
from supernas.runs.device import choose_device

__all__ = ["Executor", "Needs", "Outcome", "Pool", "Task", "Work", "WorkerDiedError", "attempt", "cores"]

Work = Callable[[Any, Callable[[], bool]], Any]
"""What a worker does: of a job, and a function that says whether it was asked to stop, to a result."""


class WorkerDiedError(Exception):
    """A worker ended before its job did; the message says how."""


@dataclass(frozen=True)
class Needs:
    """What jobs need.

    Attributes:
        workers: how many are done at once; None is as many as there is room for.
        threads: with which each computes.
        devices: the names of those on which they compute.
    """

    workers: int | None = None
    threads: int = 1
    devices: frozenset[str] = frozenset({"cpu"})

    def with_gpu(self) -> bool:
        """Whether a job elsewhere wants a GPU: it names one, or leaves the choice and this machine has one."""
        named = any(name.partition(":")[0] == "cuda" for name in self.devices)
        return named or ("auto" in self.devices and choose_device("auto").type == "cuda")


class Task(ABC):
    """A job that is being done."""

    @abstractmethod
    def stop(self) -> None:
        """Asks for the job to be stopped soon."""

    @abstractmethod
    def result(self) -> Any:
        """Waits for the job's result, or raises what the job raised.

        Raises:
            WorkerDiedError: if its worker ended before.
        """


class Pool(ABC):
    """An executor at work. Used in `with`, at whose end all jobs that are not done are ended at once, if that can be.

    Attributes:
        workers: how many jobs are done at once.
    """

    workers: int

    @abstractmethod
    def start(self, job: Any) -> Task:
        """Gives a worker a job, or queues it."""

    @abstractmethod
    def wait(self, tasks: Sequence[Any], seconds: float) -> Sequence[Task]:
        """Those of some tasks that are done, as soon as one is, or that many seconds are over."""

    @abstractmethod
    def close(self) -> None:
        """Ends all workers."""

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


PoolT = TypeVar("PoolT", bound=Pool, covariant=True)


class Executor(ABC, Generic[PoolT]):
    """A way to have jobs done. It lives in the file of its name, as a settings class.

    Attributes:
        keeps_workers: whether a worker does several jobs, so that what a job prepares is there for the next.
    """

    keeps_workers: ClassVar[bool] = True

    @abstractmethod
    def open(self, work: Work, needs: Needs, folder: Path) -> PoolT:
        """What does jobs.

        Args:
            work: does one; a function of a module, which is imported where it runs.
            needs: of a job.
            folder: where the executor may write, on a disk that all machines share.

        Raises:
            UserError: if it is not installed, cannot be reached, or has not what the jobs need.
        """

    def here(self, needs: Needs) -> int:
        """How many processes of this machine will compute; 0 where others do."""
        return 0


@dataclass(frozen=True)
class Outcome:
    """What came of a job: its value, or the error and where that came from."""

    value: Any
    error: Exception | None = None
    trace: str = ""

    def get(self) -> Any:
        """The value; raises the error if there is one."""
        if isinstance(self.error, UserError):
            raise self.error
        if self.error is not None:
            raise self.error from RuntimeError(f"in a worker:\n{self.trace}")
        return self.value


def attempt(work: Work, job: Any, asked_to_stop: Callable[[], bool]) -> Outcome:
    """Does a job, whatever comes of it."""
    try:
        return Outcome(work(job, asked_to_stop))
    except Exception as error:
        return Outcome(None, error, traceback.format_exc())


def cores() -> int:
    """The cores that this process may use, which a batch system makes fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

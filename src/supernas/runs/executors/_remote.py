"""A job that may be done on another machine: what it needs to know there, and how it hears that it should stop."""

import os
import socket
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from supernas.core.errors import UserError
from supernas.runs.executors.base import Outcome, Work, attempt

__all__ = ["Order", "order"]

_LOOK_SECONDS = 1.0  # between two looks at the file that asks to stop


@dataclass(frozen=True)
class Order:
    """A job with its surroundings; called, it is done.

    Attributes:
        work: does it.
        job: is done.
        threads: with which it computes.
        place: the working directory, from which paths count.
        stop: the file that asks to stop.
    """

    work: Work
    job: Any
    threads: int
    place: Path
    stop: Path

    def __call__(self) -> Outcome:
        """Does the job here."""
        return attempt(self._work, self.job, _Asked(self.stop))

    def _work(self, job: Any, asked_to_stop: Any) -> Any:
        try:
            os.chdir(self.place)
        except OSError:
            raise UserError(
                f"{socket.gethostname()} has no folder {self.place}; start from one that all machines share"
            ) from None
        torch.set_num_threads(self.threads)
        return self.work(job, asked_to_stop)


def order(work: Work, job: Any, threads: int, folder: Path) -> Order:
    """An order of this process; `folder` holds the file that asks to stop."""
    return Order(work, job, threads, Path.cwd(), folder.resolve() / f"stop-{uuid.uuid4().hex[:16]}")


class _Asked:
    """Whether a file is there, looked at once a second: on a shared disk each look takes a while."""

    def __init__(self, path: Path) -> None:
        self.path, self.found, self.next = path, False, time.monotonic()

    def __call__(self) -> bool:
        if not self.found and time.monotonic() >= self.next:
            self.found, self.next = self.path.exists(), time.monotonic() + _LOOK_SECONDS
        return self.found

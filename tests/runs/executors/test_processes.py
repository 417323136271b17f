"""Workers do jobs, hear when to stop, and say how they died."""

import os
import signal
import time

import pytest

from supernas.runs.executors._processes import Worker
from supernas.runs.executors.base import WorkerDiedError


def answer(job, asked_to_stop):
    """What the worker does: run in its process."""
    if job == "wait":
        os.kill(os.getpid(), signal.SIGINT)  # is the parent's, and so ignored
        while not asked_to_stop():
            time.sleep(0.01)
        return "stopped"
    if job == "die":
        os.kill(os.getpid(), signal.SIGTERM)
    return [job, asked_to_stop()]


def test_a_worker_from_its_first_job_to_its_death():
    worker = Worker(answer, threads=1)
    worker.start("first")
    assert worker.result().get() == ["first", False]
    worker.stop()  # too late for the first, and not meant for the next
    worker.start("wait")
    worker.stop()
    assert worker.result().get() == "stopped"
    worker.start("die")
    with pytest.raises(WorkerDiedError, match=r"its process was ended by SIGTERM$"):
        worker.result()
    worker.start("again")
    with pytest.raises(WorkerDiedError):
        worker.result()
    worker.end()

"""What every executor does, by its own library where that is installed: the same jobs, the same answers."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from supernas.core.errors import UserError
from supernas.runs import executors
from supernas.runs.executors import Needs, WorkerDiedError

LIBRARIES = {"ray": "ray", "submitit": "submitit"}
"""What an executor needs; the names of extras."""


def answer(job, asked_to_stop):
    """What a worker does; it runs there."""
    if job == "wait":
        while not asked_to_stop():
            time.sleep(0.01)
        return "stopped"
    if job == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "refuse":
        raise UserError("no such thing")
    if job == "break":
        raise ZeroDivisionError("nothing to divide by")
    return [job, os.getcwd(), os.environ.get("CUDA_VISIBLE_DEVICES", "all")]


@pytest.fixture
def importable(monkeypatch):
    """Workers elsewhere import this module by its name."""
    root = str(Path(__file__).parents[3])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, *sys.path]))


@pytest.fixture(params=executors.PARTS.own())
def executor(request, importable):
    """Each of our own; submitit without a queue."""
    if request.param in LIBRARIES:
        pytest.importorskip(LIBRARIES[request.param])
    return executors.chosen(request.param if request.param != "submitit" else "submitit:cluster=local")


def result(pool, task):
    while not pool.wait([task], 5):
        pass
    return task.result()


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of Ray's and submitit's processes, and of theirs
def test_jobs_are_done_stopped_and_break(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with executor.open(answer, Needs(workers=2), tmp_path / "jobs") as pool:
        assert pool.workers == 2
        started = [pool.start(number) for number in (1, 2)]
        assert [result(pool, task)[:2] for task in started] == [[1, str(tmp_path)], [2, str(tmp_path)]]
        waiting = pool.start("wait")
        assert pool.wait([waiting], 0.5) == []
        waiting.stop()
        assert result(pool, waiting) == "stopped"
        with pytest.raises(UserError, match=r"^no such thing$"):
            result(pool, pool.start("refuse"))
        with pytest.raises(ZeroDivisionError, match=r"^nothing to divide by$"):
            result(pool, pool.start("break"))
        with pytest.raises(WorkerDiedError):
            result(pool, pool.start("die"))
        assert result(pool, pool.start("again"))[0] == "again"
    assert [path for path in tmp_path.glob("jobs/*") if path.name.startswith("stop-")] == []

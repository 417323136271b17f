"""What every executor does, by its own library where that is installed: the same jobs, the same answers."""

import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from runs_toy import left_behind, undigested
from searched_toy import finished
from studies_toy import TOY
from supernas.core.claims import CLAIM, holder_of
from supernas.core.errors import UserError
from supernas.evaluation.correlate import draw
from supernas.evaluation.supernet_accuracy import EvaluationSettings, supernet_accuracies
from supernas.runs import executors
from supernas.runs.executors import Needs, WorkerDiedError
from supernas.runs.executors.local import Local
from supernas.runs.search import Search
from supernas.studies.plan import read_study
from supernas.studies.run_study import run_study

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # of processes of Ray and submitit, and of theirs
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


@pytest.fixture(scope="module")
def importable():
    """Workers elsewhere import this module by its name."""
    root = str(Path(__file__).parents[3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join([root, *sys.path]))
        yield


@pytest.fixture(scope="module")
def ray_session(importable, tmp_path_factory):
    """Ray, which takes seconds to begin, for all tests; who has begun it ends it."""
    ray = pytest.importorskip("ray")
    with executors.chosen("ray").open(answer, Needs(workers=2), tmp_path_factory.mktemp("jobs")):
        yield
        assert ray.is_initialized()
    assert not ray.is_initialized()


@pytest.fixture(params=executors.PARTS.own())
def executor(request, importable, monkeypatch):
    """Each of our own; submitit without a queue."""
    if request.param in LIBRARIES:
        pytest.importorskip(LIBRARIES[request.param])
    if request.param == "ray":
        request.getfixturevalue("ray_session")
    if request.param == "submitit":
        from submitit.core.core import Job

        monkeypatch.setattr(Job, "_results_timeout_s", 1)  # for the result of a job that died
    return executors.chosen(request.param if request.param != "submitit" else "submitit:cluster=local")


def result(pool, task):
    while not pool.wait([task], 5):
        pass
    return task.result()


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


@pytest.mark.parametrize(
    "executor",
    [pytest.param(name, marks=pytest.mark.slow if name in LIBRARIES else ()) for name in executors.PARTS.own()],
    indirect=True,
)
def test_a_run_whose_worker_dies_goes_on_from_its_checkpoint(executor, tmp_path):
    """By workers of each; the run ends as one that nobody has killed. That each sees a death is tested above."""
    study = read_study({"run": [{**TOY, "search": {**TOY["search"], "epochs": 40}}]})
    folder, states = tmp_path / "study", []

    def kill_once(event):
        states.append(event.state)
        if event.state == "going" and "again" not in states:
            os.kill(holder_of(folder / event.run.name / CLAIM).process, signal.SIGKILL)

    result = run_study(study, folder, workers=1, executor=executor, on_event=kill_once)
    waits = ("going", "elsewhere")  # the dead worker's claim may be seen before its end is
    assert [state for state in states if state not in waits] == ["started", "again", "started", "finished"]
    assert result.failures == ()
    Search(study.runs[0].config, tmp_path / "alone").run()
    there, alone = ({**left_behind(place), "files": []} for place in (folder / study.runs[0].name, tmp_path / "alone"))
    assert undigested(there) == undigested(alone)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search."""
    return finished(tmp_path_factory.mktemp("searched") / "run").folder


def test_accuracies_by_workers_of_each_are_those_of_this_process(executor, searched, space, tmp_path):
    """So are correlations, which ask for them."""
    asked = draw(space, 5), EvaluationSettings(images=20)
    here = supernet_accuracies(shutil.copytree(searched, tmp_path / "here"), *asked)
    there = shutil.copytree(searched, tmp_path / "there")
    workers = 2 if isinstance(executor, Local) else 1  # of its own processes
    assert np.array_equal(supernet_accuracies(there, *asked, workers=workers, executor=executor), here)
    assert not list(there.glob("jobs/*"))


def gpu(job, asked_to_stop):
    """Which GPUs a worker sees."""
    return os.environ["CUDA_VISIBLE_DEVICES"]


def test_each_local_worker_has_a_gpu_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3, GPU-abc")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    needs = Needs(devices=frozenset({"auto"}))
    assert executors.chosen("local").here(needs) == 2
    with executors.chosen("local").open(gpu, needs, tmp_path) as pool:
        both = [pool.start(number) for number in (1, 2)]
        seen = [result(pool, task) for task in both]
        assert sorted(seen) == ["3", "GPU-abc"]
        both[0].worker.kill()  # a new worker takes the GPU that is free, an idle one keeps its own
        pool._idle.remove(both[0].worker)
        pool._busy.append(both[0])
        pool.done(both[0], alive=False)
        assert sorted(result(pool, task) for task in [pool.start(3), pool.start(4)]) == ["3", "GPU-abc"]
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "3, GPU-abc"


def test_how_many_there_is_room_for(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: set(range(6)), raising=False)
    local = executors.chosen("local")
    assert [local.here(Needs(threads=threads)) for threads in (1, 2, 4, 12)] == [6, 3, 1, 1]
    assert local.here(Needs(workers=4, threads=12)) == 4
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 8)
    assert local.here(Needs(devices=frozenset({"cuda", "cpu"}))) == 8
    assert local.here(Needs(devices=frozenset({"cuda:1"}))) == 1  # which it is was said


@pytest.mark.parametrize(
    ("given", "address", "message"),
    [
        ("rya", None, "unknown executor 'rya'; did you mean 'ray'"),
        ("local", "auto", "unknown setting 'executor.address'"),
        ("submitit:partition", None, "executor submitit:partition: wanted NAME or NAME:SETTING=VALUE"),
        ("submitit:minutes=0", None, r"executor\.minutes = 0: wanted"),
        ({"address": "auto"}, None, r"executor = .*: wanted a name"),
    ],
)
def test_what_is_no_executor(given, address, message):
    with pytest.raises(UserError, match=message):
        executors.chosen(given, address)


@pytest.mark.parametrize("name", sorted(LIBRARIES))
def test_an_executor_that_is_not_installed_says_how(name, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(UserError, match=f"the executor {name} is not installed; pip install {name}$"):
        executors.chosen(name).open(answer, Needs(workers=1), tmp_path)


def test_settings_of_an_executor():
    assert executors.chosen("ray", "auto").address == "auto"
    assert executors.chosen({"name": "submitit", "more": {"constraint": "a100"}}).more == {"constraint": "a100"}
    assert executors.chosen(executors.chosen("ray:gpus=0.5"), "here:1") == executors.chosen(
        "ray:gpus=0.5,address=here:1"
    )

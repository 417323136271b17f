"""`supernas search --devices 2` with Fabric: two processes, one answer, and all stop where one is killed."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from supernas.core import ranks
from supernas.core.errors import UserError
from supernas.runs.configuration import merge, resolve_search
from supernas.runs.launch import launched
from supernas.runs.search import Search
from supernas_pytest.toys import TOY

SEARCH = (
    *(sys.executable, "-m", "supernas", "search", "--method", "gdas", "--device", "cpu"),
    *("--set", "data.train_size=96", "--set", "search.batch_size=16", "--set", "search.validation_images=16"),
    *("--set", "supernet.channels=2", "--set", "supernet.cells=1"),
)
SOON = 120  # seconds


def started(folder: Path, epochs: int, *more: str) -> subprocess.Popen:
    command = [*SEARCH, "--epochs", str(epochs), "--out", str(folder), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(wanted, process=None):
    end = time.monotonic() + SOON
    while not (found := wanted()):
        assert time.monotonic() < end, "waited too long"
        assert process is None or process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    return found


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
@pytest.mark.parametrize("victim", ["the first", "the other"])
def test_all_stop_where_one_is_killed_and_the_run_goes_on_with_another_number_of_devices(tmp_path, victim):
    pytest.importorskip("lightning_fabric")
    folder = tmp_path / "run"
    run = started(folder, 400, "--devices", "2")
    wait_for(lambda: (folder / "checkpoint.pt").exists(), run)
    (other,) = children(run.pid)
    os.kill(run.pid if victim == "the first" else other, signal.SIGKILL)
    _, said = run.communicate(timeout=SOON)
    wait_for(lambda: not alive(other))
    assert "Traceback" not in said
    if victim == "the other":
        assert said.count("a process of this run on 2 devices has ended") == 1
    done = len((folder / "metrics.jsonl").read_text().splitlines())
    config = json.loads((folder / "config.json").read_text())
    assert config["search"]["devices"] == 2
    resumed = started(folder, 400, "--resume")
    wait_for(lambda: len((folder / "metrics.jsonl").read_text().splitlines()) > done, resumed)
    resumed.send_signal(signal.SIGINT)
    _, said = resumed.communicate(timeout=SOON)
    assert "devices: 2 -> 1" in said, said


def test_what_is_wrong_on_all_devices_is_said_once(tmp_path):
    pytest.importorskip("lightning_fabric")
    run = started(tmp_path / "run", 1, "--devices", "2", "--set", "search.batch_size=15")
    _, said = run.communicate(timeout=SOON)
    assert run.returncode == 2
    assert said.count("cannot be shared out evenly among 2 devices") == 1, said
    assert "has ended" not in said
    assert not (tmp_path / "run" / "claim.json").exists()


def test_a_run_in_a_group_has_its_number_of_devices(monkeypatch):
    monkeypatch.setattr(ranks, "_size", 2)
    assert launched(2, 1, "auto").type == "cpu"
    with pytest.raises(UserError, match="runs on 2 devices by now"):
        launched(1, 1, "cpu")


def test_who_looks_at_a_run_of_several_devices_needs_one(tmp_path):
    config = resolve_search(merge(TOY, {"method": "darts", "search": {"devices": 2}}))
    search = Search(config, tmp_path, only_looks=True)
    assert search.folder.document["search"]["devices"] == 2
    with pytest.raises(UserError, match="a worker of a study has one device"):
        in_worker(config, tmp_path / "other")


def in_worker(config, folder):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(multiprocessing, "parent_process", lambda: "a study")
        Search(config, folder)


def test_a_device_with_a_number_is_one(monkeypatch):
    with pytest.raises(UserError, match=r"cuda:1 is one device, and 2 were asked for"):
        launched(2, 1, "cuda:1")
    with pytest.raises(UserError, match="has 0 GPUs, and 2 were asked for"):
        launched(2, 1, "cuda")

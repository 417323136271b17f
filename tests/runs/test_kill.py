"""kill -9 at random moments: a resumed run leaves behind exactly what an undisturbed one does."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from runs_toy import CELL, KINDS, left_behind
from supernas.runs.checkpoint import load_checkpoint
from supernas.runs.configuration import resolve_search, resolve_train
from supernas.runs.search import Search
from supernas.runs.training import Training

KILLS = 8

_PROGRAM = """
import sys, torch
torch.set_num_threads(int(sys.argv[3]))
sys.path.insert(0, sys.argv[4])
from pathlib import Path
from runs.test_kill import demo
demo(sys.argv[1], Path(sys.argv[2]), resume=True).run()
"""


def demo(kind, folder, **options):
    """Two epochs of the demo, saving after every step, so that many kills meet a file half written."""
    loop = {"epochs": 2, "checkpoint_minutes": 1e-9}
    if kind == "search":
        method = {"name": "e2nas", "archive_stride": 1, "archive_size": 8, "warmup": 0.2}
        return Search(resolve_search({"search": loop, "method": method}), folder, **options)
    return Training(resolve_train({"train": loop, "architecture": CELL}), folder, **options)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_moments(kind, tmp_path, capsys):
    seconds = demo(kind, tmp_path / "whole").run().record["seconds"]
    whole = left_behind(tmp_path / "whole")
    generator = random.Random(0)
    met: list[str] = []
    for number in range(3 * KILLS):
        folder = tmp_path / str(number)
        _killed(kind, folder, generator.uniform(0, 1) * seconds)
        if (folder / "result.json").exists():
            continue  # it was quicker than the undisturbed one
        met.append(_where(folder))
        demo(kind, folder, resume=True).run()
        assert left_behind(folder) == whole, met
        if len(met) == KILLS:
            break
    with capsys.disabled():
        print(f"\n{kind}, {seconds:.1f} s undisturbed, killed after {', '.join(met)}")
    assert len(met) == KILLS


def _killed(kind: str, folder: Path, after: float) -> None:
    """Starts a run in a process of its own, and kills it so many seconds after it began to write."""
    arguments = [kind, str(folder), str(torch.get_num_threads()), str(Path(__file__).parents[1])]
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, *arguments], env=dict(os.environ))
    try:
        while not (folder / "config.json").exists():
            assert process.poll() is None, "it ended before it began to write"
            time.sleep(0.005)
        time.sleep(after)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def _where(folder: Path) -> str:
    tree, _ = load_checkpoint(folder)
    half = " (a file half written)" if list(folder.glob(".*.part")) else ""
    return f"step {tree['state']['step'] if tree else 0}{half}"

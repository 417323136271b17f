"""Processes that share a study: no server, none of its runs twice, and none lost when some of them are killed."""

import gc
import json
import multiprocessing
import os
import random
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, replace

import pytest
import torch

from runs_toy import left_behind, undigested
from studies_toy import TOY, Inline
from supernas.core.claims import CLAIM, STALE_SECONDS, Holder, holder_of
from supernas.core.errors import UserError
from supernas.runs import shared
from supernas.studies import workers
from supernas.studies.plan import read_study
from supernas.studies.results import Failure, read_failures
from supernas.studies.run_study import run_study
from supernas.studies.together import joined, note_failure

FORK = multiprocessing.get_context("fork")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(shared, "_POLL_SECONDS", 0.02)
    monkeypatch.setattr(shared, "_LOOK_SECONDS", 0.05)


def claim_elsewhere(path):
    """Another machine's living process claims something."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(replace(Holder.me(), host="far", machine="far", process=7, token="theirs"))))


def text_of(folder):
    """A study's table but for the minutes, which differ."""
    return re.sub(r"[\d.]+ ± [\d.]+ \| - \|", "", (folder / "table.md").read_text())


@pytest.mark.parametrize("fate", ["dies", "finishes", "fails", "stops"])
def test_what_another_does_is_left_to_it_and_looked_at_again(fate, tmp_path):
    study = read_study({"seeds": [0, 1], "run": [{"label": "A", **TOY}]})
    first, second = study.runs
    folder, states = tmp_path / "study", []
    claim = folder / first.name / CLAIM
    claim_elsewhere(claim)

    def end(event):
        if event.state != "going":
            states.append((event.run.seed, event.state, event.reason))
        if (event.run, event.state) != (second, "finished"):
            return
        if fate == "dies":
            past = time.time() - 1.1 * STALE_SECONDS
            os.utime(claim, (past, past))
            return
        claim.unlink()
        if fate == "finishes":
            job = {"document": first.config.document(), "folder": str(folder / first.name), "benchmark": None}
            assert workers.work(job, lambda: False)["state"] == "finished"
        elif fate == "fails":
            note_failure(folder, Failure("A", 0, "there", "it broke"))

    result = run_study(study, folder, executor=Inline(), on_event=end)
    begun = [(0, "elsewhere", "process 7 on far"), (1, "started", ""), (1, "finished", "")]
    assert states[:3] == begun
    here = [(0, "started", ""), (0, "finished", "")]
    assert states[3:] == {"finishes": [(0, "kept", "")], "fails": [(0, "failed", "it broke")]}.get(fate, here)
    assert result.table.lines[0].n == (1 if fate == "fails" else 2)
    assert [failure.reason for failure in result.failures] == ["it broke"] * (fate == "fails")


def test_a_claim_that_is_lost_meanwhile_is_no_failure(tmp_path):
    study = read_study({"run": [TOY]})
    folder = tmp_path / study.runs[0].name
    job = {"document": study.runs[0].config.document(), "folder": str(folder), "benchmark": None}
    answers = iter([False, False])

    def lose():
        if next(answers, None) is None:
            claim_elsewhere(folder / CLAIM)
        return False

    outcome = workers.work(job, lose)
    assert outcome["state"] == "taken"
    assert "was taken over by process 7 on far" in outcome["reason"]
    assert workers.work(job, lambda: False)["state"] == "taken"
    (folder / CLAIM).unlink()
    assert workers.work(job, lambda: False)["state"] == "finished"


@pytest.mark.parametrize(("state", "lr", "stops"), [("failed", 1e30, False), ("stopped", 0.01, True)])
def test_a_run_that_fails_or_stops_is_free_though_its_worker_lives(state, lr, stops, tmp_path):
    study = read_study({"run": [{**TOY, "weights": {"lr": lr}}]})
    job = {"document": study.runs[0].config.document(), "folder": str(tmp_path / "run"), "benchmark": None}
    answers = iter([False])
    gc.disable()  # an idle worker has nothing to collect for
    try:
        assert workers.work(job, lambda: next(answers, stops))["state"] == state
        assert holder_of(tmp_path / "run" / CLAIM) is None
    finally:
        gc.enable()


def test_who_leaves_takes_the_claims_of_killed_workers_away(tmp_path):
    study = read_study({"run": [TOY]})
    with joined(study, tmp_path, study.runs):
        killed, alive = tmp_path / "worker-1.claim", tmp_path / "worker-2.claim"
        for path in (killed, alive):
            claim_elsewhere(path)
        past = time.time() - 1.1 * STALE_SECONDS
        os.utime(killed, (past, past))
    assert list(tmp_path.glob("worker-*.claim")) == [alive]


def test_who_joins_does_not_try_again_what_has_failed_and_who_begins_does(tmp_path):
    study = read_study({"run": [TOY]})
    folder = tmp_path / "study"
    failure = Failure("random-nas", 0, "there", "it broke")
    with joined(study, folder, study.runs):
        note_failure(folder, failure)
        note_failure(folder, replace(failure, reason="it broke again"))
        with joined(study, folder, study.runs):
            assert [one.reason for one in read_failures(folder)] == ["it broke again"]
        with (
            pytest.raises(UserError, match=r"works on another study in .*; wait until it ends, or choose another out="),
            joined(read_study({"seeds": [5], "run": [TOY]}), folder, []),
        ):
            pass
    with joined(study, folder, study.runs):
        assert read_failures(folder) == ()


def work_on(document, folder, log):
    """One of several processes: does what `supernas study` does, and notes what happens."""
    torch.set_num_threads(1)  # a forked process must not wait for threads that it does not have

    def note(event):
        with log.open("a") as file:
            file.write(f"{os.getpid()} {event.state} {event.run.seed}\n")

    run_study(read_study(document), folder, executor=Inline(), on_event=note)


def test_four_processes_two_of_which_are_killed(tmp_path):
    document = {
        "seeds": list(range(5)),
        "run": [{"label": "A", **TOY, "search": {**TOY["search"], "epochs": 5}}],
    }
    folder, log, study = tmp_path / "study", tmp_path / "log", read_study(document)
    log.touch()
    several = [FORK.Process(target=work_on, args=(document, folder, log)) for _ in range(4)]
    for process in several:
        process.start()
    killed = []
    generator = random.Random(time.time_ns())
    while len(killed) < 2:  # in the midst of a run
        assert any(process.is_alive() for process in several), "all have ended before"
        holders = [holder_of(path) for path in folder.glob(f"*/{CLAIM}")]
        busy = {holder.process for holder in holders if holder} - set(killed)
        for process in [process for process in several if process.pid in busy][:1]:
            time.sleep(generator.uniform(0, 0.1))
            process.kill()
            killed.append(process.pid)
        time.sleep(0.01)
    for process in several:
        process.join()
    assert sorted(process.exitcode for process in several) == [-9, -9, 0, 0]
    _check_shared(study, folder, log, killed, tmp_path / "alone")


def _check_shared(study, folder, log, killed, alone):
    """Every run was done once, but for those that a killed process had begun; the table is that of one process."""
    lines = [line.split() for line in log.read_text().splitlines()]
    finished = Counter(seed for _, state, seed in lines if state == "finished")
    assert set(finished.values()) == {1}
    assert len(finished) >= len(study.runs) - len(killed)
    again = [run for run in study.runs if _has_repeated_epochs(folder / run.name / "log.txt")]
    assert len(again) <= len(killed)
    run_study(study, alone, executor=Inline())
    assert text_of(folder) == text_of(alone)
    for run in study.runs:
        left = [{**left_behind(place / run.name), "files": []} for place in (folder, alone)]
        assert undigested(left[0]) == undigested(left[1])
    assert list(folder.glob("*.claim")) + list(folder.glob("*/*.claim")) == []


def _has_repeated_epochs(log):
    epochs = re.findall(r"epoch (\d+)/", log.read_text())
    return len(set(epochs)) < len(epochs)


_PROGRAM = "from supernas.cli.app import main; main()"


@pytest.mark.slow
def test_four_commands_two_of_which_are_killed_with_their_workers(tmp_path):
    document = {
        "seeds": list(range(16)),
        "run": [{"label": "A", **TOY, "search": {**TOY["search"], "epochs": 60}}],
    }
    file, folder, study = tmp_path / "study.json", tmp_path / "study", read_study(document)
    file.write_text(json.dumps(document))
    command = [sys.executable, "-c", _PROGRAM, "study", str(file), "--out", str(folder), "--workers", "1"]
    logs = [tmp_path / f"log{number}" for number in range(4)]
    several = []
    for log in logs:
        with log.open("w") as stderr:
            several.append(subprocess.Popen(command, stderr=stderr, stdout=subprocess.DEVNULL))
    generator = random.Random(time.time_ns())
    for victim in several[:2]:
        while not list(folder.glob("*/metrics.jsonl")):
            time.sleep(0.05)
        time.sleep(generator.uniform(0, 5))
        victim.kill()
    assert [process.wait() for process in several] == [-9, -9, 0, 0]
    log = tmp_path / "log"
    states = {"runs": "started", "is finished": "finished"}
    said = [(number, line) for number, one in enumerate(logs) for line in one.read_text().splitlines()]
    found = [(number, re.match(r"A, seed (\d+): (runs|is finished),", line)) for number, line in said]
    log.write_text("".join(f"{number} {states[match[2]]} {match[1]}\n" for number, match in found if match))
    _check_shared(study, folder, log, [0, 1], tmp_path / "alone")

"""Whole studies: processes that are killed, stopped and resumed, runs that fail, and the command."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

import supernas
from runs_toy import left_behind, undigested
from studies_toy import TOY, Inline
from supernas.cli.study import StudyDisplay
from supernas.cli.study import study as command
from supernas.core.errors import UserError
from supernas.runs import shared
from supernas.runs.search import Search
from supernas.studies import run_study, workers
from supernas.studies.plan import read_study

TRUTH = "cifar10 test 200 (train+valid)"


def job(study, folder, place=0, benchmark=None):
    run = study.runs[place]
    return {"document": run.config.document(), "folder": str(folder / run.name), "benchmark": benchmark}


def whole(run, folder):
    """What a search in this process leaves behind."""
    Search(run.config, folder).run()
    return left_behind(folder)


def without_log(left):
    return {**left, "files": [name for name in left["files"] if name != "log.txt"]}


# -- one run -----------------------------------------------------------------------------------------------------------


def test_a_run_stops_when_asked_and_goes_on(tmp_path):
    study = read_study({"run": [TOY]})
    for asked in (1, 4):  # at first, in the middle
        answers = iter([False] * (asked - 1) + [True])
        assert workers.work(job(study, tmp_path), lambda answers=answers: next(answers))["state"] == "stopped"
    folder = tmp_path / study.runs[0].name
    assert (folder / "checkpoint.pt").exists()
    assert not (folder / "result.json").exists()
    assert workers.work(job(study, tmp_path), lambda: False) == {"state": "finished", "reason": ""}
    assert without_log(left_behind(folder)) == whole(study.runs[0], tmp_path / "whole")
    assert "epoch 2/2" in (folder / "log.txt").read_text()


def test_a_run_that_fails_says_why_in_one_line(tmp_path, monkeypatch):
    study = read_study({"run": [{**TOY, "weights": {"lr": 1e30}}]})
    outcome = workers.work(job(study, tmp_path), lambda: False)
    assert outcome["state"] == "failed"
    assert outcome["reason"].startswith("loss is not a finite number in epoch 0")

    def broken(*arguments, **options):
        raise ZeroDivisionError("nothing\nto divide by")

    monkeypatch.setattr(workers, "RecordedSearch", broken)
    assert workers.work(job(study, tmp_path), lambda: False)["reason"] == "ZeroDivisionError: nothing to divide by"
    assert "Traceback" in (tmp_path / study.runs[0].name / "log.txt").read_text()


# -- several processes -------------------------------------------------------------------------------------------------


def listening(study, do):
    """What is listened to: shown, and answered by `do`."""
    display, states = StudyDisplay(study), []

    def listen(event):
        states.append((str(event.run), event.state))
        display.listen(event)
        do(event)

    return listen, states


def test_killed_stopped_and_run_again(tmp_path, table_file, monkeypatch, capsys):
    """A run's process is killed, a run fails, one is stopped by ^C; the same study then does all but what cannot."""
    monkeypatch.setattr(shared, "_POLL_SECONDS", 0.02)
    long = {**TOY["search"], "epochs": 12}
    bad = {"label": "bad", "weights": {"lr": 1e30}}
    study = read_study(
        {
            "seeds": [0, 1],
            "benchmark": str(table_file),
            "common": {**TOY, "search": long},
            "run": [{"label": "good"}, {**bad, "seeds": [0]}],
        }
    )
    folder = tmp_path / "study"

    def disturb(event):
        if event.state == "started" and (event.run.label, event.run.seed) == ("good", 0):
            multiprocessing.active_children()[0].kill()
        if event.state == "going":
            os.kill(os.getpid(), signal.SIGINT)

    listen, states = listening(study, disturb)
    with pytest.raises(KeyboardInterrupt):
        run_study.run_study(study, folder, workers=1, on_event=listen)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert multiprocessing.active_children() == []
    assert [state for run, state in states if run == "good, seed 0"] == ["started", "again", "started", "failed"]
    assert ("bad, seed 0", "failed") in states
    assert states[-2:] == [("good, seed 1", "stopping"), ("good, seed 1", "stopped")]
    failures = json.loads((folder / "failures.json").read_text())["failures"]
    assert [(one["label"], one["seed"]) for one in failures] == [("good", 0), ("bad", 0)]
    assert failures[0]["reason"].startswith("its process was ended by SIGKILL")
    names = {(run.label, run.seed): run.name for run in study.runs}
    assert (folder / names["good", 1] / "checkpoint.pt").exists()
    assert "good, seed 0: FAILED, 0 of 12 epochs done: its process was ended by SIGKILL" in capsys.readouterr().err

    listen, states = listening(study, lambda event: None)
    result = run_study.run_study(study, folder, executor=Inline(), on_event=listen)
    assert [(one.label, one.reason[:27]) for one in result.failures] == [("bad", "loss is not a finite number")]
    assert {state for run, state in states if run.startswith("good")} <= {"started", "going", "finished"}
    run = study.rows[0].runs[1]
    left = without_log(left_behind(folder / run.name))
    truths = [line.pop("truth") for line in left["lines"]]
    assert left["result"].pop("truth")[TRUTH] > 0
    assert len(truths) == 12
    assert undigested(left) == undigested(whole(run, tmp_path / "whole"))

    good = result.table.lines[0]
    assert (good.n, good.values[TRUTH].n) == (2, 2)
    assert result.table.lines[1].n == 0
    reference = next(line for line in result.table.lines if line.label == "ResNet cell")
    network = study.rows[0].config.space.build("11472", num_classes=10, in_channels=1, channels=2, cells=1)
    assert reference.parameters == sum(weight.numel() for weight in network.parameters())
    assert "bad, seed 0, failed: loss is not" in (folder / "table.md").read_text()

    before = (folder / "table.csv").read_bytes()
    app = typer.Typer()
    app.command()(command)
    said = CliRunner().invoke(app, [str(folder / "study.json"), "--out", str(folder), "--table-only"])
    assert said.exit_code == 1
    assert "| good " in said.stdout
    assert (folder / "table.csv").read_bytes() == before
    assert str(folder / "trajectories.svg") in said.stdout


_PROGRAM = """
import sys
from supernas.cli.app import main
main()
"""


@pytest.mark.slow
def test_a_study_that_is_killed_leaves_no_process_and_goes_on(tmp_path):
    """SIGKILL for the whole study at a random moment, three times; then it ends as if nothing had been."""
    document = {
        "seeds": [0, 1, 2],
        "common": {**TOY, "search": {**TOY["search"], "epochs": 150}},
        "run": [{"label": "A"}],
    }
    file, folder = tmp_path / "study.json", tmp_path / "study"
    file.write_text(json.dumps(document))
    study = read_study(file)
    command = [sys.executable, "-c", _PROGRAM, "study", str(file), "--out", str(folder), "--workers", "2"]
    generator = random.Random(0)
    for _ in range(3):
        before = _lines(folder)
        process = subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)
        while _lines(folder) == before:
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(generator.uniform(0, 1.5))
        process.kill()
        process.wait()
        until = time.monotonic() + 20
        while _members(process.pid):
            assert time.monotonic() < until, "its workers live on"
            time.sleep(0.05)
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "runs, 0 of 150" not in said.stderr.splitlines()[0]
    first, *_, last = study.runs
    assert without_log(left_behind(folder / first.name)) == whole(first, tmp_path / "whole")
    assert (folder / last.name / "result.json").exists()


def _lines(folder):
    return sum(len(path.read_bytes().splitlines()) for path in folder.glob("*/metrics.jsonl"))


def _members(group):
    """The living processes of a group."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


# -- what is refused before anything starts ----------------------------------------------------------------------------


def test_images_that_are_not_there_are_refused_at_once(tmp_path):
    with pytest.raises(UserError, match="unknown data set 'digit'; did you mean 'digits'"):
        supernas.study({"run": [{**TOY, "data": {"source": "digit"}}]}, out=tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot write to"):
        supernas.study({"run": [TOY]}, out=tmp_path / "file")


def test_the_command_refuses_in_one_line(tmp_path):
    file = tmp_path / "study.toml"
    app = typer.Typer()
    app.command()(command)
    for content, message in (
        (None, "cannot read the configuration"),
        ("a = ", "is not valid TOML"),
        ('[[runs]]\nmethod = "e2nas"\n', "unknown setting 'runs'; did you mean 'run'"),
    ):
        if content is not None:
            file.write_text(content)
        result = CliRunner().invoke(app, [str(file)])
        assert isinstance(result.exception, UserError)
        assert message in str(result.exception)

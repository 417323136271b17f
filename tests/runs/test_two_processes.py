"""Two processes on one folder: the second is refused, and the first ends as if it had been alone."""

import multiprocessing
import os

import pytest

from runs_toy import EPOCHS, KINDS, left_behind, make
from supernas.core.errors import UserError
from supernas.core.records import read_lines

FORK = multiprocessing.get_context("fork")


def _try(kind, folder, resume, connection):
    try:
        make(kind, folder, resume=resume).run()
    except UserError as error:
        connection.send(str(error))
    else:
        connection.send("ran")


def second(kind, folder, resume):
    """What another process gets from the same folder."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_try, args=(kind, folder, resume, theirs))
    process.start()
    said = ours.recv()
    process.join()
    return said


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_is_refused_and_the_first_is_undisturbed(kind, tmp_path):
    make(kind, tmp_path / "alone").run()
    said = []

    def intrude(progress, _):
        if progress.step in (0, 7):
            said.extend(second(kind, tmp_path / "both", resume) for resume in (False, True))

    make(kind, tmp_path / "both", on_step=intrude).run()
    assert len(said) == 4
    assert all(f"in use by process {os.getpid()} on " in text for text in said)
    assert left_behind(tmp_path / "both") == left_behind(tmp_path / "alone")
    assert len(read_lines(tmp_path / "both" / "metrics.jsonl")) == EPOCHS


def test_a_run_that_is_over_keeps_nobody_out(tmp_path):
    run = make("train", tmp_path)
    run.run()
    assert second("train", tmp_path, resume=True) == "ran"
    assert run.finished


def test_a_run_that_was_taken_over_writes_no_line_more(tmp_path):
    run = make("train", tmp_path)
    next(iter(run))
    newer = make("train", tmp_path, resume=True)
    with pytest.raises(UserError, match="was taken over"):
        next(iter(run))
    assert len(read_lines(tmp_path / "metrics.jsonl")) == 1
    newer.run()
    assert len(read_lines(tmp_path / "metrics.jsonl")) == EPOCHS


def test_a_refusal_leaves_no_claim(tmp_path):
    with pytest.raises(UserError, match="budget"):
        make("search", tmp_path / "run", {"budget": {"max_parameters": 1}})
    assert list(tmp_path.iterdir()) == []
    make("train", tmp_path).run()
    with pytest.raises(UserError, match="already holds this run"):
        make("train", tmp_path)
    assert not (tmp_path / "claim.json").exists()

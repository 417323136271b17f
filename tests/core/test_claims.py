"""A folder belongs to one process at a time; who is gone does not keep it."""

import json
import multiprocessing
import os
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from supernas.core import claims
from supernas.core.claims import Claim, Holder, claimed
from supernas.core.errors import UserError

FORK = multiprocessing.get_context("fork")


def hold(path, connection):
    claim = Claim(path, "the folder")
    connection.send("held")
    connection.recv()
    claim.check()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "claim.json"


@pytest.fixture
def other(path):
    """Another process that holds the claim."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=hold, args=(path, theirs))
    process.start()
    assert ours.recv() == "held"
    process.let_go = lambda: ours.send("end")
    yield process
    process.kill()
    process.join()


def write(path: Path, holder: Holder, age: float = 0.0) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(asdict(holder)))
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - age))


def elsewhere() -> Holder:
    return replace(Holder.me(), host="far", machine="far", process=7, token="theirs")


def test_a_second_process_is_told_who_the_first_is(path, other):
    me = Holder.me()
    with pytest.raises(UserError, match=rf"^the folder is in use by process {other.pid} on {me.host}; "):
        Claim(path, "the folder")
    assert json.loads(path.read_text())["process"] == other.pid


def test_a_process_that_ends_leaves_nothing(path, other):
    other.let_go()
    other.join()
    assert other.exitcode == 0
    assert not path.parent.exists()


def test_a_killed_process_keeps_nobody_out(path, other):
    other.kill()
    other.join()
    assert path.exists()
    claim = Claim(path, "the folder")
    claim.check()
    assert claim.taken_from is None


def test_a_number_that_another_process_has_now_is_not_the_holder(path):
    write(path, replace(Holder.me(), born="1", token="theirs"))
    Claim(path, "the folder").check()


@pytest.mark.parametrize(("age", "free"), [(0.0, False), (0.9, False), (1.1, True)])
def test_of_other_machines_only_silence_is_known(age, free, path):
    write(path, elsewhere(), age * claims.STALE_SECONDS)
    if free:
        assert str(Claim(path, "the folder").taken_from) == "process 7 on far"
    else:
        with pytest.raises(UserError, match="in use by process 7 on far"):
            Claim(path, "the folder")


def test_a_holder_is_heard_of_and_only_as_long_as_it_holds(path, monkeypatch):
    monkeypatch.setattr(claims, "BEAT_SECONDS", 0.01)
    claim = Claim(path, "the folder")
    os.utime(path, (0, 0))
    beating = next(thread for thread in claims.threading.enumerate() if thread.name == f"claim of {path}")
    while path.stat().st_mtime == 0:
        assert beating.is_alive()
        beating.join(0.01)
    claim.release()
    beating.join(10)
    assert not beating.is_alive()


def test_who_was_replaced_finds_out_and_does_not_remove_the_new_claim(path):
    first = Claim(path, "the folder")
    first.check()
    write(path, elsewhere())
    with pytest.raises(UserError, match="the folder was taken over by process 7 on far"):
        first.check()
    first.release()
    assert path.exists()


def test_a_process_may_claim_again_what_it_holds(path):
    first = Claim(path, "the folder")
    second = Claim(path, "the folder")
    second.check()
    del first
    assert path.exists()
    del second
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "[]", '{"host": 1}', "{"])
def test_a_claim_that_says_nothing_counts_for_a_moment(content, path):
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(UserError, match="has just begun"):
        Claim(path, "the folder")
    os.utime(path, (0, 0))
    Claim(path, "the folder").check()


def test_a_stale_claim_that_became_fresh_meanwhile_is_put_back(path):
    write(path, elsewhere())
    claims._set_aside(path, stale=replace(elsewhere(), token="older"))
    assert json.loads(path.read_text())["token"] == "theirs"
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_only_a_folder_that_was_made_for_the_claim_goes_with_it(path):
    with claimed(path, "the folder"):
        assert path.exists()
    assert not path.parent.exists()
    path.parent.mkdir()
    with claimed(path, "the folder"):
        pass
    assert path.parent.exists()

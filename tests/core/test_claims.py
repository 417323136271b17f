"""A folder belongs to one process at a time; who is gone does not keep it."""

import json
import multiprocessing
import os
import signal
import threading
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from supernas.core import claims
from supernas.core.claims import Claim, Holder, InUseError, claimed, holder_of, in_turn
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
    with pytest.raises(InUseError, match=rf"^the folder is in use by process {other.pid} on {me.host}; "):
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


def test_a_killed_process_that_nobody_has_waited_for_keeps_nobody_out(path, other):
    """As in a container, where the first process may not collect the dead."""
    os.kill(other.pid, signal.SIGKILL)
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    Claim(path, "the folder").check()


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
    with pytest.raises(InUseError, match="the folder was taken over by process 7 on far"):
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


def test_only_a_stale_claim_is_removed_and_by_one_at_a_time(path):
    write(path, elsewhere())
    claims._remove_free(path)  # it became fresh meanwhile
    assert holder_of(path) == elsewhere()
    path.write_text("")
    claims._remove_free(path)  # or is being written
    assert path.exists()
    write(path, elsewhere(), 1.1 * claims.STALE_SECONDS)
    turn = path.with_name(f".{path.name}.turn.part")
    turn.touch()
    claims._remove_free(path)  # another process does
    assert path.exists()
    os.utime(turn, (0, 0))
    claims._remove_free(path)  # that was killed before it did
    claims._remove_free(path)
    assert list(path.parent.iterdir()) == []


def test_only_a_folder_that_was_made_for_the_claim_goes_with_it(path):
    with claimed(path, "the folder"):
        assert path.exists()
    assert not path.parent.exists()
    path.parent.mkdir()
    with claimed(path, "the folder"):
        pass
    assert path.parent.exists()


def test_who_holds_a_claim_is_known_without_asking_for_it(path, other):
    assert str(holder_of(path)) == f"process {other.pid} on {Holder.me().host}"
    other.kill()
    other.join()
    assert path.exists()
    assert holder_of(path) is None
    write(path, elsewhere(), 0.9 * claims.STALE_SECONDS)
    assert holder_of(path) == elsewhere()
    write(path, elsewhere(), 1.1 * claims.STALE_SECONDS)
    assert holder_of(path) is None
    path.unlink()
    assert holder_of(path) is None


def count(path, times):
    """Reads a number, thinks for a while, and writes one more: what only one at a time may do."""
    for _ in range(times):
        with in_turn(path.with_name("count.claim"), "the number"):
            before = int(path.read_text())
            time.sleep(0.002)
            path.write_text(str(before + 1))


def test_several_processes_take_turns(tmp_path, monkeypatch):
    monkeypatch.setattr(claims, "_TURN_SECONDS", 0.001)
    path = tmp_path / "number"
    path.write_text("0")
    several = [FORK.Process(target=count, args=(path, 10)) for _ in range(3)]
    for process in several:
        process.start()
    for process in several:
        process.join()
    assert [process.exitcode for process in several] == [0, 0, 0]
    assert path.read_text() == "30"


def test_a_folder_that_goes_while_it_is_claimed_is_made_again(path, monkeypatch):
    """Who lets go of the first claim in it removes it, when another may have just looked."""
    create, gone = claims._create, []

    def without_folder(*claim):
        if not gone:
            gone.append(path.parent.rmdir())
        return create(*claim)

    monkeypatch.setattr(claims, "_create", without_folder)
    with claims.claimed(path, "the folder"):
        assert path.exists()
    assert gone


def test_a_turn_that_is_waited_for_is_said_once(path, other, monkeypatch, caplog):
    monkeypatch.setattr(claims, "_TURN_SECONDS", 0.001)
    monkeypatch.setattr(claims, "_PATIENCE_SECONDS", 0.0)
    caplog.set_level("INFO", "supernas")
    threading.Timer(0.1, other.let_go).start()
    with in_turn(path, "the folder"):
        pass
    assert caplog.messages == [f"waits: the folder is in use by process {other.pid} on {Holder.me().host}"]

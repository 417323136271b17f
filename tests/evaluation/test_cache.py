"""Numbers in a file: of one process at a time, and only what was written whole."""

import json
import multiprocessing
import os

import pytest

from supernas.core.errors import UserError
from supernas.core.spelling import at_command_line
from supernas.evaluation.cache import _line, cached

FORK = multiprocessing.get_context("fork")
ABOUT = {"seed": 0}


def hold(folder, connection):
    with cached(folder, "scores-x", ABOUT) as cache:
        cache.add("theirs", 1.0)
        connection.send(cache.path)
        connection.recv()


def opened(folder, **options):
    """The path of a cache that nothing is added to."""
    with cached(folder, "scores-x", ABOUT, **options) as cache:
        return cache.path


@pytest.fixture
def other(tmp_path):
    """Another process that adds to the cache."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=hold, args=(tmp_path, theirs))
    process.start()
    process.path = ours.recv()
    process.let_go = lambda: ours.send("end")
    yield process
    process.kill()
    process.join()


def test_a_second_process_is_refused_and_then_finds_what_the_first_found(other, tmp_path):
    before = other.path.read_text()
    with (
        pytest.raises(
            UserError, match=rf"scores-x-\w+.jsonl is in use by process {other.pid} on .*, or stop it there$"
        ),
        cached(tmp_path, "scores-x", ABOUT),
    ):
        pass
    with cached(tmp_path, "scores-x", {"seed": 1}) as another, cached(tmp_path, "scores-y", ABOUT):
        another.add("mine", 2.0)
    assert other.path.read_text() == before
    other.let_go()
    other.join()
    with cached(tmp_path, "scores-x", ABOUT) as cache:
        assert cache.values == {"theirs": 1.0}
    assert not list(tmp_path.glob("*claim*"))


def test_where_the_folder_can_be_another_the_advice_says_so(other, tmp_path):
    with at_command_line(), pytest.raises(UserError, match=r"or choose another --out$"):
        opened(tmp_path, movable=True)


def test_a_killed_process_keeps_nobody_out_and_leaves_nothing(other, tmp_path):
    other.kill()
    other.join()
    (tmp_path / f".{other.path.name}.{other.pid}.part").write_text("half")
    (tmp_path / ".result.json.1.part").write_text("of another process")
    with cached(tmp_path, "scores-x", ABOUT) as cache:
        cache.add("mine", None)
    assert list(map(json.loads, cache.path.read_text().splitlines()[1:])) == [
        json.loads(_line("theirs", 1.0)),
        json.loads(_line("mine", None)),
    ]
    assert [path.name for path in tmp_path.glob(".*")] == [".result.json.1.part"]


def test_who_was_replaced_adds_nothing(tmp_path):
    with cached(tmp_path, "scores-x", ABOUT) as cache:
        claim = cache.path.with_suffix(".claim")
        claim.write_text(json.dumps({**json.loads(claim.read_text()), "host": "far", "process": 7, "token": "theirs"}))
        with pytest.raises(UserError, match="was taken over by process 7 on far"):
            cache.add("mine", 1.0)
    assert cache.path.read_text().count("\n") == 1


@pytest.mark.parametrize("forged", [([1], 1.0), ("a", "b"), ("a", [1]), ("a", float("nan")), ("a", True)], ids=str)
def test_what_is_no_number_is_found_anew(forged, tmp_path):
    with cached(tmp_path, "scores-x", ABOUT) as cache:
        cache.add("whole", 1.0)
    cache.path.write_text(cache.path.read_text() + _line(*forged))
    with cached(tmp_path, "scores-x", ABOUT) as cache:
        assert cache.values == {"whole": 1.0}


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["pipe", "folder"])
@pytest.mark.parametrize("suffix", [".jsonl", ".claim"])
def test_what_is_no_file_is_not_waited_for(make, suffix, tmp_path):
    path = opened(tmp_path)
    path.unlink()
    make(path.with_suffix(suffix))
    with pytest.raises(UserError, match=r"cannot (read|write)"):
        opened(tmp_path)

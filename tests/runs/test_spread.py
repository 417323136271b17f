"""One function on many jobs, in several processes."""

import os
import signal
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from supernas.core.errors import UserError
from supernas.runs import spread
from supernas.runs.executors import Needs, chosen
from supernas.runs.spread import in_order

AT_FIRST = signal.getsignal(signal.SIGINT)
"""What ^C does when this module is imported, which a process does before anything else."""


def prepare(deaths: Path):
    """Runs in the process: the job 5 kills it as often as `deaths` has lines."""
    calls = count()

    def do(job):
        left = deaths.read_text().splitlines()
        if job == 5 and left:
            deaths.write_text("\n".join(left[1:]))
            os.kill(os.getpid(), signal.SIGKILL)
        return job, os.getpid(), next(calls), AT_FIRST

    return do


def test_what_takes_long_to_make_is_made_once_a_worker_and_one_may_die(tmp_path):
    deaths = tmp_path / "deaths"
    deaths.write_text("once")
    before = signal.getsignal(signal.SIGINT)
    results = list(in_order(chosen("local"), Needs(workers=2), tmp_path, partial(prepare, deaths), range(9), 2))
    assert [job for job, *_ in results] == list(range(9))
    assert {at_first for *_, at_first in results} == {signal.SIG_IGN}  # no interrupt meets a process half set up
    assert signal.getsignal(signal.SIGINT) is before
    processes = {process for _, process, *_ in results}
    assert len(processes) <= 3
    for process in processes:
        calls = [call for _, whose, call, _ in results if whose == process]
        assert len(set(calls)) == len(calls)


def test_work_that_kills_is_not_tried_for_ever(tmp_path):
    deaths = tmp_path / "deaths"
    deaths.write_text("once\ntwice")
    results = in_order(chosen("local"), Needs(workers=1), tmp_path, partial(prepare, deaths), range(9), 2)
    with pytest.raises(UserError, match="a worker died twice over the same work: its process was ended by SIGKILL"):
        list(results)


def test_who_is_asked_to_stop_leaves_the_rest():
    done = []
    part = spread._Part("of this test", lambda: done.append, range(9))
    spread._do(part, lambda: len(done) == 3)
    assert done == [0, 1, 2]

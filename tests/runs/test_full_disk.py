"""A full disk, a folder that is gone, a name that is too long: one line, and the last good state is kept."""

import resource
import shutil
from contextlib import contextmanager

import numpy as np
import pytest

from runs_toy import STEPS, left_behind, make
from supernas.benchmarks import load
from supernas.benchmarks.collect import Collector
from supernas.benchmarks.columns import Column
from supernas.benchmarks.table import Source
from supernas.core.errors import UserError
from supernas.output.export import export
from supernas.runs.log import RunLog


@contextmanager
def no_file_above(size):
    """The system refuses to write more into a file, as if the disk were full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished training."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    make("train", folder).run()
    return folder


def refused(call, reason):
    with pytest.raises(UserError, match=reason) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("size", [500, 5_000])  # of a line, of a checkpoint
def test_a_full_disk_in_the_middle_of_a_run(whole, tmp_path, size):
    run = make("train", tmp_path / "run")
    next(iter(run))
    kept = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    with no_file_above(size):
        refused(run.run, f"cannot write to {tmp_path}/run: File too large; make room")
    assert (tmp_path / "run" / "checkpoint.pt").read_bytes() == kept
    assert not list((tmp_path / "run").glob(".*"))
    make("train", tmp_path / "run", resume=True).run()
    assert left_behind(tmp_path / "run") == left_behind(whole)


def test_a_folder_that_is_taken_away(tmp_path):
    def take(progress, metrics):
        if progress.step == STEPS + 1:
            shutil.rmtree(tmp_path / "run")

    run = make("train", tmp_path / "run", on_step=take)
    refused(run.run, f"cannot write to {tmp_path}/run: the folder is gone")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("path", ["x" * 300, "file/run"])
def test_a_folder_that_cannot_be(tmp_path, path):
    (tmp_path / "file").touch()
    refused(lambda: make("train", tmp_path / path).run(), f"cannot (read|write to) {tmp_path}/{path}")
    refused(lambda: RunLog(tmp_path / path, 0), f"cannot write to {tmp_path}/{path}")


def test_a_log_is_not_written_through_a_link(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "other").write_text("mine")
    (tmp_path / "run" / "log.txt").symlink_to(tmp_path / "other")
    with RunLog(tmp_path / "run", 0) as log:
        log.say("a line\x1b[2J")
    assert (tmp_path / "other").read_text() == "mine"
    assert (tmp_path / "run" / "log.txt").read_text().endswith("a line\\x1b[2J\n")


def test_a_full_disk_of_a_log(tmp_path):
    with RunLog(tmp_path, 0) as log, no_file_above(100):
        refused(lambda: log.say("a" * 200), "cannot write to .*log.txt: File too large")


@pytest.mark.parametrize("format", ["pytorch", "pt2"])
def test_a_full_disk_under_an_export(whole, tmp_path, format):
    with no_file_above(2_000):
        refused(lambda: export(whole, format=format, out=tmp_path / "out"), f"cannot write to {tmp_path}/out: File too")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [500, 50_000])  # of a curve, of the table
def test_a_full_disk_under_an_import(tmp_path, size):
    column = Column("cifar10", "train", "test", 12)

    def write():
        with Collector("nas-bench-201", tmp_path / "t.safetensors") as table:
            for index in range(100):
                table.curve(index, column, 777, np.full(12, 50.0))
            table.accuracy(0, column, 777, 50.0)
            table.write(Source("s", "v", ""))

    with no_file_above(size):
        refused(write, f"cannot write (in )?{tmp_path}.*: File too large")
    assert not list(tmp_path.iterdir())
    write()
    assert load(tmp_path / "t.safetensors").curve(3, seed=777).tolist() == [50.0] * 12

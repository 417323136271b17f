"""What is no ordinary file is refused at once, whoever reads it."""

import os
from pathlib import Path

import numpy as np
import pytest

from supernas.benchmarks import import_table, load
from supernas.core.errors import UserError
from supernas.core.files import read_json
from supernas.core.reading import open_ordinary, read_bytes, read_text
from supernas.data.pickles import safe_load
from supernas.evaluation.plots.trajectory import plot_epochs
from supernas.output.report import report
from supernas.runs.checkpoint import load_checkpoint
from supernas.runs.configuration import read_file


@pytest.fixture
def pipe(tmp_path):
    def make(name):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        os.mkfifo(path)
        return path

    return make


def test_ordinary_files_are_read(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"\xc3\xa9\r\n")
    assert read_bytes(path) == b"\xc3\xa9\r\n"
    assert read_text(path) == "é\r\n"
    with open_ordinary(path) as file:
        assert file.read(1) == b"\xc3"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/", "/nowhere"])
def test_devices_folders_and_nothing_are_not(path):
    with pytest.raises(OSError, match=path):
        read_bytes(Path(path))


def test_whoever_reads_a_pipe_says_so_and_does_not_wait(pipe, tmp_path):
    for call in (
        lambda: read_file(pipe("config.toml")),
        lambda: safe_load(pipe("x.pickle")),
        lambda: load(pipe("table.safetensors")),
        lambda: import_table(pipe("x.csv"), tmp_path / "out.safetensors"),
        lambda: import_table(pipe("x.pbz2"), tmp_path / "out.safetensors"),
        lambda: import_table(pipe("x.pth"), tmp_path / "out.safetensors"),
        lambda: import_table(pipe("nats/000000.pickle.pbz2").parent, tmp_path / "out.safetensors"),
        lambda: plot_epochs({"a": np.ones((1, 2))}, pipe("plot.svg"), what="accuracy"),
        lambda: load_checkpoint(pipe("run/checkpoint.pt").parent),
    ):
        with pytest.raises(UserError):
            call()
    assert read_json(pipe("some.json")) is None


@pytest.mark.parametrize("name", ["metrics.jsonl", "result.json"])
def test_a_report_refuses_a_pipe_in_the_place_of_a_record(name, pipe, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text('{"search": {}}')
    pipe(f"run/{name}")
    with pytest.raises(UserError, match=f"{name} is no file"):
        report(tmp_path / "run")


@pytest.mark.parametrize("name", ["table.md", "failures.json"])
def test_a_report_refuses_a_pipe_in_the_place_of_a_table(name, pipe, tmp_path):
    (tmp_path / "study.json").write_text("{}")
    pipe(name)
    with pytest.raises(UserError, match=f"{name} is no file"):
        report(tmp_path)

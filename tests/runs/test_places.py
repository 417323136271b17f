"""A pipe, a device or a folder where a run writes a file: said at once, and not waited for."""

import os

import pytest

from runs_toy import make
from supernas.core.errors import UserError
from supernas.core.files import append_line
from supernas.runs.log import RunLog

NAMES = (
    "metrics.jsonl",
    "log.txt",
    "config.json",
    "claim.json",
    "checkpoint.pt",
    "checkpoint.previous.pt",
    "weights.safetensors",
    "cell.svg",
    "result.json",
)
KINDS = {"pipe": os.mkfifo, "folder": os.mkdir, "device": lambda path: os.symlink("/dev/null", path)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_run_begins_only_where_it_can_end(name, kind, tmp_path):
    KINDS[kind](tmp_path / name)
    with pytest.raises(UserError, match=f"cannot write to .*: {name} is there, and is no ordinary file; "):
        make("train", tmp_path, resume=True)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "write", [append_line, lambda path, line: RunLog(path.parent, 0).say(line)], ids=["append", "log"]
)
def test_what_came_meanwhile_is_not_waited_for(write, kind, tmp_path):
    KINDS[kind](tmp_path / "log.txt")
    if kind == "device" and write is not append_line:
        pytest.skip("a link is replaced")
    with pytest.raises((OSError, UserError)):
        write(tmp_path / "log.txt", "a line")

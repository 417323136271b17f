"""The door: whatever goes wrong is one line and an exit code, and nothing that a file says moves the terminal."""

import io
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rich.table import Table

from supernas.cli import app
from supernas.cli.console import Console
from supernas.core.errors import UserError

HOSTILE = "a\x1b[31m\x9b2J\r\b\u202e[bold]b[/bold] :smile:"
WRITTEN_OUT = "a\\x1b[31m\\x9b2J\\r\\x08\\u202e[bold]b[/bold] :smile:"


def ended(monkeypatch, capsys, error, *arguments):
    """(exit code, standard error) of a command that raises."""

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(app, "app", fail)
    monkeypatch.setattr(sys, "argv", ["supernas", *arguments])
    monkeypatch.setattr(app, "_end_quietly", lambda: None)
    with pytest.raises(SystemExit) as caught:
        app.main()
    return caught.value.code, capsys.readouterr().err


def test_an_unforeseen_error_is_one_line_and_a_file(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code, said = ended(monkeypatch, capsys, KeyError(HOSTILE), "report", "a folder")
    assert code == 1
    assert said.count("\n") == 1
    assert "supernas --debug report 'a folder'" in said
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", said)
    written = Path(re.search(r"; (\S+) holds all", said)[1])
    assert written.parent == tmp_path
    text = written.read_text()
    assert text.startswith("supernas --debug report 'a folder'\nsupernas ")
    assert "Traceback" in text
    assert ", in fail" in text
    with pytest.raises(KeyError):
        ended(monkeypatch, capsys, KeyError("x"), "report", "--debug")


@pytest.mark.parametrize("error", [MemoryError(), RecursionError("deep"), AssertionError(), RuntimeError("a\nb")])
def test_the_net_has_no_hole(monkeypatch, capsys, error):
    code, said = ended(monkeypatch, capsys, error, "list")
    assert (code, said.count("\n")) == (1, 1)


def test_what_the_system_refuses(monkeypatch, capsys):
    long = OSError(36, "File name too long", "x" * 300)
    assert ended(monkeypatch, capsys, long) == (2, f"supernas: {'x' * 300}: File name too long\n")
    code, said = ended(monkeypatch, capsys, OSError(28, "No space left on device"))
    assert (code, said) == (1, "supernas: the system says: No space left on device\n")
    assert ended(monkeypatch, capsys, BrokenPipeError(32, "Broken pipe")) == (1, "")
    assert ended(monkeypatch, capsys, UserError(HOSTILE))[1] == f"supernas: {WRITTEN_OUT}\n"


def test_the_terminal_shows_texts_as_they_are():
    out = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=200)
    grid = Table("name", box=None)
    grid.add_row(HOSTILE)
    out.print(HOSTILE)
    out.print(grid)
    shown = out.file.getvalue()
    assert shown.count(WRITTEN_OUT) == 2
    assert "\x1b[31m" not in shown


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_or_closed_standard_output():
    command = [sys.executable, "-m", "supernas", "list", "methods"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "supernas: the system says: No space left on device\n")
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")

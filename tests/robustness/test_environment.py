"""Whatever the terminal, its width and its encoding are: an answer, or one line."""

import os
import sys

import pytest

from .door import call

ANSWER = "canonical"


def typed(encoding, environment, *arguments):
    """A command with another encoding and other variables; runs in a fork."""
    from supernas.cli.start import main

    os.environ.update(environment)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(encoding=encoding, errors="strict")
    sys.argv = ["supernas", *arguments]
    main()


@pytest.mark.parametrize("columns", ["x", "0", "-3", "1e9", "7"])
def test_any_width_leaves_the_answer(columns, tmp_path):
    outcome = call(typed, "utf-8", {"COLUMNS": columns, "LINES": columns}, "show", "6111", folder=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    assert ANSWER in outcome.out


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_an_encoding_lacks_is_written_out(encoding, tmp_path):
    name = os.fsdecode("Größe 大 ".encode() + b"\xff")
    outcome = call(typed, encoding, {}, "show", "6111", "--svg", f"{name}/x.svg", folder=tmp_path)
    assert outcome.code in (0, 2), outcome
    assert "Traceback" not in outcome.err
    refused = call(typed, encoding, {}, "report", name, folder=tmp_path)
    assert refused.code == 2
    assert refused.err.count("\n") == 1
    assert "\\udcff" in refused.err

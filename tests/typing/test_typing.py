"""What type checkers know of the front door."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import classes
import pytest

import supernas

SCRIPT = Path(__file__).with_name("user_script.py")
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("package", classes.PACKAGES, ids=lambda package: package.__name__)
def test_the_classes_of_a_folder_are_known(package):
    again = "write it anew: python -m tests.typing.classes"
    assert classes.stub(package).read_text() == classes.classes(package), again


def test_the_script_calls_every_door():
    called = {node.attr for node in ast.walk(ast.parse(SCRIPT.read_text())) if isinstance(node, ast.Attribute)}
    doors = {"Search", "Training"} | {name for name in supernas.__all__ if callable(getattr(supernas, name))}
    assert {name for name in doors if getattr(supernas, name).__module__.startswith("supernas.api")} <= called


@pytest.mark.slow
def test_a_strict_checker_flags_each_wrong_call_and_nothing_else(tmp_path):
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", ROOT / "pyproject.toml", SCRIPT]
    command += ["--cache-dir", tmp_path, "--no-error-summary"]
    here = {**os.environ, "MYPYPATH": str(Path(supernas.__file__).parents[1])}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=here)
    flagged = {int(line) for line in re.findall(rf"{SCRIPT.name}:(\d+): error", done.stdout)}
    wrong = {number for number, line in enumerate(SCRIPT.read_text().splitlines(), 1) if line.endswith("# wrong")}
    assert len(wrong) > 20
    assert flagged == wrong, done.stdout + done.stderr

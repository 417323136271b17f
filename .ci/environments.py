"""Fresh environments for the scripts beside this file."""

import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

__all__ = ["ROOT", "create", "run"]

ROOT = Path(__file__).resolve().parents[1]


def create(folder: Path, python: str = sys.executable) -> Path:
    """A fresh environment of a Python; its own Python."""
    if python == sys.executable:
        venv.create(folder, with_pip=True, clear=True)
    else:
        run([python, "-m", "venv", "--clear", str(folder)])
    return folder / "bin" / "python"


def run(words: list[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What a program prints, where nothing goes wrong.

    Raises:
        RuntimeError: with its last lines, if it fails.
    """
    done = subprocess.run(words, cwd=cwd, env=env, capture_output=True, text=True)
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise RuntimeError(f"{' '.join(words)} ended with {done.returncode}:\n{last}")
    return done.stdout

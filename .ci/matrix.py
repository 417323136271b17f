"""Runs tests over the Pythons and versions of torch at hand, and prints a table that says what could not be run.

    python .ci/matrix.py --torch 2.9 2.13 --tests tests/core tests/methods

Every pair has a fresh environment below `build/matrix`, which is removed when it is done. A Python is at hand where
`pythonX.Y` is on the path, or pyenv or uv has one; a torch where pip finds a wheel of it for that Python. Extra options
of pip, such as another index, are taken from its environment variables.
"""

import argparse
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from environments import ROOT, create, run

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
TORCHES = ("2.9", "newest")
PLACE = ROOT / "build" / "matrix"


def at_hand(version: str) -> str | None:
    """The program of a Python; None if there is none that runs."""
    places = [shutil.which(f"python{version}"), *_of_pyenv(version), _of_uv(version)]
    return next((place for place in places if place and _is(place, version)), None)


def _of_pyenv(version: str) -> list[str]:
    installed = sorted((Path.home() / ".pyenv" / "versions").glob(f"{version}.*"), reverse=True)
    return [str(folder / "bin" / "python") for folder in installed]


def _of_uv(version: str) -> str | None:
    try:
        return run(["uv", "python", "find", "--no-python-downloads", version]).strip()
    except (OSError, RuntimeError):
        return None


def _is(program: str, version: str) -> bool:
    """A shim may be there without its Python."""
    try:
        return run([program, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).strip() == version
    except (OSError, RuntimeError):
        return False


def outcome(python: str, torch: str, tests: list[str]) -> str:
    """What became of a pair, in one line."""
    started = time.perf_counter()
    try:
        program = _installed(python, torch)
    except RuntimeError as error:
        return f"not installed: {_reason(error)}"
    found = run([program, "-c", "import torch; print(torch.__version__)"]).strip()
    words = [program, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "auto", "--dist", "worksteal", *tests]
    try:
        said = run(words, ROOT).splitlines()[-1]
    except RuntimeError as error:
        said = next((line for line in reversed(str(error).splitlines()) if re.search(r"\d+ (failed|error)", line)), "")
        said = f"FAILED: {said or _reason(error)}"
    return f"torch {found}: {said.strip('= ')}; {(time.perf_counter() - started) / 60:.0f} minutes in all"


def _installed(python: str, torch: str) -> str:
    """An environment with that torch, this repository and what its tests need."""
    program = str(create(PLACE / "environment", python))
    pip = [program, "-m", "pip", "install", "-q"]
    run([*pip, "--upgrade", "pip"])
    run([*pip, "torch" if torch == "newest" else f"torch=={torch}.*"])
    run([*pip, "--group", str(ROOT / "pyproject.toml:dev"), str(ROOT)])
    return program


def _reason(error: RuntimeError) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1])[:150]


def rows(arguments: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """(Python, torch, what became of it), as they end."""
    for version in arguments.python:
        program = at_hand(version)
        for torch in arguments.torch if program else ("-",):
            yield version, torch, outcome(program, torch, arguments.tests) if program else "no such Python here"
            shutil.rmtree(PLACE, ignore_errors=True)


def main() -> None:
    """Prints the table; ends with 1 where tests failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", nargs="+", default=PYTHONS, help="versions, such as 3.12")
    parser.add_argument("--torch", nargs="+", default=TORCHES, help="versions, such as 2.9, or newest")
    parser.add_argument("--tests", nargs="+", default=["tests", "src"], help="what pytest runs")
    failed = False
    print("| Python | torch | |\n|---|---|---|", flush=True)
    for version, torch, said in rows(parser.parse_args()):
        failed |= "FAILED" in said
        print(f"| {version} | {torch} | {said} |", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()

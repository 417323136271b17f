"""The file of golden trajectories: `python -m tests.golden.trajectories` from the repository's root records it anew.

A line a case: its name, then the hashes of its parts. The first line says on which processor, torch and number of
threads they hold, bit for bit.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import torch

from supernas.core.files import environment

FILE = Path(__file__).with_name("trajectories.txt")


def here() -> str:
    """What two runs must share to be the same bit for bit."""
    known = environment(torch.device("cpu"))
    return f"# processor {known['processor']}, torch {known['torch']}, threads {known['threads']}"


def read() -> tuple[str, dict[str, dict[str, str]]]:
    """(where they were recorded, case -> part -> hash)."""
    first, *lines = FILE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(" | ") for line in lines]
    return first, {name.strip(): dict(part.split("=") for part in parts.split()) for name, parts in rows}


def outcome(case: Any) -> dict[str, str]:
    """The hashes of a case that is run now."""
    from .cases import digest

    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng():
        torch.manual_seed(0)
        return {part: digest(value) for part, value in case(Path(folder)).items()}


def record(wanted: list[str]) -> None:
    """Runs the cases whose names contain one of the texts (all by default) and writes their hashes."""
    from .cases import cases

    torch.set_num_threads(1)
    rows = read()[1] if FILE.exists() else {}
    known = cases()
    for name, case in known.items():
        if not wanted or any(text in name for text in wanted):
            rows[name] = outcome(case)
            print(name, rows[name], flush=True)
            _write({name: row for name, row in rows.items() if name in known})


def _write(rows: dict[str, dict[str, str]]) -> None:
    lines = [f"{name:<64} | {' '.join(f'{part}={text}' for part, text in rows[name].items())}" for name in sorted(rows)]
    FILE.write_text("\n".join([here(), *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    record(sys.argv[1:])

"""What a run writes down: whole files or nothing, and lines that can be cut back."""

import json
import os
import platform
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import torch

from supernas.core.documents import Document
from supernas.core.reading import read_bytes, read_text

__all__ = [
    "append_line",
    "cut_back",
    "environment",
    "read_json",
    "read_lines",
    "remove_temporaries",
    "versions",
    "write_atomically",
    "write_json",
]


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Writes a file beside its place and moves it there, so that a reader finds the old or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder: Path) -> None:
    """Removes what a process that was killed in `write_atomically` left behind."""
    for left in folder.glob(".*.part"):
        left.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Writes JSON, atomically."""
    text = json.dumps(value, indent=2) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> Document | None:
    """The table in a JSON file, or None if the file is missing or damaged."""
    try:
        value = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def append_line(path: Path, value: Any) -> None:
    """Adds one JSON line to a file, and waits until it is on the disk: a checkpoint will count on it."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[Any]:
    """All JSON lines of a file."""
    return [json.loads(line) for line in read_text(path).splitlines()] if path.exists() else []


def cut_back(path: Path, lines: int) -> None:
    """Keeps the first `lines` lines of a file: what was written after the checkpoint is written again."""
    if path.exists():
        kept = read_bytes(path).splitlines(keepends=True)[:lines]
        write_atomically(path, lambda file: file.write(b"".join(kept)))


def versions() -> dict[str, str]:
    """Of what decides every number: supernas and torch."""
    return {"supernas": version("supernas"), "torch": str(torch.__version__)}  # torch's is a class of its own


def environment(device: torch.device) -> Document:
    """Versions, and what a resumed run must share with the first to be the same bit for bit."""
    return {
        **versions(),
        "python": sys.version.split()[0],
        "processor": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "device": device.type,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in _lines(cpuinfo) if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

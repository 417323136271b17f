"""What a run writes down: whole files or nothing, and lines one by one."""

import errno
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
from supernas.core.reading import read_text

__all__ = [
    "append_line",
    "environment",
    "read_json",
    "remove_temporaries",
    "versions",
    "write_atomically",
    "write_json",
]


def write_atomically(path: Path, write: Callable[[BinaryIO], Any], *, before: Path | None = None) -> None:
    """Writes a file beside its place and moves it there, so that a reader finds the old or the new one, whole.

    Args:
        path: its place.
        write: writes the content.
        before: where the file that was there goes, once the new one is whole.

    Raises:
        OSError: if it cannot be written, or something else than a file is in its place.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():  # a folder cannot be replaced, and a device must not be
        raise FileExistsError(errno.EEXIST, "there is something that is no file", str(path))
    temporary = path.with_name(f".{path.name[:200]}.{os.getpid()}.part")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as file:  # never through a link that somebody has put there
            write(file)
            file.flush()
            os.fsync(file.fileno())
        if before is not None and path.exists():
            path.replace(before)
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


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file, and waits until it is on the disk."""
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
        file.flush()
        os.fsync(file.fileno())


def versions(*packages: str) -> dict[str, str]:
    """Of what decides every number: supernas and torch, and the packages that parts are of."""
    of_others = {package: version(package) for package in packages}
    return {**of_others, "supernas": version("supernas"), "torch": str(torch.__version__)}  # torch's is its own class


def environment(device: torch.device, *packages: str) -> Document:
    """Versions, and what a resumed run must share with the first to be the same bit for bit."""
    return {
        **versions(*packages),
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

"""What a run writes down: whole files or nothing, and lines one by one."""

import errno
import json
import os
import platform
import stat
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO, TextIO

import torch

from supernas.core.documents import Document
from supernas.core.reading import open_handle, read_text

__all__ = [
    "append_line",
    "check_place",
    "check_places",
    "environment",
    "open_to_append",
    "read_json",
    "remove_temporaries",
    "versions",
    "write_atomically",
    "write_json",
]

_WRITTEN = {".claim", ".csv", ".json", ".jsonl", ".md", ".pt", ".safetensors", ".svg", ".tex", ".txt"}


def check_place(path: Path) -> None:
    """Refuses a place where something else is than a file: a folder cannot be replaced, and a device must not be.

    Raises:
        OSError: if something is.
    """
    try:
        mode = path.stat().st_mode  # asked once, since others may remove it meanwhile
    except (FileNotFoundError, NotADirectoryError):
        return
    if not stat.S_ISREG(mode):
        raise FileExistsError(errno.EEXIST, f"{path.name} is there, and is no ordinary file", str(path))


def check_places(folder: Path) -> None:
    """The same of all files of a folder: what is in the way is said before there is anything to be lost.

    Raises:
        OSError: if something is.
    """
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.suffix in _WRITTEN:
            check_place(path)


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
    check_place(path)
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


def remove_temporaries(folder: Path, mine: Callable[[str], bool]) -> None:
    """Removes what a process that was killed in `write_atomically` left behind of files whose names are `mine`."""
    for left in folder.glob(".*.part"):
        if mine(left.name[1:].rsplit(".", 2)[0]):
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


def open_to_append(path: Path) -> TextIO:
    """An ordinary file, open for lines at its end, each of which is written at once; it is made if there is none.

    Raises:
        OSError: if it cannot be opened, or is a folder, a pipe or a device.
    """
    handle = open_handle(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    return os.fdopen(handle, "a", encoding="utf-8", buffering=1)


def append_line(path: Path, line: str) -> None:
    """Adds a line to a file, and waits until it is on the disk."""
    with open_to_append(path) as file:
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
        "device_type": device.type,
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    names = [line.partition(":")[2].strip() for line in _lines(cpuinfo) if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

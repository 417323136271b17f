"""Numbers that took long to find, cached in a file of JSON lines: what was killed goes on where it was.

A cache belongs to one process at a time, which holds its claim. The first line says all that decides the numbers, and
the file's name has its hash, so that what was found otherwise is in another file. The other lines are [key, number or
null, checksum of both] each; a line that is damaged is found anew.
"""

import hashlib
import json
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from supernas.core.claims import Claim, claimed
from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.files import open_to_append, remove_temporaries, write_atomically
from supernas.core.records import read_content

__all__ = ["Cache", "cached"]


@dataclass(frozen=True)
class Cache:
    """Numbers by key, in memory and in a file.

    Attributes:
        path: the file.
        values: key -> number; None where it is not defined. What is added by `add` is written at once.
    """

    path: Path
    values: dict[str, float | None]
    _file: TextIO
    _claim: Claim

    def add(self, key: str, value: float | None) -> None:
        """Adds a number.

        Raises:
            UserError: if another process has taken over.
            OSError: if it cannot be written.
        """
        self._claim.check()
        self.values[key] = value
        self._file.write(_line(key, value))


@contextmanager
def cached(folder: Path, name: str, description: Values, *, movable: bool = False) -> Iterator[Cache]:
    """The cache `<name>-<hash>.jsonl`, for as long as numbers are added to it.

    Args:
        folder: where the file is.
        name: what it is called before the hash.
        description: all that decides the numbers, as plain values.
        movable: whether `out` says where the folder is.

    Raises:
        UserError: if another process has it, or the file cannot be written.
    """
    first = json.dumps(description, sort_keys=True)
    path = folder / f"{name}-{hashlib.sha256(first.encode()).hexdigest()[:8]}.jsonl"
    try:
        with claimed(path.with_suffix(".claim"), str(path), movable=movable) as claim:
            values = _read(path)
            lines = [f"{first}\n", *(_line(*one) for one in values.items())]
            remove_temporaries(folder, lambda left: left == path.name)
            write_atomically(path, lambda file: file.write("".join(lines).encode()))
            with open_to_append(path) as file:
                yield Cache(path, values, file, claim)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def _read(path: Path) -> dict[str, float | None]:
    """The numbers of the whole lines; a process that was killed may have left part of one."""
    values: dict[str, float | None] = {}
    for line in (read_content(path) or b"").decode(errors="replace").splitlines()[1:]:
        try:
            key, value, mark = json.loads(line)
        except (ValueError, TypeError, RecursionError):
            continue
        if isinstance(key, str) and _is_number(value) and mark == _mark(key, value):
            values[key] = value
    return values


def _is_number(value: Any) -> bool:
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def _line(key: str, value: float | None) -> str:
    return json.dumps([key, value, _mark(key, value)]) + "\n"


def _mark(key: Any, value: Any) -> int:
    return zlib.crc32(json.dumps([key, value]).encode())

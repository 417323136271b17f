"""Numbers that took long to find, cached in a file of JSON lines: what was killed goes on where it was.

The first line says all that decides the numbers, and the file's name has its hash, so that what was found otherwise is
in another file. The other lines are [key, number or null, checksum of both] each; a line that is damaged is found anew.
"""

import hashlib
import json
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.core.records import read_bytes

__all__ = ["Cache"]


class Cache:
    """Numbers by key, in memory and in `<name>-<hash>.jsonl`.

    Args:
        folder: where the file is.
        name: what it is called before the hash.
        description: all that decides the numbers, as plain values.

    Attributes:
        path: the file.
        values: key -> number; None where it is not defined.
    """

    def __init__(self, folder: Path, name: str, description: Values) -> None:
        first = json.dumps(description, sort_keys=True)
        self.path = folder / f"{name}-{hashlib.sha256(first.encode()).hexdigest()[:8]}.jsonl"
        self.values: dict[str, float | None] = {}
        self._lines = [first]
        self._read()

    def _read(self) -> None:
        """Takes the whole lines; a process that was killed may have left part of one."""
        for line in (read_bytes(self.path) or b"").decode(errors="replace").splitlines()[1:]:
            try:
                key, value, mark = json.loads(line)
            except (ValueError, TypeError, RecursionError):
                continue
            if mark == _mark(key, value):
                self.values[key] = value
                self._lines.append(line)

    @contextmanager
    def open(self) -> Iterator[Callable[[str, float | None], None]]:
        """A function that adds a number, for as long as the file is open.

        Raises:
            UserError: if the file cannot be written.
        """
        try:
            whole = "".join(f"{line}\n" for line in self._lines)
            write_atomically(self.path, lambda file: file.write(whole.encode()))
            with self.path.open("a", encoding="utf-8", buffering=1) as file:  # each line at once

                def add(key: str, value: float | None) -> None:
                    self.values[key] = value
                    file.write(json.dumps([key, value, _mark(key, value)]) + "\n")

                yield add
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror or error}") from None


def _mark(key: Any, value: Any) -> int:
    return zlib.crc32(json.dumps([key, value]).encode())

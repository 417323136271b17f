"""TFRecord files: a record is its length (8 bytes) and its content, each followed by its masked CRC-32C (4 bytes)."""

import hashlib
import struct
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from supernas.benchmarks.importers.crc32c import masked_crc32c
from supernas.core.errors import UserError
from supernas.core.reading import open_ordinary

__all__ = ["LONGEST", "TFRecords"]

LONGEST = 1 << 16
"""Bytes that a record may have."""

_TOGETHER = 2048  # records that are checked at a time
_HEADER, _FOOTER = struct.Struct("<8sI"), struct.Struct("<I")


class _Frame(NamedTuple):
    """A record as it lies in the file: its length as bytes, its content, and the checksum of each."""

    length: bytes
    length_checksum: int
    content: bytes
    content_checksum: int


class TFRecords:
    """The records of a file, in order; a few of them are held at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The SHA-256 of what was read so far, as hexadecimal digits."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        """The contents.

        Raises:
            UserError: naming the record that is damaged, cut short or too long, or if the file cannot be read.
        """
        first = 1
        try:
            with open_ordinary(self.path) as file:
                while frames := self._checked(first, *self._frames(file)):
                    first += len(frames)
                    yield from (frame.content for frame in frames)
        except OSError as error:
            raise UserError(f"cannot read {self.path}: {error.strerror or error}") from None

    def _frames(self, file: BufferedReader) -> tuple[list[_Frame], str]:
        """The next records, and what is wrong behind them; nothing at the end of the file."""
        frames: list[_Frame] = []
        while len(frames) < _TOGETHER and (header := file.read(_HEADER.size)):
            if len(header) < _HEADER.size:
                return frames, "is cut short"
            length, length_checksum = _HEADER.unpack(header)
            size = int.from_bytes(length, "little")
            if size > LONGEST:
                return frames, f"claims to have {size:,} bytes; wanted {LONGEST:,} at most"
            body = file.read(size + _FOOTER.size)
            if len(body) < size + _FOOTER.size:
                return frames, "is cut short"
            self._digest.update(header + body)
            frames.append(_Frame(length, length_checksum, body[:size], *_FOOTER.unpack(body[size:])))
        return frames, ""

    def _checked(self, first: int, frames: list[_Frame], wrong: str) -> list[_Frame]:
        """The records, whose first has that number, if their checksums are right and nothing is wrong behind them."""
        lengths = masked_crc32c([frame.length for frame in frames])
        contents = masked_crc32c([frame.content for frame in frames])
        for number, (frame, length, content) in enumerate(zip(frames, lengths, contents, strict=True), start=first):
            if frame.length_checksum != length or frame.content_checksum != content:
                raise self._refused(number, "is damaged (its checksum is another)")
        if wrong:
            raise self._refused(first + len(frames), wrong)
        return frames

    def _refused(self, number: int, what: str) -> UserError:
        return UserError(f"{self.path}, record {number:,}: it {what}; wanted a TFRecord file, fetch it again")

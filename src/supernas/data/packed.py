"""Compressed files: unpacked up to a bound that is known before.

A few kilobytes can unpack to gigabytes. What a file must hold says how much that may be: its own header, a layout that
is published, or how well such content can be compressed at all.
"""

import bz2
import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase, BytesIO
from pathlib import Path

from supernas.core.errors import UserError
from supernas.core.memory import check_memory
from supernas.core.reading import open_ordinary

__all__ = ["check_claim", "start_of_gzip", "unpacked_bz2", "unpacked_gzip"]

_BLOCK = 1 << 20
_FREE, _RATIO = 1 << 25, 100  # bytes that any file may unpack to; of larger ones, the best that images were seen to do
_SLACK = 1 << 20  # bytes that packing may add; more behind the content, such as endless zeros, would be read in vain
_COPIES = 2  # of unpacked content that are held at a time


def check_claim(path: Path, unpacked: int, packed: int) -> None:
    """Refuses a file that says of itself that it holds more than its size can account for, or than there is memory.

    Args:
        path: the file, for messages.
        unpacked: bytes that it says it holds.
        packed: bytes in which it holds them.

    Raises:
        UserError: if it claims too much.
    """
    if unpacked > _FREE + _RATIO * packed:
        raise UserError(
            f"{path} claims to hold {unpacked:,} bytes in {packed:,}: damaged or made to harm; fetch it again, or save "
            "it uncompressed"
        )
    check_memory(_COPIES * unpacked, f"the contents of {path}", "use fewer or smaller images")


def start_of_gzip(path: Path, length: int) -> bytes:
    """The first bytes of what a gzip file holds.

    Raises:
        OSError: if the file cannot be read.
        UserError: if it is damaged.
    """
    with _unpacking(path, _gzip) as source:
        return source.read(length)


def unpacked_gzip(path: Path, limit: int) -> bytes:
    """What a gzip file holds.

    Raises:
        OSError: if the file cannot be read.
        UserError: if it is damaged, or holds more than `limit` bytes.
    """
    return _unpacked(path, _gzip, limit)


def unpacked_bz2(path: Path, limit: int) -> bytes:
    """What a bz2 file holds.

    Raises:
        OSError: if the file cannot be read.
        UserError: if it is damaged, or holds more than `limit` bytes.
    """
    return _unpacked(path, bz2.BZ2File, limit)


def _gzip(file: BufferedIOBase) -> BufferedIOBase:
    return gzip.GzipFile(fileobj=file)


def _unpacked(path: Path, unpack: Callable[[BufferedIOBase], BufferedIOBase], limit: int) -> bytes:
    if path.stat().st_size > limit + limit // 64 + _SLACK:
        raise UserError(f"{path} is larger than all that it should hold ({limit:,} bytes); fetch it again")
    content = BytesIO()
    with _unpacking(path, unpack) as source:
        while content.tell() <= limit and (block := source.read(_BLOCK)):
            content.write(block)
    if content.tell() > limit:
        raise UserError(f"{path} unpacks to more than {limit:,} bytes, the most that it should hold; fetch it again")
    return content.getvalue()


@contextmanager
def _unpacking(path: Path, unpack: Callable[[BufferedIOBase], BufferedIOBase]) -> Iterator[BufferedIOBase]:
    with open_ordinary(path) as file:
        try:
            with unpack(file) as source:
                yield source
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise UserError(f"{path} cannot be unpacked: damaged or cut short ({error}); fetch it again") from None

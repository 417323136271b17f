"""Files that somebody named: opened only if they are ordinary files, so that a pipe or a device never makes us wait."""

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

__all__ = ["open_handle", "open_ordinary", "read_bytes", "read_text"]


def open_handle(path: Path, flags: int) -> int:
    """The system's number of an ordinary file that is opened, as the flags of `os.open` say.

    Raises:
        OSError: if it cannot be opened, or is a folder, a pipe or a device.
    """
    handle = os.open(path, flags | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0), 0o666)
    kind = os.fstat(handle).st_mode
    if not stat.S_ISREG(kind):
        os.close(handle)
        number = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
        reason = os.strerror(number) if stat.S_ISDIR(kind) else "it is no ordinary file, but a pipe or a device"
        raise OSError(number, reason, str(path))
    return handle


def open_ordinary(path: Path) -> BufferedReader:
    """An ordinary file, open for reading.

    Raises:
        OSError: as `open_handle`.
    """
    return os.fdopen(open_handle(path, os.O_RDONLY), "rb")


def read_bytes(path: Path) -> bytes:
    """The bytes of an ordinary file.

    Raises:
        OSError: as `open_ordinary`, and if it is larger than the memory that can be had.
    """
    with open_ordinary(path) as file:
        try:
            return file.read()
        except MemoryError:
            raise OSError(errno.ENOMEM, "it is larger than the memory that is free", str(path)) from None


def read_text(path: Path) -> str:
    """The text in UTF-8 of an ordinary file.

    Raises:
        OSError: as `open_ordinary`.
        UnicodeDecodeError: if it is no such text.
    """
    return read_bytes(path).decode("utf-8")

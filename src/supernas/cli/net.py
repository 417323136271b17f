"""The last net: an error that nobody foresaw is one line too, and a file with all that is needed to report it."""

import os
import shlex
import sys
import tempfile
import traceback
from pathlib import Path

from supernas.core.files import versions
from supernas.core.text import one_line

__all__ = ["DEBUG", "caught"]

DEBUG = "--debug"


def caught(error: BaseException) -> str:
    """The line that is said of an error; its traceback is in the file that the line names."""
    what = one_line(f"{type(error).__name__}: {error}")[:200]
    said = f"a defect of supernas, not of what you gave: {what}"
    again = shlex.join(["supernas", DEBUG, *sys.argv[1:]])
    try:
        file = _write(error, again)
    except OSError:
        return f"{said}; to see where, repeat it with: {again}"
    return f"{said}; {file} holds all that a report of it needs; to see where, repeat it with: {again}"


def _write(error: BaseException, command: str) -> Path:
    used = " ".join(f"{name} {number}" for name, number in versions().items())
    python = f"python {sys.version.split()[0]} on {sys.platform}"
    trace = "".join(traceback.format_exception(error))
    handle, name = tempfile.mkstemp(prefix="supernas-error-", suffix=".txt")
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"{command}\n{used} {python}\n\n{trace}")
    return Path(name)

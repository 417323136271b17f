"""The one error a user can cause.

Whatever a person typed or any file they handed over ends in a `UserError`: the command line prints its
message as one line and exits with code 2; in Python it is an ordinary `ValueError`.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches

from supernas.core.text import printable

__all__ = ["UserError", "unknown"]

_ENDLESS = re.compile(r"(\S{80})\S{920,}")  # a path may be long


class UserError(ValueError):
    """Something the user gave cannot be used. The message says what was given, what was wanted and the fix.

    Of what was given without an end, such as a number of thousands of digits, the message has the beginning; control
    characters of it are written out, and what were lines follow each other.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(_ENDLESS.sub(r"\1...", message)).replace("\n", " "))


def unknown(kind: str, given: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist; it names the nearest right one.

    >>> str(unknown("method", "e2nsa", ["e2nas", "darts"]))
    "unknown method 'e2nsa'; did you mean 'e2nas'? (known: darts, e2nas)"
    """
    names = sorted(known)
    last = {name.rpartition(".")[2]: name for name in names}  # what dotted names share says nothing
    near = get_close_matches(given.rpartition(".")[2], last, n=1, cutoff=0.5)
    hint = f"did you mean '{last[near[0]]}'? " if near else ""
    shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "") or "none"
    return UserError(f"unknown {kind} {given!r}; {hint}(known: {shown})")

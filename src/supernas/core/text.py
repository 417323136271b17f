"""Text of files and of people, as it may be shown on a terminal."""

import unicodedata

__all__ = ["one_line", "printable"]

_CONTROL = {"Cc", "Zl", "Zp"}  # control characters, and what breaks lines
_TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # the order of letters


def printable(text: str) -> str:
    r"""The same text with control characters written out, so that none of them moves a cursor, colours or hides.

    >>> printable("plain, \x1b[31mred")
    'plain, \\x1b[31mred'
    """
    return "".join(_shown(letter) for letter in text)


def one_line(text: str) -> str:
    r"""Printable text in one line.

    >>> one_line("two\n  lines")
    'two lines'
    """
    return printable(" ".join(text.split()))


def _shown(letter: str) -> str:
    if letter in "\n\t" or not (unicodedata.category(letter) in _CONTROL or letter in _TURNING):
        return letter
    return letter.encode("unicode_escape").decode()

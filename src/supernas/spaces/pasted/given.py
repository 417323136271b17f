"""What a person gives as an architecture, before a space reads it: a number, or a text with what surrounded it."""

import operator
import re
from typing import SupportsIndex

from supernas.core.errors import UserError

__all__ = ["LONGEST", "pasted", "plain_numbers"]

LONGEST = 20_000
"""Characters of a text in which an architecture is looked for; one needs a twentieth of that."""

_TYPOGRAPHY = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "\ufeff": None, "\u200b": None})
_AROUND = " \t\r\n\v\f'\"`;"
_WHOLE_NUMBER = re.compile(
    r"\b(?:\w{1,20}\.){0,2}(?:u?int\w{0,3}|tensor|array)\(\s*(\d{1,9})\s*(?:,\s*dtype=[\w.]{1,20}\s*)?\)"
)


def pasted(given: str | SupportsIndex) -> str:
    """The text that a space reads: quotation marks of word processors made plain, those around it left out.

    Raises:
        UserError: if it is neither a text nor a whole number.
    """
    if isinstance(given, str):
        return given.translate(_TYPOGRAPHY).strip(_AROUND)
    try:
        if not isinstance(given, bool):
            return str(operator.index(given))
    except TypeError:
        pass
    kind = type(given).__name__
    raise UserError(f"a {kind} was given as architecture; wanted a text, or a whole number that is its index")


def plain_numbers(text: str) -> str:
    """The text with whole numbers as they are written without a library.

    >>> plain_numbers("(np.int64(3), tensor(4))")
    '(3, 4)'
    """
    return _WHOLE_NUMBER.sub(r"\1", text)

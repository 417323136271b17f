"""The text that comes with Python: its built-in help topics, about 80,000 words and marks.

The topics are in alphabetical order, a paragraph that stands in several of them once; the first eight tenths train, the
next tenth validates and the last one tests. Numbers are `N`, as in the Penn Treebank, and words that occur only once in
the training part `<unk>`. Each release of Python has another text, so a result records its checksum.
"""

import hashlib
import re
import sys
from collections import Counter
from functools import cache

from supernas.core.errors import UserError
from supernas.data.texts import END, UNKNOWN, Words

__all__ = ["read"]

_WORD = re.compile(r"(?P<word>[^\W\d]\w*)|(?P<number>\d\w*)|(?P<mark>[^\w\s])(?P=mark)*")
_RARE = 1


@cache  # half a second
def read() -> tuple[Words, str]:
    """The words of the three parts, and a note that says which text it is.

    Raises:
        UserError: if this Python came without its help topics.
    """
    try:
        from pydoc_data.topics import topics  # half a megabyte, and needed for this text only
    except ImportError:
        raise UserError(
            "this Python has no pydoc_data.topics, the text of python-docs; give a folder with train.txt, valid.txt "
            "and test.txt"
        ) from None
    text = "\n\n".join(topics[name] for name in sorted(topics))
    digest = hashlib.sha256(text.encode()).hexdigest()
    note = f"the help topics of Python {sys.version.split()[0]}, SHA-256 {digest[:16]}"
    return _split(text), note


def _split(text: str) -> Words:
    paragraphs = dict.fromkeys(part.strip() for part in re.split(r"\n\s*\n", text.lower()) if part.strip())
    words = [word for paragraph in paragraphs for word in (*map(_normal, _WORD.finditer(paragraph)), END)]
    first, second = round(0.8 * len(words)), round(0.9 * len(words))
    counts = Counter(words[:first])
    words = [word if counts[word] > _RARE else UNKNOWN for word in words]
    return Words(words[:first], words[first:second], words[second:])


def _normal(match: re.Match[str]) -> str:
    """A word as it is, a number as N, repeated marks as one."""
    return match["word"] or ("N" if match["number"] else match["mark"])

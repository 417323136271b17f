"""Reading and writing `Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), ...)`.

The text is Python, as it is printed and pasted everywhere. It is read by a grammar of its own, which knows names,
texts, whole numbers, lists, tuples and `range`: nothing in it is ever evaluated.

    genotype = [name "="] "Genotype" "(" name "=" value {"," name "=" value} [","] ")"
    value    = "range" "(" number "," number ")"  |  "[" [item {"," item} [","]] "]"   (or round brackets)
    item     = number  |  "(" text "," number [","] ")"   (or square brackets)
"""

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from supernas.core.errors import UserError, unknown

__all__ = ["Field", "read_genotype", "write_genotype"]

Field = list[tuple[str, int] | int]
"""A list of (operation, input) pairs, or of numbers."""

_TOKEN = re.compile(r"""'([^'"\\]*)'|"([^'"\\]*)"|(\d{1,6})(?!\w)|([A-Za-z_]\w*)|([()\[\]=,])""", re.ASCII)
_CLOSING = {"(": ")", "[": "]"}
_LONGEST = 20_000  # characters; a cell needs a twentieth of that


def read_genotype(text: str, fields: Sequence[str]) -> dict[str, Field]:
    """The fields of a genotype.

    Args:
        text: what was pasted; an assignment's `NAME =` in front is skipped.
        fields: the fields that it must have, in any order.

    Raises:
        UserError: if it is no genotype, or has other fields.
    """
    return _Reader(text, fields).read()


def write_genotype(fields: Mapping[str, Sequence[tuple[str, int]] | range]) -> str:
    """The text of a genotype: what `read_genotype` reads back."""
    written = (f"{name}={value if isinstance(value, range) else list(value)!r}" for name, value in fields.items())
    return f"Genotype({', '.join(written)})"


class _Reader:
    """A text and the place up to which it is read."""

    def __init__(self, text: str, fields: Sequence[str]) -> None:
        if len(text) > _LONGEST:
            raise UserError(f"a genotype of {len(text):,} characters; wanted {_LONGEST:,} at most")
        self.text, self.fields, self.place = text, fields, 0

    def read(self) -> dict[str, Field]:
        if self._peek() != "Genotype":
            self._name()
            self._expect("=")
        if self._name() != "Genotype":
            self._refuse("a Genotype")
        self._expect("(")
        given: dict[str, Field] = {}
        while self._peek() != ")":
            if given:
                self._expect(",")
                if self._peek() == ")":
                    break
            name = self._name()
            if name not in self.fields:
                raise unknown("field of a genotype", name, self.fields)
            if name in given:
                raise UserError(f"a genotype with two fields {name}; wanted one of each: {', '.join(self.fields)}")
            self._expect("=")
            given[name] = self._value()
        self._expect(")")
        if self.text[self.place :].strip():
            self._refuse("the end")
        missing = [name for name in self.fields if name not in given]
        if missing:
            raise UserError(f"a genotype without {', '.join(missing)}; wanted {', '.join(self.fields)}")
        return given

    def _value(self) -> Field:
        if self._peek() != "range":
            return self._items()
        self._name()
        self._expect("(")
        start = self._number()
        self._expect(",")
        stop = self._number()
        self._expect(")")
        if not 0 <= stop - start <= 100:
            raise UserError(f"range({start}, {stop}) in a genotype: wanted the numbers of nodes, as in range(2, 6)")
        return list(range(start, stop))

    def _items(self) -> Field:
        closing = self._open("a list or a range")
        items: Field = []
        while self._peek() != closing:
            if items:
                self._expect(",")
                if self._peek() == closing:
                    break
            items.append(self._item())
        self._expect(closing)
        return items

    def _item(self) -> tuple[str, int] | int:
        if (self._peek() or "").isdecimal():
            return self._number()
        closing = self._open("('operation', input)")
        operation = self._take("a text in quotation marks", 1, 2)
        self._expect(",")
        source = self._number()
        if self._peek() == ",":
            self._expect(",")
        self._expect(closing)
        return operation, source

    def _open(self, wanted: str) -> str:
        if self._peek() not in _CLOSING:
            self._refuse(wanted)
        return _CLOSING[self._take(wanted, 5)]

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _match(self) -> re.Match[str] | None:
        rest = re.compile(r"\s*").match(self.text, self.place)
        return _TOKEN.match(self.text, rest.end() if rest else self.place)

    def _peek(self) -> str | None:
        """The next token as it is written, if there is one."""
        token = self._match()
        return token[0] if token else None

    def _take(self, wanted: str, *groups: int) -> str:
        """The next token, which must be of one of some kinds (groups of `_TOKEN`)."""
        token = self._match()
        values = [token[group] for group in groups if token[group] is not None] if token else []
        if not token or not values:
            self._refuse(wanted)
        self.place = token.end()
        return str(values[0])

    def _number(self) -> int:
        return int(self._take("a whole number", 3))

    def _name(self) -> str:
        return self._take("a name", 4)

    def _expect(self, sign: str) -> None:
        if self._peek() != sign:
            self._refuse(f"'{sign}'")
        self._take(sign, 5)

    def _refuse(self, wanted: str) -> NoReturn:
        rest = " ".join(self.text[self.place :].split())
        where = f"'{rest[:40]}{'...' if len(rest) > 40 else ''}'" if rest else "the end"
        raise UserError(
            f"cannot read the genotype at {where}: wanted {wanted}, "
            "as in Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), ...)"
        )

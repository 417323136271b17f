"""Reading and writing `Genotype(normal=[('sep_conv_3x3', 1), ...], normal_concat=range(2, 6), ...)`.

The text is Python, as it is printed and pasted everywhere: with what stood around it in a log, comments, numpy's or
torch's names around numbers and texts, fields by name, by place or as a dictionary, and the weights that some programs
add to each pair. It is read by a grammar of its own, which knows names, texts, whole numbers, lists, tuples and
`range`: nothing in it is ever evaluated.

    genotype = {text} name "Genotype" "(" field {"," field} [","] ")" {text}
             | {text} "{" key ":" value {"," key ":" value} [","] "}" {text}
    field    = [name "="] value  |  name "=" "None"
    value    = "range" "(" number ["," number ["," number]] ")"  |  wrapper "(" value ")"
             | "[" [item {"," item} [","]] "]"   (or round brackets)
    item     = number  |  "(" text "," number ["," weight] [","] ")"   (or square brackets)
             | "(" item {"," item} [","] ")"    (the pairs of one node)
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NoReturn

from supernas.core.errors import UserError, unknown
from supernas.spaces.pasted import LONGEST

__all__ = ["Field", "published_name", "read_genotype", "write_genotype"]

Field = list[tuple[str, int] | int]
"""A list of (operation, input) pairs, or of numbers."""

_SPACE = re.compile(r"(?:\s|\\\n|#[^\n]*)*")  # and comments
_TOKEN = re.compile(
    r"""'([^'"\\\n]*)'|"([^'"\\\n]*)"|(\d{1,6})(?![\w.])|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)|([()\[\]{}=,:])""",
    re.ASCII,
)
_WEIGHT = re.compile(r"[-+]?(?:\d{1,20}\.?\d{0,20}|\.\d{1,20})(?:[eE][-+]?\d{1,4})?(?![\w.])|nan\b|inf\b")
_CALL = r"(?<![\w.])(?:[A-Za-z_]\w{0,40}\.){0,5}Genotype\s*(?=\()"
_GOES_ON = re.compile(r"[(\[]|\.\w|\s+(?:or|and|if|else)\b")  # so that what was read is a part of something else
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_LISTS = {"list", "tuple", "array", "tensor"}
_RANGES = {"range", "arange"}
_TEXTS = {"str", "str_"}
_WHOLE = re.compile(r"u?int\d{0,2}_?|intp|intc|longlong|long|tensor")
_REAL = re.compile(r"float\d{0,3}_?|double|half|single|tensor")


def read_genotype(text: str, fields: Sequence[str]) -> dict[str, Field]:
    """The fields of a genotype.

    Args:
        text: what was pasted; what stands before and behind the genotype is skipped.
        fields: the fields that it must have, in the order in which they stand where they are not named.

    Raises:
        UserError: if there is no genotype in it, several different ones, or one with other fields.
    """
    reader = _Reader(text, fields)
    found = reader.read()
    while reader.seek():
        if reader.read() != found:
            raise UserError("a text with several genotypes; wanted one")
    if len(text) > LONGEST:
        raise UserError(f"a text of {len(text):,} characters; wanted one genotype, in {LONGEST:,} characters at most")
    return found


def write_genotype(fields: Mapping[str, Sequence[tuple[str, int]] | range]) -> str:
    """The text of a genotype: what `read_genotype` reads back."""
    written = (f"{name}={value if isinstance(value, range) else list(value)!r}" for name, value in fields.items())
    return f"Genotype({', '.join(written)})"


def published_name(text: str) -> str | None:
    """The name that a text is, without the module that it is looked up in; None if it is no name."""
    match = re.fullmatch(r"(?:[A-Za-z_]\w*\.)*([\w-]+)", text)
    return match[1] if match else None


class _Reader:
    """A text and the place up to which it is read."""

    def __init__(self, text: str, fields: Sequence[str]) -> None:
        self.text, self.fields, self.place = text[:LONGEST], fields, 0
        self._begin = re.compile(rf"""{_CALL}|(?=\{{\s*['"](?:{"|".join(fields)})['"])""")

    def seek(self) -> bool:
        """Goes to the next genotype, if there is one."""
        found = self._begin.search(self.text, self.place)
        self.place = found.end() if found else self.place
        return found is not None

    def read(self) -> dict[str, Field]:
        if not self.place and not self.seek():
            self._refuse_other()
        closing = self._open("(", "{")
        given: dict[str, Field] = {}
        for place in self._places(closing):
            name = self._key() if closing == "}" else self._field_name(place)
            if name in given:
                raise UserError(f"a genotype with two fields {name}; wanted one of each: {', '.join(self.fields)}")
            if name in self.fields:
                given[name] = self._value()
            elif self._peek() == "None":  # a field of other networks, which is left empty
                self._name()
            else:
                raise unknown("field of a genotype", name[:40], self.fields)
        if _GOES_ON.match(self.text, self.place):
            self._refuse("the end")
        missing = [name for name in self.fields if name not in given]
        if missing:
            raise UserError(f"a genotype without {', '.join(missing)}; wanted {', '.join(self.fields)}")
        return given

    def _places(self, closing: str) -> Iterator[int]:
        """Goes along what stands between an opening bracket and the closing one, parted by commas."""
        place = 0
        while self._peek() != closing and (not place or self._comma(closing)):
            yield place
            place += 1
        self._expect(closing)

    def _refuse_other(self) -> NoReturn:
        """What is wrong with a text that holds no genotype."""
        if re.search(r"\w~\s*\d", self.text):
            raise UserError(
                "that is a cell of nas-bench-201, and this space has genotypes; give the space nas-bench-201, or "
                "Genotype(...)"
            )
        self._name()
        self._expect("=")
        self._refuse("a Genotype")

    def _key(self) -> str:
        name = self._text()
        self._expect(":")
        return name

    def _field_name(self, place: int) -> str:
        """The name in front of a value; where there is none, the place decides."""
        token = self._match()
        if token and token[4] and not _is_list(token[4]):
            name = self._name()
            if name in self.fields or self._peek() == "=":
                self._expect("=")
            return name
        if place >= len(self.fields):
            raise UserError(f"a genotype with more than {len(self.fields)} fields; wanted {', '.join(self.fields)}")
        return self.fields[place]

    def _value(self) -> Field:
        wrappers = 0
        while _last(self._peek() or "") in _LISTS:
            self._name()
            self._expect("(")
            wrappers += 1
        is_range = _last(self._peek() or "") in _RANGES
        items = self._range() if is_range else self._items(self._open("(", "[", wanted="a list or a range"))
        for _ in range(wrappers):
            self._skip_options()
        return items

    def _range(self) -> Field:
        self._name()
        self._expect("(")
        numbers = [self._number()]
        while self._peek() == "," and len(numbers) < 3:
            self._expect(",")
            numbers.append(self._number())
        self._expect(")")
        bounds = slice(*numbers) if len(numbers) > 1 else slice(0, numbers[0])
        start, stop, step = bounds.start, bounds.stop, 1 if bounds.step is None else bounds.step
        if not 0 <= stop - start <= 100 or not step:
            shown = ", ".join(map(str, numbers))
            raise UserError(f"range({shown}) in a genotype: wanted the numbers of nodes, as in range(2, 6)")
        return list(range(start, stop, step))

    def _items(self, closing: str) -> Field:
        parts = [self._item() for _ in self._places(closing)]
        if len(set(map(len, parts))) > 1:
            raise UserError("a genotype whose nodes have different numbers of (operation, input) pairs")
        return [item for part in parts for item in part]

    def _item(self) -> Field:
        """A number, a pair, or the pairs of a node."""
        if self._peek() not in _CLOSING:
            return [self._number("('operation', input)")]
        closing = self._open("(", "[")
        return self._pairs_of_node(closing) if self._peek() in ("(", "[") else [self._pair(closing)]

    def _pair(self, closing: str) -> tuple[str, int]:
        """What follows on the opening bracket of a pair."""
        operation = self._text()
        self._expect(",")
        source = self._number()
        if self._comma(closing):
            self._weight()
            self._comma(closing)
        self._expect(closing)
        return operation, source

    def _pairs_of_node(self, closing: str) -> Field:
        return [self._pair(self._open("(", "[")) for _ in self._places(closing)]

    # -- tokens -----------------------------------------------------------------------------------------------------

    def _match(self) -> re.Match[str] | None:
        return _TOKEN.match(self.text, self._after_space())

    def _after_space(self) -> int:
        space = _SPACE.match(self.text, self.place)
        return space.end() if space else self.place

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

    def _text(self) -> str:
        wanted = "a text in quotation marks"
        if _last(self._peek() or "") not in _TEXTS:
            return self._take(wanted, 1, 2)
        self._name()
        self._expect("(")
        text = self._take(wanted, 1, 2)
        self._expect(")")
        return text

    def _number(self, wanted: str = "a whole number") -> int:
        if not _WHOLE.fullmatch(_last(self._peek() or "")):
            return int(self._take(wanted, 3))
        self._name()
        self._expect("(")
        number = int(self._take(wanted, 3))
        self._skip_options()
        return number

    def _weight(self) -> None:
        """A number that says how strong a pair was; it is not needed."""
        wrapped = _REAL.fullmatch(_last(self._peek() or ""))
        if wrapped:
            self._name()
            self._expect("(")
        weight = _WEIGHT.match(self.text, self._after_space())
        if not weight:
            self._refuse("the weight of a pair")
        self.place = weight.end()
        if wrapped:
            self._skip_options()

    def _skip_options(self) -> None:
        """`, dtype=int64, device='cpu')` behind what a library prints."""
        while self._comma(")"):
            self._name()
            self._expect("=")
            self._take("an option", 1, 2, 4)
        self._expect(")")

    def _comma(self, closing: str) -> bool:
        """Whether a comma comes next, and then something else than the end; the comma is taken."""
        if self._peek() != ",":
            return False
        self._expect(",")
        return self._peek() != closing

    def _name(self) -> str:
        return self._take("a name", 4)

    def _open(self, *signs: str, wanted: str = "an opening bracket") -> str:
        if self._peek() not in signs:
            self._refuse(wanted)
        return _CLOSING[self._take(wanted, 5)]

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


def _last(name: str) -> str:
    """The last part of a dotted name."""
    return name.rpartition(".")[2]


def _is_list(name: str) -> bool:
    return _last(name) in _LISTS | _RANGES

"""Settings: frozen dataclasses whose fields hold a range, a meaning and an equation, checked whoever writes them.

The same declaration serves the command line (`--set method.gamma=0.5`), TOML and JSON files, Python, and
`supernas describe`.
"""

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar, get_args, get_origin

import pydantic
from pydantic.dataclasses import is_pydantic_dataclass
from pydantic.fields import FieldInfo
from typing_extensions import dataclass_transform

from supernas.core.asked import note_built
from supernas.core.documents import Document, Values, check_depth
from supernas.core.errors import UserError, unknown

__all__ = [
    "Description",
    "Unused",
    "build",
    "describe",
    "field_names",
    "papers_of",
    "parse_value",
    "refuse_unused",
    "setting",
    "settings",
    "to_plain",
    "unfit",
    "unused_in",
]

T = TypeVar("T")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # Python's own reader takes 8_5 as 85
_LONGEST_NUMBER = 1024  # bits; longer ones are no float either
_LARGEST = 63  # bits of a whole number that is a setting; what counts anything takes no more
_SHOWN = 200  # characters of a value in a message


def setting(
    default: Any,
    meaning: str,
    *,
    equation: str = "",
    papers: str | Mapping[str, str | None] | None = None,
    **constraints: Any,
) -> Any:
    """A field of a settings class: its default, what it means, where it stands in the paper, and its range.

    `papers` is for a paper that is another one than the part's: a text that refers to it (`core/references.py`), such
    as the docstring of a module, where any value but one that means none makes use of it; else value -> text.
    `constraints` are pydantic's: `ge`, `gt`, `le`, `lt`, `pattern`, ...
    """
    more: Any = {"equation": equation, "papers": papers}
    return pydantic.Field(default, description=meaning, json_schema_extra=more, **constraints)


def papers_of(instance: Any) -> Iterator[str]:
    """The texts that name the papers which the values of a settings instance make use of, those within it included."""
    for name, field in type(instance).__pydantic_fields__.items():
        value, papers = getattr(instance, name), (field.json_schema_extra or {}).get("papers")
        if is_pydantic_dataclass(type(value)):
            yield from papers_of(value)
        elif isinstance(papers, Mapping):
            yield papers.get(str(value)) or ""
        elif papers and value:
            yield papers


@dataclass_transform(frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """Makes a class a frozen, validated dataclass that refuses fields it does not have."""
    config = pydantic.ConfigDict(
        extra="forbid", validate_default=True, allow_inf_nan=False, arbitrary_types_allowed=True
    )
    return pydantic.dataclasses.dataclass(frozen=True, config=config)(cls)  # type: ignore[return-value]


def field_names(cls: type) -> list[str]:
    """The names of a settings class's fields."""
    return [field.name for field in dataclasses.fields(cls)]


def unfit(cls: type) -> str:
    """Why a class cannot be one that people choose by name and set: it is no settings class, or has no defaults; empty
    if it can.
    """
    if not is_pydantic_dataclass(cls):
        return "is no settings class: put @settings above it"
    try:
        cls()
    except Exception as error:  # whatever a class of others does
        return f"cannot be made with its defaults: {' '.join(str(error).split())[:_SHOWN]}"
    return ""


def refuse_unused(instance: Any, names: Iterable[str], where: str, prefix: str = "") -> None:
    """Settings that would have no effect must be as they are by default.

    Args:
        instance: the settings.
        names: of those that have none.
        where: where it is so, as in `order=1`.
        prefix: the dotted path before the names, for the message.

    Raises:
        ValueError: naming one that was changed.
    """
    for name in names:
        if getattr(instance, name) != type(instance).__pydantic_fields__[name].default:
            raise ValueError(f"{where} has no {prefix}{name}: leave it out")


class Unused(NamedTuple):
    """Settings that have no effect as the others are: what the method `unused` of a settings class yields.

    They are no mistake in themselves: an ablation leaves them as they were, and so does a study. Who gives one for one
    run alone is told (`runs/unused.py`).

    Attributes:
        names: of them; that of settings within settings stands for all of those.
        why: what leaves them without effect, after "with": `gamma=0`.
        remedy: what would let them count, after "give": `gamma above 0`; empty if nothing would.
    """

    names: tuple[str, ...]
    why: str
    remedy: str = ""

    def covers(self, name: str) -> bool:
        """Whether a dotted setting is one of them."""
        return any(name == mine or name.startswith(f"{mine}.") for mine in self.names)


def unused_in(instance: Any, where: str) -> Iterator[Unused]:
    """What settings, and those within them, say of themselves; their names begin with `where`."""
    for one in getattr(instance, "unused", tuple)():
        yield one._replace(names=tuple(f"{where}.{name}" for name in one.names))
    for name in field_names(type(instance)):
        if is_pydantic_dataclass(type(getattr(instance, name))):
            yield from unused_in(getattr(instance, name), f"{where}.{name}")


def build(cls: type[T], values: Values, where: str) -> T:
    """An instance of a settings class from plain values.

    Args:
        cls: the settings class.
        values: field name -> value, as read from the command line, TOML or JSON.
        where: the dotted prefix that the user typed, for messages.

    Raises:
        UserError: naming the nearest right name, or what the value should have been.
    """
    for name in values:
        if name not in field_names(cls):
            raise unknown("setting", f"{where}.{name}", [f"{where}.{known}" for known in field_names(cls)])
    values = {name: _number(cls, name, value, where) for name, value in values.items()}
    for name in values:
        if type(values[name]) is int and values[name].bit_length() > _LARGEST:
            raise UserError(f"{where}.{name} = {str(values[name])[:40]}...: wanted a number of fewer digits")
    try:
        made = cls(**{name: _inner(cls, name, value, where) for name, value in values.items()})
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # what `__post_init__` says of the settings together
            raise UserError(f"{where}: {_wanted(first)}") from None
        name = str(first["loc"][0])
        alike = [mistake for mistake in error.errors() if mistake["loc"][:1] == first["loc"][:1]]
        wanted = "; ".join(dict.fromkeys(map(_wanted, alike)))
        given = repr(first["input"])
        given = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}..."
        raise UserError(f"{where}.{name} = {given}: {wanted}") from None
    note_built(made)
    return made


def _number(cls: type, name: str, value: Any, where: str) -> Any:
    """A number in quotation marks as the number, if it is one; pydantic would also take `8_5` as 85, and true as 1."""
    annotation = cls.__pydantic_fields__[name].annotation  # type: ignore[attr-defined]
    kinds = set(get_args(annotation) or (annotation,))
    if not kinds <= {int, float, type(None)} or not isinstance(value, str | bool):
        return value
    number = parse_value(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else None
    if not isinstance(number, int | float):
        wanted = "number" if float in kinds else "integer"
        raise UserError(f"{where}.{name} = {repr(value)[:_SHOWN]}: wanted a valid {wanted}")
    return number


def _inner(cls: type, name: str, value: Any, where: str) -> Any:
    """Settings within settings are built first, so that a mistake is named by its whole path. What is not given is as
    in the outer class's default, which may differ from the inner class's own.
    """
    field = cls.__pydantic_fields__[name]  # type: ignore[attr-defined]
    kinds = [kind for kind in (field.annotation, *get_args(field.annotation)) if is_pydantic_dataclass(kind)]
    if not kinds or not isinstance(value, Mapping):
        return value
    before = vars(field.default) if isinstance(field.default, kinds[0]) else {}
    return build(kinds[0], {**before, **value}, f"{where}.{name}")


def _wanted(error: Any) -> str:
    return str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "wanted")


def to_plain(instance: Any) -> Document:
    """A settings instance as plain values."""
    document: Document = pydantic.TypeAdapter(type(instance)).dump_python(instance, mode="json")
    return document


def parse_value(text: str) -> Any:
    """A value as typed on the command line: JSON where it is JSON (numbers, true, lists), else the text itself.

    Raises:
        UserError: if it is nested too deeply.

    >>> parse_value("0.5"), parse_value(".5"), parse_value("true"), parse_value("sig(10)")
    (0.5, 0.5, True, 'sig(10)')
    >>> parse_value("8_5"), parse_value("٣"), parse_value("9" * 400) == "9" * 400
    ('8_5', '٣', True)
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise UserError(f"{text[:40]}... is nested too deeply; wanted a value, or a list of values") from None
    except ValueError:
        value = float(text) if _NUMBER.fullmatch(text) else text
    check_depth(value, f"{text[:40]}...")
    too_long = isinstance(value, int) and value.bit_length() > _LONGEST_NUMBER
    return text if too_long or value in (math.inf, -math.inf) else value


@dataclass(frozen=True)
class Description:
    """One setting, as `supernas describe` prints it."""

    name: str
    type: str
    default: Any
    range: str
    meaning: str
    equation: str


def describe(cls: type) -> list[Description]:
    """Every setting of a settings class."""
    fields: Mapping[str, FieldInfo] = cls.__pydantic_fields__  # type: ignore[attr-defined]
    made = []
    for name, field in fields.items():
        if isinstance(field.annotation, type) and is_pydantic_dataclass(field.annotation):
            made += [
                dataclasses.replace(inner, name=f"{name}.{inner.name}", default=_default(field.default, inner))
                for inner in describe(field.annotation)
            ]
        else:
            made.append(_described(name, field))
    return made


def _default(outer: Any, inner: Description) -> Any:
    """The default of a setting within settings: what the outer class's default holds there."""
    for part in inner.name.split("."):
        outer = getattr(outer, part)
    return outer


def _described(name: str, field: FieldInfo) -> Description:
    return Description(
        name,
        _type_name(field.annotation),
        field.default,
        ", ".join(_constraint(rule) for rule in field.metadata),
        field.description or "",
        (field.json_schema_extra or {}).get("equation", ""),  # type: ignore[union-attr,arg-type]
    )


def _type_name(annotation: Any) -> str:
    if get_origin(annotation) is None:
        return "none" if annotation is type(None) else getattr(annotation, "__name__", str(annotation))
    if str(get_origin(annotation)) == "typing.Literal":
        return " | ".join(map(repr, get_args(annotation)))
    if get_origin(annotation) in (tuple, list):
        return str(annotation)
    if get_origin(annotation) is dict:
        return "table"
    return " | ".join(_type_name(part) for part in get_args(annotation))


_SYMBOLS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def _constraint(rule: Any) -> str:
    """A constraint of annotated-types or pydantic, as text: `Ge(ge=0)` becomes `>= 0`."""
    if dataclasses.is_dataclass(rule):
        name, value = next((field.name, getattr(rule, field.name)) for field in dataclasses.fields(rule))
        return f"{_SYMBOLS.get(name, name)} {value}"
    return str(getattr(rule, "pattern", rule))

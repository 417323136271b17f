"""What was given at the front door, as a document of settings."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from supernas.api.parameters import AnyData, AnyPath, Count
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.registry import Registry
from supernas.core.settings import to_plain
from supernas.core.spelling import option
from supernas.data import Dataset, TensorDataset, kinds
from supernas.runs.configuration import assign, merge, read_file

__all__ = [
    "assignments",
    "document",
    "fitting",
    "named_parts",
    "names",
    "part",
    "path_or_none",
    "read_config",
    "read_count",
    "read_data",
    "settled",
    "text",
]


def document(config: Values | None, flags: Mapping[str, Values | Any], sets: Iterable[str]) -> Document:
    """A document from a file's content, flags (None where not given) and `section.name=value` assignments."""
    given: Document = {}
    for section, value in flags.items():
        if isinstance(value, Mapping):
            inner = {name: flag for name, flag in value.items() if flag is not None}
            if inner:
                given[section] = inner
        elif value is not None:
            given[section] = value
    whole = merge(config or {}, given)
    for assignment in assignments(sets):
        assign(whole, assignment)
    return whole


def assignments(given: Iterable[str]) -> list[str]:
    """What was given as `set`: several assignments, or one."""
    return [given] if isinstance(given, str) else list(given)


def read_config(config: AnyPath | Values | None) -> Values:
    """Settings that were given as they are, or as a file.

    Raises:
        UserError: as `configuration.read_file`.
    """
    if config is None or isinstance(config, Mapping):
        return config or {}
    return read_file(Path(config))


def part(parts: Registry[Any], given: Any) -> Any:
    """What a document says of a part that was given as settings: its name, and all of them; a name stays a name.

    Args:
        parts: of that kind, such as `methods.PARTS`.
        given: a name, an instance of the settings class of one of them, or None.

    Raises:
        UserError: for an instance of another class: a part is known by its file, or by the entry point of its package.
    """
    if not is_dataclass(given) or isinstance(given, type):  # a name, settings with a name, or what is refused later
        return given
    name = parts.name_of(type(given))
    if name is None:
        raise UserError(
            f"{type(given).__name__} is no {parts.what} that has a name: wanted the settings of one of "
            f"{', '.join(parts.names())}, or of one that an installed package declares"
        )
    return {"name": name, **to_plain(given)}


def settled(part: Any, **flags: Any) -> Any:
    """What a document says of a part, with settings of it that were given apart; None is not given."""
    given = {name: flag for name, flag in flags.items() if flag is not None}
    if not given:
        return part
    return merge({"part": part or {}}, {"part": given})["part"]


def named_parts(parts: Registry[Any], given: Any) -> dict[str, Values]:
    """Name -> settings of several parts: a text with commas, one instance of a settings class, or several of both.

    Raises:
        UserError: as `part`.
    """
    several = [given] if isinstance(given, str) or not isinstance(given, Iterable) else given
    made: dict[str, Values] = {}
    for one in several:
        if isinstance(one, str):
            made |= {name: {} for name in names(one)}
        elif one is not None:
            described = part(parts, one)
            if not isinstance(described, Mapping):
                raise UserError(f"{one!r} was given; wanted one of {', '.join(parts.names())}, or its settings")
            made[described["name"]] = {name: value for name, value in described.items() if name != "name"}
    return made


def names(given: str | Iterable[str] | None) -> list[str]:
    """The names of a text with commas, or of several."""
    several = given.split(",") if isinstance(given, str) else given or ()
    return [name.strip() for name in several if name.strip()]


def read_data(data: AnyData | None) -> tuple[str | None, Dataset | None]:
    """(what a configuration calls the data, the data themselves where they were given)."""
    if data is None or isinstance(data, str | os.PathLike):
        return text(data), None
    dataset = data if isinstance(data, Dataset) else TensorDataset.of(data)
    return f"{dataset.name} {dataset.digest}", dataset


def fitting(document: Document, dataset: Dataset | None, data_kind: str) -> Dataset | None:
    """Data that were given as they are, as the space's networks read them.

    Raises:
        UserError: for settings of data that are loaded by name, and for data that the networks cannot read.
    """
    if dataset is None:
        return None
    for name in (name for name in document.get("data", {}) if name != "source"):
        raise UserError(f"data.{name} is of data that are loaded by name, and these were given in Python; leave it out")
    kind = kinds.get(data_kind)
    adapted = kind.adapted(dataset)
    if reason := kind.refuses(adapted):
        raise UserError(reason)
    return adapted


def read_count(given: Count | None, name: str) -> float | None:
    """A number of parameters or multiply-adds: 3600000, 3.6M or 850k; `name` is the option's.

    Raises:
        UserError: if it is none.
    """
    if not isinstance(given, str):
        return given
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)([kKmM]?)", given.strip())
    if not match or not float(match[1]):
        raise UserError(f"{option(name, given)}: wanted a number, such as 3600000, 3.6M or 850k")
    return round(float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()])


def text(path: AnyPath | None) -> str | None:
    """A path as text."""
    return None if path is None else os.fspath(path)


def path_or_none(path: AnyPath | None) -> Path | None:
    """A path; None where none was given, or an empty text."""
    return Path(path) if path else None

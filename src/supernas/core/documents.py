"""Plain nested values: what JSON and TOML hold, and what settings are given as."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from supernas.core.errors import UserError

__all__ = ["DEEPEST", "Document", "Values", "check_depth", "flattened", "once"]

Document = dict[str, Any]
"""Names and plain values, perhaps nested: a configuration, a record, a line of metrics."""

Values = Mapping[str, Any]
"""The same to be read only; also the keyword arguments of a class."""

DEEPEST = 20
"""How deep tables and lists may be nested; no setting needs a third of it."""


def check_depth(value: Any, where: str) -> None:
    """Refuses what is nested so deeply that whoever walks through it would fail.

    Raises:
        UserError: if it is.
    """
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [inner for one in level for inner in _inside(one)]
    if level:
        raise UserError(f"{where} is nested more than {DEEPEST} levels deep; wanted section.name = value")


def _inside(value: Any) -> list[Any]:
    if isinstance(value, Mapping):
        return list(value.values())
    return list(value) if isinstance(value, list | tuple) else []


def flattened(document: Values, where: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted setting, value) of a nested document, in its order.

    >>> dict(flattened({"method": "e2nas", "objective": {"name": "plain"}}))
    {'method': 'e2nas', 'objective.name': 'plain'}
    """
    for name, value in document.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{where}{name}.")
        else:
            yield f"{where}{name}", value


def once(pairs: Iterable[tuple[str, Any]]) -> Document:
    """The table of the names and values that stand in a JSON file; what `json.loads` calls as its `object_pairs_hook`.

    Raises:
        UserError: if a name stands there twice, of which JSON's reader would take the last.
    """
    document: Document = {}
    for name, value in pairs:
        if name in document:
            raise UserError(f"{name[:80]!r} stands twice in a table; leave one out")
        document[name] = value
    return document

"""What a configuration is made of, noted while it is built: parts asked for by name, and settings.

Parts may stand within parts (a method over a base, a proxy of others), named in settings of their own: whoever reads
a configuration need not know where.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Asked", "asked", "note_built", "note_part"]


@dataclass(frozen=True)
class Asked:
    """What was noted.

    Attributes:
        parts: such as `method e2nas` -> its class, in the order in which they were asked for.
        built: instances of settings classes.
    """

    parts: dict[str, type] = field(default_factory=dict)
    built: list[Any] = field(default_factory=list)


_noting: ContextVar[Asked | None] = ContextVar("noting", default=None)


@contextmanager
def asked() -> Iterator[Asked]:
    """While it lasts, parts that are asked for, and settings that are built, are noted."""
    noted = Asked()
    token = _noting.set(noted)
    try:
        yield noted
    finally:
        _noting.reset(token)


def note_part(part: str, cls: type) -> None:
    """A part was asked for by its name."""
    if noted := _noting.get():
        noted.parts.setdefault(part, cls)


def note_built(instance: Any) -> None:
    """Settings were built."""
    if noted := _noting.get():
        noted.built.append(instance)

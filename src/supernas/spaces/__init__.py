"""The search spaces, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.registry import Registry
from supernas.core.settings import build, field_names, unfit
from supernas.spaces.base import ChoicePoint, CostConvention, Space

__all__ = ["PARTS", "ChoicePoint", "CostConvention", "Space", "get", "names", "settings_class"]

_made: dict[Space, Space] = {}  # equal spaces are one, so that what they remember of themselves is computed once

PARTS = Registry(__name__, Space, "space", check=unfit)
names, settings_class = PARTS.names, PARTS.get

if TYPE_CHECKING:
    from supernas.spaces._classes import *  # noqa: F403
else:
    __getattr__ = PARTS.by_class


def get(name: str, settings: Values | None = None) -> Space:
    """The search space called `name`, with its default settings or others.

    Raises:
        UserError: if there is none (the message names the nearest), or a setting is wrong.

    >>> len(get("nas-bench-201"))
    15625
    """
    kind = settings_class(name)
    if settings and not field_names(kind):
        raise UserError(f"space.{next(iter(settings))}: nothing can be set of the space {name}")
    made = build(kind, settings or {}, "space")
    return _made.setdefault(made, made)

"""The search spaces, one file each; the folder lists itself."""

import sys
from functools import cache

from supernas import registry
from supernas.spaces.base import Choice, Space

__all__ = ["Choice", "Space", "get", "names"]


def names() -> list[str]:
    """The names of all search spaces."""
    return registry.names(sys.modules[__name__])


@cache
def get(name: str) -> Space:
    """The search space called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.

    >>> len(get("nas-bench-201"))
    15625
    """
    space: type[Space] = registry.get(sys.modules[__name__], name, Space, "space")
    return space()

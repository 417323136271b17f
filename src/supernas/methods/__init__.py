"""The search methods, one paper a file; the folder lists itself."""

import sys

from supernas import registry
from supernas.contracts import Method

__all__ = ["get", "names"]


def names() -> list[str]:
    """The names of all methods."""
    return registry.names(sys.modules[__name__])


def get(name: str) -> type[Method]:
    """The settings class of the method called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    method: type[Method] = registry.get(sys.modules[__name__], name, Method, "method")
    return method

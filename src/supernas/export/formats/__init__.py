"""What a trained network can be written as, one file a format; the folder lists itself."""

import sys

from supernas import registry
from supernas.export.formats.base import Format

__all__ = ["Format", "get", "names"]


def names() -> list[str]:
    """The names of all formats."""
    return registry.names(sys.modules[__name__])


def get(name: str) -> Format:
    """The format called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    kind: type[Format] = registry.get(sys.modules[__name__], name, Format, "format")
    return kind()

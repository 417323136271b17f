"""What a trained network can be written as, one file a format; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.output.export.formats.base import Format

__all__ = ["PARTS", "Format", "get", "names"]

PARTS = Registry(__name__, Format, "format")
names = PARTS.names


def get(name: str) -> Format:
    """The format called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    return PARTS.get(name)()

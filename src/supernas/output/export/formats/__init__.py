"""What a trained network can be written as, one file a format; the folder lists itself."""

from supernas.core import registry
from supernas.output.export.formats.base import Format

__all__ = ["Format", "get", "names"]

names, _class = registry.of(__name__, Format, "format")


def get(name: str) -> Format:
    """The format called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    return _class(name)()

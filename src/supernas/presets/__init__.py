"""Named sizes of a run, one file a space; the folder lists itself."""

import sys

from supernas import registry
from supernas.presets.base import Presets

__all__ = ["Presets", "get", "meanings"]


def get(space: str) -> type[Presets]:
    """The presets of the space called `space`.

    Raises:
        UserError: if it has none.
    """
    presets: type[Presets] = registry.get(sys.modules[__name__], space, Presets, "space")
    return presets


def meanings() -> dict[str, str]:
    """One line about each preset of each space."""
    spaces = registry.names(sys.modules[__name__])
    return {f"{space} {name}": meaning for space in spaces for name, meaning in get(space).meanings.items()}

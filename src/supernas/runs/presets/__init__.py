"""Named sizes of a run, one file a space; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.runs.presets.base import Presets

__all__ = ["PARTS", "Presets", "get", "meanings"]

PARTS = Registry(__name__, Presets, "preset family")
_spaces, get = PARTS.names, PARTS.get


def meanings() -> dict[str, str]:
    """One line about each preset of each space."""
    return {f"{space} {name}": meaning for space in _spaces() for name, meaning in get(space).meanings.items()}

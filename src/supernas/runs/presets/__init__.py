"""Named sizes of a run, one file a space; the folder lists itself."""

from supernas.core import registry
from supernas.runs.presets.base import Presets

__all__ = ["Presets", "get", "meanings"]

_spaces, get = registry.of(__name__, Presets, "space")


def meanings() -> dict[str, str]:
    """One line about each preset of each space."""
    return {f"{space} {name}": meaning for space in _spaces() for name, meaning in get(space).meanings.items()}

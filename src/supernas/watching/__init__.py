"""Quantities that can be watched through a search, one file each; the folder lists itself."""

import sys

from supernas import registry
from supernas.contracts import Quantity

__all__ = ["get", "names"]


def names() -> list[str]:
    """The names of all quantities."""
    return registry.names(sys.modules[__name__])


def get(name: str) -> type[Quantity]:
    """The settings class of the quantity called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    quantity: type[Quantity] = registry.get(sys.modules[__name__], name, Quantity, "quantity to watch")
    return quantity

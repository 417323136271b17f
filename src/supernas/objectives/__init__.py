"""The losses that train a supernet's weights, one file each; the folder lists itself."""

import sys

from supernas import registry
from supernas.contracts import Objective

__all__ = ["get", "names"]


def names() -> list[str]:
    """The names of all objectives."""
    return registry.names(sys.modules[__name__])


def get(name: str) -> type[Objective]:
    """The settings class of the objective called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    objective: type[Objective] = registry.get(sys.modules[__name__], name, Objective, "objective")
    return objective

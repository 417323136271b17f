"""Rules that may end a search before its last epoch, one file each; the folder lists itself."""

import sys

from supernas import registry
from supernas.contracts import Stopping

__all__ = ["get", "names"]


def names() -> list[str]:
    """The names of all rules."""
    return registry.names(sys.modules[__name__])


def get(name: str) -> type[Stopping]:
    """The settings class of the rule called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    rule: type[Stopping] = registry.get(sys.modules[__name__], name, Stopping, "stopping rule")
    return rule

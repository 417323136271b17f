"""Rules that may end a search before its last epoch, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core import registry
from supernas.steps.contracts import Stopping

__all__ = ["get", "names"]

names, get = registry.of(__name__, Stopping, "stopping rule")

if TYPE_CHECKING:
    from supernas.runs.stopping._classes import *  # noqa: F403
else:
    __getattr__ = registry.by_class(names, get)

"""Rules that may end a search before its last epoch, one file each; the folder lists itself."""

from supernas.core import registry
from supernas.steps.contracts import Stopping

__all__ = ["get", "names"]

names, get = registry.of(__name__, Stopping, "stopping rule")

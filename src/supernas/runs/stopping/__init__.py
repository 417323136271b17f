"""Rules that may end a search before its last epoch, one file each; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Stopping

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Stopping, "stopping rule", check=unfit)
names, get = PARTS.names, PARTS.get

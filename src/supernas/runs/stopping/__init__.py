"""Rules that may end a search before its last epoch, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Stopping

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Stopping, "stopping rule", check=unfit)
names, get = PARTS.names, PARTS.get

if TYPE_CHECKING:
    from supernas.runs.stopping._classes import *  # noqa: F403
else:
    __getattr__ = PARTS.by_class

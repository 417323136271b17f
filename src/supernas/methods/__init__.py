"""The search methods, one paper a file; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Method

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Method, "method", check=unfit)
names, get = PARTS.names, PARTS.get

if TYPE_CHECKING:
    from supernas.methods._classes import *  # noqa: F403
else:
    __getattr__ = PARTS.by_class

"""The search methods, one paper a file; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core import registry
from supernas.steps.contracts import Method

__all__ = ["get", "names"]

names, get = registry.of(__name__, Method, "method")

if TYPE_CHECKING:
    from supernas.methods._classes import *  # noqa: F403
else:
    __getattr__ = registry.by_class(names, get)

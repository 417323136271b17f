"""The search methods, one paper a file; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Method

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Method, "method", check=unfit)
names, get = PARTS.names, PARTS.get

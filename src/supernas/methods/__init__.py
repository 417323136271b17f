"""The search methods, one paper a file; the folder lists itself."""

from supernas.core import registry
from supernas.steps.contracts import Method

__all__ = ["get", "names"]

names, get = registry.of(__name__, Method, "method")

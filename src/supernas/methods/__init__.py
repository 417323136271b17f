"""The search methods, one paper a file; the folder lists itself."""

from supernas import registry
from supernas.contracts import Method

__all__ = ["get", "names"]

names, get = registry.of(__name__, Method, "method")

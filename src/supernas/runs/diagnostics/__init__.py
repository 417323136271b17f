"""Diagnostics that can be watched through a search, one file each; the folder lists itself."""

from supernas.core import registry
from supernas.steps.contracts import Diagnostic

__all__ = ["get", "names"]

names, get = registry.of(__name__, Diagnostic, "diagnostic")

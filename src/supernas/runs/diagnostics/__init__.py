"""Diagnostics that can be watched through a search, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core import registry
from supernas.steps.contracts import Diagnostic

__all__ = ["get", "names"]

names, get = registry.of(__name__, Diagnostic, "diagnostic")

if TYPE_CHECKING:
    from supernas.runs.diagnostics._classes import *  # noqa: F403
else:
    __getattr__ = registry.by_class(names, get)

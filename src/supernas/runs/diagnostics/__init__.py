"""Diagnostics that can be watched through a search, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Diagnostic

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Diagnostic, "diagnostic", check=unfit)
names, get = PARTS.names, PARTS.get

if TYPE_CHECKING:
    from supernas.runs.diagnostics._classes import *  # noqa: F403
else:
    __getattr__ = PARTS.by_class

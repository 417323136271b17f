"""What chooses an architecture from a finished search's supernet, one file each; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.evaluation.selection.question import Selector

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Selector, "selector", check=unfit)
names, get = PARTS.names, PARTS.get

"""The losses that train a supernet's weights, one file each; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Objective

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Objective, "objective", check=unfit)
names, get = PARTS.names, PARTS.get

"""The losses that train a supernet's weights, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Objective

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Objective, "objective", check=unfit)
names, get = PARTS.names, PARTS.get

if TYPE_CHECKING:
    from supernas.steps.objectives._classes import *  # noqa: F403
else:
    __getattr__ = PARTS.by_class

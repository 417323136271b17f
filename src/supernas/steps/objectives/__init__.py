"""The losses that train a supernet's weights, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core import registry
from supernas.steps.contracts import Objective

__all__ = ["get", "names"]

names, get = registry.of(__name__, Objective, "objective")

if TYPE_CHECKING:
    from supernas.steps.objectives._classes import *  # noqa: F403
else:
    __getattr__ = registry.by_class(names, get)

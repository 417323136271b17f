"""The losses that train a supernet's weights, one file each; the folder lists itself."""

from supernas.core import registry
from supernas.steps.contracts import Objective

__all__ = ["get", "names"]

names, get = registry.of(__name__, Objective, "objective")

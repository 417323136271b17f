"""The losses that train a supernet's weights, one file each; the folder lists itself."""

from supernas import registry
from supernas.contracts import Objective

__all__ = ["get", "names"]

names, get = registry.of(__name__, Objective, "objective")

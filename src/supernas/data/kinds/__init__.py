"""The kinds of data, one file each; the folder lists itself."""

from supernas.core import registry
from supernas.data.kinds.base import DataKind, DataShape

__all__ = ["DataKind", "DataShape", "get", "names"]

names, get = registry.of(__name__, DataKind, "kind of data")

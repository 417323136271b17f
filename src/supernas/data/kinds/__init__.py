"""The kinds of data, one file each; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.data.kinds.base import DataKind, DataShape

__all__ = ["PARTS", "DataKind", "DataShape", "get", "names"]

PARTS = Registry(__name__, DataKind, "kind of data", "data_kinds", check=unfit)
names, get = PARTS.names, PARTS.get

"""The kinds of data, one file each; the folder lists itself."""

from supernas.core import registry
from supernas.data.kinds.base import DataKind, Dataset, Published, Stream

__all__ = ["DataKind", "Dataset", "Published", "Stream", "get", "names"]

names, get = registry.of(__name__, DataKind, "kind of data")

"""The kinds of data, one file each; the folder lists itself."""

from supernas.core import registry
from supernas.data.kinds.base import Domain, Material, Published, Stream

__all__ = ["Domain", "Material", "Published", "Stream", "get", "names"]

names, get = registry.of(__name__, Domain, "kind of data")

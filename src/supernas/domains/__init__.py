"""The kinds of data, one file each; the folder lists itself."""

import sys

from supernas import registry
from supernas.domains.base import Domain, Material, Published, Stream

__all__ = ["Domain", "Material", "Published", "Stream", "get", "names"]


def names() -> list[str]:
    """The names of all kinds of data."""
    return registry.names(sys.modules[__name__])


def get(name: str) -> type[Domain]:
    """The settings class of the kind of data called `name`.

    Raises:
        UserError: if there is none.
    """
    domain: type[Domain] = registry.get(sys.modules[__name__], name, Domain, "kind of data")
    return domain

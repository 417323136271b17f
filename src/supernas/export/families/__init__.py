"""Who writes which networks as readable source, one file a family of networks; the folder lists itself."""

import sys

from supernas import registry
from supernas.export.families.base import Family
from supernas.networks.base import Network

__all__ = ["Family", "writer"]


def writer(network: type[Network]) -> Family | None:
    """Who writes networks of this class; None if nobody does."""
    package = sys.modules[__name__]
    families = (registry.get(package, name, Family, "family") for name in registry.names(package))
    return next((family() for family in families if family.network is network), None)

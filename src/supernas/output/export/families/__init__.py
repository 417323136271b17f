"""Who writes which networks as readable source, one file a family of networks; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.networks.base import Network
from supernas.output.export.families.base import Family

__all__ = ["PARTS", "Family", "writer"]

PARTS = Registry(__name__, Family, "family of networks")


def writer(network: type[Network]) -> Family | None:
    """Who writes networks of this class; None if nobody does."""
    families = (PARTS.get(name) for name in PARTS.names())
    return next((family() for family in families if family.network is network), None)

"""Zero-cost proxies: what an untrained network says of an architecture, one file each; the folder lists itself."""

import sys

from supernas import registry
from supernas.proxies._scoring import best_by_proxy, score_architecture
from supernas.proxies.base import Proxy

__all__ = ["Proxy", "best_by_proxy", "get", "names", "score_architecture"]


def names() -> list[str]:
    """The names of all proxies."""
    return registry.names(sys.modules[__name__])


def get(name: str) -> type[Proxy]:
    """The settings class of the proxy called `name`.

    Raises:
        UserError: if there is none; the message names the nearest.
    """
    proxy: type[Proxy] = registry.get(sys.modules[__name__], name, Proxy, "proxy")
    return proxy

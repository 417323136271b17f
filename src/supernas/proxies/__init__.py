"""Zero-cost proxies: what an untrained network says of an architecture, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core import registry
from supernas.proxies._scoring import best_by_proxy, score_architecture
from supernas.proxies.base import Proxy

__all__ = ["Proxy", "best_by_proxy", "get", "names", "score_architecture"]

names, get = registry.of(__name__, Proxy, "proxy")

if TYPE_CHECKING:
    from supernas.proxies._classes import *  # noqa: F403
else:
    __getattr__ = registry.by_class(names, get)

"""Zero-cost proxies: what an untrained network says of an architecture, one file each; the folder lists itself."""

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.proxies._scoring import best_by_proxy, score_architecture
from supernas.proxies.base import Proxy

__all__ = ["PARTS", "Proxy", "best_by_proxy", "get", "names", "score_architecture"]

PARTS = Registry(__name__, Proxy, "proxy", check=unfit)
names, get = PARTS.names, PARTS.get

"""Zero-cost proxies: what an untrained network says of an architecture, one file each; the folder lists itself."""

from supernas.core import registry
from supernas.proxies._scoring import measure_architecture, place_of_best
from supernas.proxies.base import Measures, Proxy

__all__ = ["Measures", "Proxy", "get", "measure_architecture", "names", "place_of_best"]

names, get = registry.of(__name__, Proxy, "proxy")

"""Zero-cost proxies: what an untrained network says of an architecture, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.proxies._scoring import measure_architecture, place_of_best
from supernas.proxies.base import Measures, Proxy

__all__ = ["PARTS", "Measures", "Proxy", "get", "measure_architecture", "names", "place_of_best"]

PARTS = Registry(__name__, Proxy, "proxy", check=unfit)
names, get = PARTS.names, PARTS.get

if TYPE_CHECKING:
    from supernas.proxies._classes import *  # noqa: F403
else:
    __getattr__ = PARTS.by_class

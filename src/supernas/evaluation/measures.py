"""What proxies measured of architectures, kept in a file: one number a line, so each part of a proxy has its own."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from supernas.core.documents import Values
from supernas.evaluation.cache import Cache, cached
from supernas.proxies import Measures, Proxy

__all__ = ["KeptMeasures", "kept_measures"]


@dataclass(frozen=True)
class KeptMeasures:
    """What a proxy measured, by the text of an architecture; `text in kept` says whether all parts are there.

    Attributes:
        proxy: the proxy.
        cache: the numbers.
    """

    proxy: Proxy
    cache: Cache

    def __contains__(self, text: str) -> bool:
        return all(key in self.cache.values for key in self._keys(text))

    def __getitem__(self, text: str) -> Measures:
        found = [self.cache.values[key] for key in self._keys(text)]
        return tuple(math.nan if number is None else number for number in found)

    def add(self, text: str, measures: Measures) -> None:
        """Adds what was measured of an architecture; errors are those of `Cache.add`."""
        for key, number in zip(self._keys(text), measures, strict=True):
            self.cache.add(key, None if math.isnan(number) else number)

    def _keys(self, text: str) -> list[str]:
        return [f"{text} {part}".rstrip() for part in self.proxy.parts]


@contextmanager
def kept_measures(
    proxy: Proxy, folder: Path, name: str, description: Values, *, movable: bool = False
) -> Iterator[KeptMeasures]:
    """What a proxy measured, for as long as more is added; other arguments and errors are those of `cached`."""
    with cached(folder, name, description, movable=movable) as cache:
        yield KeptMeasures(proxy, cache)

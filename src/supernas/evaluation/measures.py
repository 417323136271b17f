"""What proxies measured of architectures, kept in a file: one number a line, so each part of a proxy has its own."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from supernas.core.documents import Values
from supernas.evaluation.cache import Cache
from supernas.proxies import Measures, Proxy

__all__ = ["KeptMeasures"]


class KeptMeasures:
    """What a proxy measured, by the text of an architecture; `text in kept` says whether all parts are there.

    Args:
        proxy: the proxy.
        folder: as for `Cache`, like the next two.
        name: the beginning of the file's name.
        description: all that decides the measures.

    Attributes:
        path: the file.
    """

    def __init__(self, proxy: Proxy, folder: Path, name: str, description: Values) -> None:
        self.proxy = proxy
        self._cache = Cache(folder, name, description)
        self.path = self._cache.path

    def __contains__(self, text: str) -> bool:
        return all(key in self._cache.values for key in self._keys(text))

    def __getitem__(self, text: str) -> Measures:
        found = [self._cache.values[key] for key in self._keys(text)]
        return tuple(math.nan if number is None else number for number in found)

    @contextmanager
    def open(self) -> Iterator[Callable[[str, Measures], None]]:
        """A function that adds what was measured of an architecture, for as long as the file is open.

        Raises:
            UserError: if the file cannot be written.
        """
        with self._cache.open() as keep:

            def add(text: str, measures: Measures) -> None:
                for key, number in zip(self._keys(text), measures, strict=True):
                    keep(key, None if math.isnan(number) else number)

            yield add

    def _keys(self, text: str) -> list[str]:
        return [f"{text} {part}".rstrip() for part in self.proxy.parts]

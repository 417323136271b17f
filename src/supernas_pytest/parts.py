"""The parts that are under test: supernas's own, or those that a package adds."""

import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import pytest

from supernas.cli.parts import KINDS, registries
from supernas.core.registry import PlugIn, Registry, plug_ins

__all__ = ["Parts", "each", "over"]

Test = TypeVar("Test", bound=Callable[..., Any])


class Parts:
    """What is under test.

    Args:
        package: a distribution, as pip knows it; None for supernas itself.
        hook: of pytest, with what `conftest.py` says.
    """

    def __init__(self, package: str | None, hook: Any = None) -> None:
        self.package, self.hook = package, hook

    @property
    def declared(self) -> list[PlugIn]:
        """What the package declares, whether or not it can be used."""
        return [plug_in for plug_in in plug_ins() if self.package and _same(plug_in.package, self.package)]

    def names(self, kind: str) -> list[str]:
        """The names of the parts of a kind that are under test, a key of `cli.parts.KINDS`."""
        registry = KINDS[kind]()
        return registry.own() if self.package is None else self._added(registry)

    def company(self, kind: str) -> list[str]:
        """These, and supernas's own, which they have to go with."""
        registry = KINDS[kind]()
        return registry.own() if self.package is None else sorted({*registry.own(), *self._added(registry)})

    def _added(self, registry: Registry[Any]) -> list[str]:
        mine = {plug_in.name for plug_in in self.declared if plug_in.group == registry.group}
        return [name for name in registry.names() if name in mine and registry.offered(name)]

    def faults(self) -> dict[str, str]:
        """What is wrong with each that is declared, empty where nothing is; of supernas's own nothing is."""
        known = registries()
        faults = {}
        for plug_in in self.declared:
            registry = known.get(plug_in.group)
            unknown = f"no such group; wanted one of {', '.join(known)}"
            faults[f"{plug_in.group} {plug_in.name}"] = registry.fault(plug_in) if registry else unknown
        return faults

    def toy(self, space: str, method: str, objective: str) -> list[dict[str, Any]]:
        """What `conftest.py` says of the size of a search."""
        if self.hook is None:
            return []
        made: list[dict[str, Any]] = self.hook.pytest_supernas_toy(space=space, method=method, objective=objective)
        return made


def _same(one: str, other: str) -> bool:
    """Whether two names are of one distribution."""
    return re.sub(r"[-_.]+", "-", one).lower() == re.sub(r"[-_.]+", "-", other).lower()


def over(names: str, cases: Callable[[Parts], Iterable[Any]]) -> Callable[[Test], Test]:
    """Runs a test once for each case; `names` are the arguments, with commas."""

    def mark(test: Test) -> Test:
        def parametrize(metafunc: pytest.Metafunc, parts: Parts) -> None:
            found = list(cases(parts))
            if found:
                metafunc.parametrize(names, found)

        test.supernas_cases = parametrize  # type: ignore[attr-defined]
        return test

    return mark


def each(kind: str) -> Callable[[Test], Test]:
    """Runs a test once for the `name` of each part of a kind."""
    return over("name", lambda parts: parts.names(kind))

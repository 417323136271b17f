"""The folder is the registry: a package of parts lists itself, one file a part; other installed packages join.

A part lives in the file of its published name (`gdas.py`, `random_nas.py` for `random-nas`) and is the one class of the
wanted type that the file defines. Where it has parts of its own, that file lies in a folder of the same name, with them
beside it (`e2nas/e2nas.py`). Nothing else has to be edited to add one.

A part of another installed package is an entry point of the kind's group:

[project.entry-points."supernas.methods"]
my-method = "my_package:MyMethod"

Such packages are code of others. None is imported before names are asked for; one that cannot be imported, or whose
name is taken, is said in one line and left out.
"""

import logging
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distributions, version
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from supernas.core.asked import note_part
from supernas.core.classes import is_class
from supernas.core.errors import UserError, unknown
from supernas.core.text import one_line

__all__ = ["NAME", "PREFIX", "PlugIn", "Registry", "plug_ins", "recorded"]

T = TypeVar("T")

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""What a part may be called: it becomes part of names of files and of dotted settings."""

PREFIX = "supernas."
"""What the groups of our entry points begin with."""

_CONTRACTS = {"base"}  # files of a package that define the contract instead of a part
_LOG = logging.getLogger(__name__)
_said: set[str] = set()  # faults of others' packages, each once a process


@dataclass(frozen=True)
class PlugIn:
    """A part that another package declares.

    Attributes:
        group: of its kind.
        name: its own.
        package: the distribution, as pip knows it.
        version: of that.
        entry: where it is.
    """

    group: str
    name: str
    package: str
    version: str
    entry: EntryPoint

    def __str__(self) -> str:
        return f"{self.package} {self.version}".strip()


# -- what packages declare ---------------------------------------------------------------------------------------------


def plug_ins() -> tuple[PlugIn, ...]:
    """All parts that installed packages declare, of whatever group; nothing is imported."""
    return _plug_ins(tuple(sys.path))


@lru_cache(maxsize=8)
def _plug_ins(path: tuple[str, ...]) -> tuple[PlugIn, ...]:
    """The same for one `sys.path`, since reading what is installed takes milliseconds."""
    found: dict[tuple[str, str, str], PlugIn] = {}
    for distribution in distributions():
        for plug_in in _declared(distribution):
            key = (plug_in.group, plug_in.name, re.sub(r"[-_.]+", "-", plug_in.package).lower())
            found.setdefault(key, plug_in)  # of a package that is there twice the first counts, as for its modules
    return tuple(sorted(found.values(), key=lambda one: (one.group, one.name, one.package)))


def _declared(distribution: Distribution) -> list[PlugIn]:
    try:
        if PREFIX not in (distribution.read_text("entry_points.txt") or ""):
            return []
        package, number = str(distribution.metadata["Name"]), str(distribution.version)
    except Exception:  # whatever is wrong with a package that may have nothing to do with us
        return []
    try:
        entries = [entry for entry in distribution.entry_points if entry.group.startswith(PREFIX)]
    except Exception as error:
        _say(f"the package {package} {number} has entry points that cannot be read: {_told(error)}")
        return []
    return [PlugIn(entry.group, entry.name.replace("_", "-"), package, number, entry) for entry in entries]


def _say(fault: str) -> None:
    if fault not in _said:
        _said.add(fault)
        _LOG.warning("%s", fault)


def _told(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")


# -- what was recorded -------------------------------------------------------------------------------------------------

_Parts = Mapping[str, str]
_recorded: ContextVar[tuple[_Parts, dict[str, str]] | None] = ContextVar("recorded", default=None)


@contextmanager
def recorded(before: _Parts) -> Iterator[dict[str, str]]:
    """While it lasts, parts of other packages that are asked for are noted, and are of the packages of `before`.

    Args:
        before: part, such as `method mine`, -> package that it was of when it was recorded.

    Yields:
        The same of the parts that are asked for.
    """
    noted: dict[str, str] = {}
    token = _recorded.set((before, noted))
    try:
        yield noted
    finally:
        _recorded.reset(token)


def _check_recorded(part: str, package: str | None) -> None:
    """Refuses a part that is not of the package that it was of; `package` is now's, None if there is no such part."""
    before = (_recorded.get() or ({}, {}))[0].get(part)
    if before is None or before == package:
        return
    try:
        there = f"{before} {version(before)} no longer has it; install the version that had it"
    except (PackageNotFoundError, ValueError):
        there = "that is not installed here; install it"
    now = "" if package is None else f" ({package or 'supernas itself'} has another one of that name)"
    raise UserError(f"the {part} is of the package {before}, and {there}{now}")


def _note(part: str, package: str) -> None:
    if noted := _recorded.get():
        noted[1][part] = package


# -- the parts of a kind -----------------------------------------------------------------------------------------------


class Registry(Generic[T]):
    """The parts of one kind: the classes of a folder, and those that other packages declare.

    Args:
        package: the folder as a package, `__name__` there.
        kind: the contract.
        what: the noun of messages.
        group: of entry points, without `supernas.`; the folder's name by default.
        check: what else is wanted of a class of others: why it is refused, empty if it is not.

    Attributes:
        group: of entry points, whole.
    """

    def __init__(
        self,
        package: str,
        kind: type[T],
        what: str,
        group: str = "",
        check: Callable[[type], str] = lambda cls: "",
    ) -> None:
        self.package, self.kind, self.what, self.check = package, kind, what, check
        self.group = PREFIX + (group or package.rpartition(".")[2])

    def names(self) -> list[str]:
        """The names of all parts, sorted. Those of other packages are imported; whatever cannot be used is left out,
        and said once.
        """
        return sorted([*self.own(), *self._usable()])

    def get(self, name: str) -> type[T]:
        """The class of a name.

        Raises:
            UserError: if there is none, naming the nearest; if it is of a package that cannot be imported, or is not of
                the package that was `recorded`.
        """
        part = f"{self.what} {name}"
        found = self._found(part, name)
        note_part(part, found)
        return found

    def _found(self, part: str, name: str) -> type[T]:
        if name in self.own():
            _check_recorded(part, "")
            self._say_taken(name)
            return self._own(name)
        offers = self._offers().get(name)
        _check_recorded(part, offers[0].package if offers else None)
        if not offers:
            raise unknown(self.what, name, self.names())
        found = self._load(name)
        _note(part, offers[0].package)
        return found

    def by_class(self, attribute: str) -> type[T]:
        """The class of one of the folder's own parts by its own name: what the folder offers as `__getattr__`.

        Raises:
            AttributeError: if there is none, as of any module.
        """
        if attribute[:1].isupper():  # no other name is worth that all files are read
            for cls in map(self._own, self.own()):
                if cls.__name__ == attribute:
                    return cls
        raise AttributeError(
            f"there is no {attribute!r} here; there is {', '.join(self.own())}, each by its class's name"
        )

    def name_of(self, cls: type) -> str | None:
        """The name of a class of a part, the folder's own or another package's; None if it is none of them."""
        own = (name for name in self.own() if self._own(name) is cls)
        others = (name for name in self._usable() if self._load(name) is cls)
        return next(chain(own, others), None)  # packages of others are read only for what is not ours

    def own(self) -> list[str]:
        """The names of the folder's own parts, sorted."""
        return sorted(name.replace("_", "-") for name in _modules(self._folder()))

    def offered(self, name: str) -> PlugIn | None:
        """What another package declares under a name that is no part of the folder; None for others."""
        offers = [] if name in self.own() else self._offers().get(name, [])
        return offers[0] if offers else None

    def packages(self, *names: str) -> list[str]:
        """The other packages that parts of these names are of."""
        return [plug_in.package for plug_in in map(self.offered, names) if plug_in]

    def fault(self, plug_in: PlugIn) -> str:
        """Why what a package declares cannot be used, in one line; empty if it can. Imports it."""
        try:
            self._load(plug_in.name)
        except UserError as error:
            return str(error)
        return ""

    def _folder(self) -> ModuleType:
        return sys.modules[self.package]

    def _own(self, name: str) -> type[T]:
        module = _modules(self._folder())[name.replace("-", "_")]
        found: type[T] = _only_part(import_module(f"{self.package}.{module}"), self.kind)
        return found

    def _usable(self) -> Iterator[str]:
        """The names of what other packages declare, without what cannot be used, which is said."""
        for name in self._offers():
            try:
                self._load(name)
            except UserError as error:
                _say(str(error))
            else:
                yield name

    def _offers(self) -> dict[str, list[PlugIn]]:
        """Name -> what packages declare under it."""
        offers: dict[str, list[PlugIn]] = {}
        for plug_in in plug_ins():
            if plug_in.group == self.group:
                offers.setdefault(plug_in.name, []).append(plug_in)
        return offers

    def _say_taken(self, name: str) -> None:
        if fault := self._taken(name, self._offers().get(name, [])):
            _say(fault)

    def _taken(self, name: str, offers: Iterable[PlugIn]) -> str:
        """Why nothing of that name can be used, whatever it is."""
        packages = " and ".join(map(str, offers))
        if packages and name in self.own():
            return f"the {self.what} {name} of {packages} is left out: supernas has one of that name itself"
        if " and " in packages:
            return f"the {self.what} {name} is in several packages, {packages}; uninstall all but one"
        if packages and not NAME.fullmatch(name):
            return (
                f"the {self.what} {name!r} of {packages} is left out: wanted a name of small letters, digits and dashes"
            )
        return ""

    def _load(self, name: str) -> type[T]:
        """The class that a package declares.

        Raises:
            UserError: if it cannot be used, naming the package.
        """
        plug_in, *_ = offers = self._offers()[name]
        if taken := self._taken(name, offers):
            raise UserError(taken)
        where = f"the {self.what} {name} of {plug_in}"
        try:
            found = plug_in.entry.load()
        except (Exception, SystemExit) as error:
            raise UserError(f"{where} cannot be imported: {_told(error)}") from None
        if reason := self._unfit(found):
            raise UserError(f"{where} cannot be used: {plug_in.entry.value} {reason}")
        cls: type[T] = found
        return cls

    def _unfit(self, found: Any) -> str:
        """Why what was imported is no part of this kind; empty if it is."""
        if not (is_class(found) and issubclass(found, self.kind)):
            return f"is no subclass of {self.kind.__module__}.{self.kind.__name__}"
        if missing := getattr(found, "__abstractmethods__", ()):
            return f"lacks {', '.join(sorted(missing))}"
        return self.check(found)


def _modules(package: ModuleType) -> dict[str, str]:
    """File names of the package's parts -> dotted paths of their modules."""
    made = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name in _CONTRACTS or module.name.startswith("_"):
            continue
        if not module.ispkg:
            made[module.name] = module.name
        elif any(Path(path, module.name, f"{module.name}.py").exists() for path in package.__path__):
            made[module.name] = f"{module.name}.{module.name}"
    return made


def _only_part(module: ModuleType, kind: type) -> Any:
    parts = [part for part in vars(module).values() if _is_part(part, kind, module.__name__)]
    if len(parts) != 1:
        raise TypeError(f"{module.__name__} defines {len(parts)} parts of type {kind.__name__}; wanted exactly one")
    return parts[0]


def _is_part(part: Any, kind: type, module: str) -> bool:
    return is_class(part) and issubclass(part, kind) and part.__module__ == module

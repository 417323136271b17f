"""The folder is the registry: a package of parts lists itself, one file a part.

A part lives in the file of its published name (`gdas.py`, `random_nas.py` for `random-nas`) and is the one class or
instance of the wanted type that the file defines. Where it has parts of its own, that file lies in a folder of the same
name, with them beside it (`e2nas/e2nas.py`). Nothing else has to be edited to add one.
"""

import pkgutil
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from supernas.core.errors import unknown

__all__ = ["by_class", "get", "name_of", "names", "of"]

T = TypeVar("T")

_CONTRACTS = {"base"}  # files of a package that define the contract instead of a part


def names(package: ModuleType) -> list[str]:
    """The published names of a package's parts, sorted."""
    return sorted(name.replace("_", "-") for name in _modules(package))


def get(package: ModuleType, name: str, kind: type, what: str) -> Any:
    """The part called `name`: the one subclass or instance of `kind` that its file defines.

    Raises:
        UserError: if the package has no such file; `what` is the noun of the message.
    """
    if name not in names(package):
        raise unknown(what, name, names(package))
    return _only_part(import_module(f"{package.__name__}.{_modules(package)[name.replace('-', '_')]}"), kind)


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


def of(package: str, kind: type[T], what: str) -> tuple[Callable[[], list[str]], Callable[[str], type[T]]]:
    """The functions `names` and `get` of a package whose parts are classes: what its `__init__` offers.

    Args:
        package: its name, `__name__` there.
        kind: the contract.
        what: the noun of messages.
    """

    def known() -> list[str]:
        return names(sys.modules[package])

    def part(name: str) -> type[T]:
        found: type[T] = get(sys.modules[package], name, kind, what)
        return found

    known.__doc__ = f"The names of everything that is a {what}."
    part.__doc__ = f"The class of the {what} of a name. Raises UserError if there is none, naming the nearest."
    return known, part


def by_class(known: Callable[[], list[str]], part: Callable[[str], type]) -> Callable[[str], type]:
    """What a package of parts offers as `__getattr__`: each class by its own name, as in `methods.GDAS`.

    Args:
        known: the package's `names`.
        part: its `get`.
    """

    def found(attribute: str) -> type:
        if attribute[:1].isupper():  # no other name is worth that all files are read
            for name in known():
                if part(name).__name__ == attribute:
                    return part(name)
        raise AttributeError(f"there is no {attribute!r} here; there is {', '.join(known())}, each by its class's name")

    return found


def name_of(known: Callable[[], list[str]], part: Callable[[str], type], kind: type) -> str | None:
    """The published name of a class of a package of parts; None if it is none of them."""
    return next((name for name in known() if part(name) is kind), None)


def _only_part(module: ModuleType, kind: type) -> Any:
    parts = [part for part in vars(module).values() if _is_part(part, kind, module.__name__)]
    if len(parts) != 1:
        raise TypeError(f"{module.__name__} defines {len(parts)} parts of type {kind.__name__}; wanted exactly one")
    return parts[0]


def _is_part(part: Any, kind: type, module: str) -> bool:
    if isinstance(part, type):
        return issubclass(part, kind) and part.__module__ == module
    return isinstance(part, kind) and type(part).__module__ == module

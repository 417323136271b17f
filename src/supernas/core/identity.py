"""What a user's functions, classes and objects are, as a digest: equal for equal code and values, in any process.

What a library defines is known by its name; what the user wrote by its compiled code, by what this refers to (other
functions, classes, global and enclosed values, defaults) and by what objects hold. Comments, the words of docstrings
and places in a file do not count. The digest is for one version of Python, as compiled code is.
"""

import dis
import functools
import hashlib
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from supernas.core.classes import is_class

__all__ = ["digest_of", "digest_of_leaves", "leaves"]

_NUMBERS = (bool, int, float, complex, np.generic)
_PLAIN = (*_NUMBERS, str, bytes, Path, range, slice, type(None), type(...), torch.dtype, torch.device)
_HERE = str(Path(__file__).parents[1])
_STANDARD = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib")})


def digest_of(value: Any) -> str:
    """Eight letters that tell values, and what they do, apart."""
    return digest_of_leaves(leaves(value))


def digest_of_leaves(found: Mapping[str, str]) -> str:
    """The same of what `leaves` has found."""
    return hashlib.sha256(repr(sorted(found.items())).encode()).hexdigest()[:8]


def leaves(value: Any) -> dict[str, str]:
    """Place -> text of everything that a value is made of."""
    walk = _Walk()
    walk.add("", value)
    return walk.found


class _Walk:
    """A way through a value; functions, classes and objects are entered once."""

    def __init__(self) -> None:
        self.found: dict[str, str] = {}
        self.seen: dict[int, tuple[str, Any]] = {}  # by identity: the place; the value, so that none takes its identity

    def add(self, place: str, value: Any) -> None:
        """All leaves of a value."""
        if isinstance(value, _PLAIN):
            self.found[place] = f"{type(value).__name__} {value!r}"
        elif isinstance(value, Tensor | np.ndarray):
            self._array(place, value)
        elif isinstance(value, tuple):
            self._parts(place, enumerate(value))
        elif isinstance(value, set | frozenset):
            self.found[place] = f"set {sorted(map(digest_of, value))}"
        elif isinstance(value, CodeType):
            self._code(place, value)
        elif id(value) in self.seen:
            self.found[place] = f"as {self.seen[id(value)][0]}"
        else:
            self.seen[id(value)] = (place, value)
            self._enter(place, value)

    def _parts(self, place: str, parts: Any) -> None:
        for name, part in parts:
            self.add(f"{place}.{name}", part)

    def _enter(self, place: str, value: Any) -> None:
        """What can hold itself."""
        if isinstance(value, list):
            self._parts(place, enumerate(value))
        elif isinstance(value, Mapping):
            keys = [repr(key) if isinstance(key, _PLAIN) else number for number, key in enumerate(value)]
            self.found[f"{place} keys"] = str(keys)
            self._parts(place, zip(keys, value.values(), strict=True))
        elif isinstance(value, functools.partial):
            self._parts(place, enumerate((value.func, value.args, value.keywords)))
        elif isinstance(value, MethodType):
            self._parts(place, enumerate((value.__self__, value.__func__)))
        elif isinstance(value, FunctionType):
            self._function(place, value)
        elif is_class(value):
            self._class(place, value)
        elif isinstance(value, ModuleType | BuiltinFunctionType):
            self.found[place] = _name(value)
        else:
            self._object(place, value)

    def _array(self, place: str, value: Any) -> None:
        """Its form, and apart from that its content."""
        learns = getattr(value, "requires_grad", None)
        self.found[f"{place} form"] = f"{type(value).__name__} {value.dtype} {list(value.shape)} {learns}"
        self.found[place] = hashlib.sha256(_bytes(value)).hexdigest()

    def _function(self, place: str, function: FunctionType) -> None:
        self._parts(place, (("defaults", function.__defaults__), ("named", function.__kwdefaults__)))
        for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            try:
                self.add(f"{place}({name})", cell.cell_contents)
            except ValueError:  # nothing was put there yet
                self.found[f"{place}({name})"] = "empty"
        if _of_library(function.__code__.co_filename):
            self.found[place] = _name(function)
            return
        self._code(place, function.__code__, function.__doc__)
        for name in sorted(set(_globals(function.__code__))):
            if name in function.__globals__:
                self._global(f"{place}:{name}", function.__globals__[name], function.__code__)

    def _global(self, place: str, value: Any, code: CodeType) -> None:
        """A global name; of a module of the user's, what the code may take from it."""
        self.add(place, value)
        if isinstance(value, ModuleType) and not _of_library(getattr(value, "__file__", None)):
            self._parts(place, ((name, vars(value)[name]) for name in sorted(_names(code)) if name in vars(value)))

    def _code(self, place: str, code: CodeType, doc: str | None = None) -> None:
        """What is executed: neither names of local variables nor lines."""
        shape = (code.co_argcount, code.co_kwonlyargcount, code.co_flags, code.co_names, code.co_freevars)
        steps = code.co_code + getattr(code, "co_exceptiontable", b"")
        self.found[place] = f"code {shape} {hashlib.sha256(steps).hexdigest()}"
        self._parts(f"{place} constants", enumerate(const for const in code.co_consts if doc is None or const != doc))

    def _class(self, place: str, cls: type) -> None:
        for number, base in enumerate(cls.__mro__):
            if _is_library_class(base):
                self.found[f"{place} base {number}"] = _name(base)
                continue
            for name, value in sorted(vars(base).items()):
                if not name.startswith("__") or isinstance(value, FunctionType):
                    self.add(f"{place} base {number}.{name}", _unwrapped(value))

    def _object(self, place: str, value: Any) -> None:
        """Its class, and what it holds: of an object of a library only plain values, and of its modules all."""
        wrapped = getattr(value, "__wrapped__", None)
        held = vars(value) if hasattr(value, "__dict__") else {name: getattr(value, name) for name in _slots(value)}
        if wrapped is not None:
            held = {"__wrapped__": wrapped}
        elif _is_library_class(type(value)) and not isinstance(value, nn.Module):
            plain = (*_PLAIN, Tensor, np.ndarray)
            held = {name: part for name, part in held.items() if name[0] != "_" and isinstance(part, plain)}
        self.add(f"{place} of", type(value))
        self._parts(place, sorted(held.items()))


def _slots(value: Any) -> list[str]:
    names = [name for cls in type(value).__mro__ for name in getattr(cls, "__slots__", ())]
    return [name for name in names if hasattr(value, name)] if not _is_library_class(type(value)) else []


def _unwrapped(value: Any) -> Any:
    """The functions of what a class makes of functions."""
    if isinstance(value, classmethod | staticmethod):
        return value.__func__
    if isinstance(value, property):
        return (value.fget, value.fset)
    return value.func if isinstance(value, functools.cached_property) else value


def _names(code: CodeType) -> set[str]:
    """All names that code looks up, in functions within it too."""
    return {*code.co_names}.union(*(_names(const) for const in code.co_consts if isinstance(const, CodeType)))


def _globals(code: CodeType) -> Iterator[str]:
    """The global names that it looks up; attributes of the same names are none."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _globals(const)


def _bytes(value: Any) -> bytes:
    """The content of an array; nothing where there is none to be had (a parameter without a shape yet, say)."""
    try:
        if isinstance(value, Tensor):
            flat = value.detach().cpu().contiguous().flatten()
            return flat.view(torch.uint8).numpy().tobytes()
        return repr(value.tolist()).encode() if value.dtype.hasobject else np.ascontiguousarray(value).tobytes()
    except (RuntimeError, ValueError, NotImplementedError, TypeError):
        return b""


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')} {getattr(value, '__qualname__', getattr(value, '__name__', ''))}"


def _of_library(file: str | None) -> bool:
    """Whether a file is of this library, of Python or of an installed one."""
    if file is None:
        return False
    apart = {"site-packages", "dist-packages"}
    return file.startswith(("<frozen", _HERE, *_STANDARD)) or not apart.isdisjoint(Path(file).parts)


def _is_library_class(cls: type) -> bool:
    module = sys.modules.get(cls.__module__)
    if cls.__module__ in sys.builtin_module_names:  # or of code without a module, which says that it is built in
        return getattr(module, cls.__qualname__, None) is cls
    return _of_library(getattr(module, "__file__", None))

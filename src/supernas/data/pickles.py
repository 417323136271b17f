"""Read pickles that strangers made, without running anything in them.

A pickle is a program: it may name any function and call it. Data sets and benchmark tables come as pickles of plain
containers and numpy arrays, and those need very few names. Only these are known here, and even they are replaced by
harmless doubles that check what they are given; any other name is refused before it is imported.
"""

import io
import math
import pickle
import re
from collections import OrderedDict
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np

from supernas.core.errors import UserError
from supernas.core.reading import read_bytes
from supernas.data.opcodes import ExcessError, checked

__all__ = ["PickledArray", "safe_load"]

_NUMBERS = re.compile(r"[|<>=]?([biufc?]\d{0,2}|[SU]\d{1,4})")


class PickledArray(np.ndarray):
    """An array read from a pickle: an ordinary numpy array whose state was checked."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if not isinstance(dtype, _Dtype):
            raise _DamagedError("an array has no data type")
        data = data.encode("latin1") if isinstance(data, str) else data
        sizes = isinstance(shape, tuple) and all(type(length) is int and length >= 0 for length in shape)
        if not isinstance(data, bytes) or not sizes or len(data) != math.prod(shape) * dtype.resolved().itemsize:
            raise _DamagedError("an array does not hold as many numbers as its shape says")
        super().__setstate__((1, shape, dtype.resolved(), bool(fortran), data))  # type: ignore[arg-type]  # stub: numpy.bool


class _DamagedError(Exception):
    """The pickle asks an allowed name for something that no array of numbers needs."""


_ATOMS = (str, int, float, bytes, bool, type(None), np.generic)
_LONGEST_KEY, _WIDEST_NUMBER = 16, 64  # atoms, bits


def _check_key(key: Any) -> None:
    """Refuses a key that takes long to hash: wanted text, a number, or a few of them."""
    parts = key if isinstance(key, tuple) else (key,)
    if len(parts) > _LONGEST_KEY or not all(isinstance(part, _ATOMS) for part in parts):
        raise _DamagedError("it has a key that is neither text, nor a number, nor a few of them")
    if any(isinstance(part, int) and part.bit_length() > _WIDEST_NUMBER for part in parts):
        raise _DamagedError("it has a number of too many digits as a key")


class _PickledDict(dict[Any, Any]):
    """A dictionary read from a pickle, whose keys were looked at before they were hashed."""

    __slots__ = ()

    def __setitem__(self, key: Any, value: Any) -> None:
        if key.__class__ is not str:  # what most keys are
            _check_key(key)
        super().__setitem__(key, value)


class _PickledOrderedDict(OrderedDict[Any, Any]):
    """The same of an ordered dictionary."""

    def __setitem__(self, key: Any, value: Any) -> None:
        _check_key(key)
        super().__setitem__(key, value)


class _PickledSet(Set[Any]):
    """A set read from a pickle, likewise."""

    __slots__ = ("_items",)

    def __init__(self, items: Any = ()) -> None:
        self._items = set(items)

    def add(self, item: Any) -> None:
        """Called by the unpickler."""
        _check_key(item)
        self._items.add(item)

    def __contains__(self, item: object) -> bool:
        return item in self._items

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)


class _Double:
    """Stands in for an allowed name: it can be called as the pickle of an array calls it, and not be changed."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise _DamagedError("it tries to alter a function")


class _Dtype(_Double):
    """A data type before and after its byte order is set."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: Any, *_: Any) -> None:
        self._code = code.decode("ascii") if isinstance(code, bytes) else code
        self._order: Literal["<", ">", "=", "|"] | None = None
        if not isinstance(self._code, str) or not _NUMBERS.fullmatch(self._code):
            raise _DamagedError(
                f"it holds an array of type {ascii(self._code)[:80]}; wanted numbers or fixed-length text"
            )

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        order = order.decode("ascii") if isinstance(order, bytes) else order
        if order not in ("<", ">", "=", "|") or any(part is not None for part in state[2:5]):
            raise _DamagedError("it holds an array of records; wanted numbers or fixed-length text")
        self._order = cast(Literal["<", ">", "=", "|"], order)

    def resolved(self) -> np.dtype:
        """The numpy data type."""
        dtype = np.dtype(self._code)
        return dtype if self._order is None else dtype.newbyteorder(self._order)


class _DtypeName(_Double):
    __slots__ = ()

    def __call__(self, *arguments: Any) -> _Dtype:
        return _Dtype(*arguments)


class _ArrayName(_Double):
    __slots__ = ()


class _Reconstruct(_Double):
    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, code: Any) -> PickledArray:
        if not isinstance(kind, _ArrayName) or shape != (0,):
            raise _DamagedError("it builds something else than an array")
        return np.ndarray.__new__(PickledArray, (0,), np.uint8)


class _Scalar(_Double):
    __slots__ = ()

    def __call__(self, dtype: Any, data: Any = b"") -> Any:
        data = data.encode("latin1") if isinstance(data, str) else data
        if not isinstance(dtype, _Dtype) or not isinstance(data, bytes):
            raise _DamagedError("it holds a numpy scalar that is no number")
        (value,) = np.frombuffer(data, dtype.resolved())
        return value


class _Encode(_Double):
    """`_codecs.encode(text, "latin1")` is how Python 3 writes bytes in the protocols 0 to 2."""

    __slots__ = ()

    def __call__(self, text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
            raise _DamagedError("it encodes text in another way than bytes are written")
        return text.encode("latin1")


class _Ordered(_Double):
    __slots__ = ()

    def __call__(self, pairs: Any = ()) -> _PickledOrderedDict:
        made = _PickledOrderedDict()
        for key, value in pairs:
            made[key] = value
        return made


class _NewDict(_Double):
    __slots__ = ()

    def __call__(self) -> _PickledDict:
        return _PickledDict()


class _NewSet(_Double):
    __slots__ = ()

    def __call__(self) -> _PickledSet:
        return _PickledSet()


_ALLOWED: dict[tuple[str, str], _Double] = {
    ("collections", "OrderedDict"): _Ordered(),
    ("numpy", "dtype"): _DtypeName(),
    ("numpy", "ndarray"): _ArrayName(),
    ("numpy.core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy._core.multiarray", "_reconstruct"): _Reconstruct(),
    ("numpy.core.multiarray", "scalar"): _Scalar(),
    ("numpy._core.multiarray", "scalar"): _Scalar(),
    ("_codecs", "encode"): _Encode(),
    ("supernas", "dict"): _NewDict(),
    ("supernas", "set"): _NewSet(),
}
_NEW_DICT, _NEW_SET = (  # the instructions that call these two
    pickle.GLOBAL + name + pickle.EMPTY_TUPLE + pickle.REDUCE for name in (b"supernas\ndict\n", b"supernas\nset\n")
)


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, source: str, encoding: str) -> None:
        super().__init__(io.BytesIO(data), encoding=encoding)
        self._source = source

    def find_class(self, module: str, name: str) -> Any:
        double = _ALLOWED.get((module, name))
        if double is None:
            asked = ascii(f"{module}.{name}"[:80])  # a pickle may spell names with line breaks, or a million letters
            raise UserError(
                f"{self._source} asks for {asked}, which is refused: only plain containers and numpy arrays "
                "are read from pickles; use a file from a source you trust"
            )
        return double


def safe_load(source: Path | str | bytes, encoding: str = "latin1", name: str | None = None) -> Any:
    """The object in a pickle of plain containers, numbers, text and numpy arrays.

    Args:
        source: a file, or the bytes of a pickle.
        encoding: how text written by Python 2 is decoded (`latin1` is right for numpy arrays), or `bytes` to leave it.
        name: what to call the source in messages; its path by default.

    Returns:
        The object. Arrays are `PickledArray`, a plain subclass of `numpy.ndarray`.

    Raises:
        UserError: if the file is missing, damaged or cut short, or asks for any name beyond these; nothing has run.
    """
    label = name or ("the pickle" if isinstance(source, bytes) else str(source))
    try:
        data = source if isinstance(source, bytes) else read_bytes(Path(source))
    except OSError as error:
        raise UserError(f"{label} cannot be read: {error.strerror}; put the file there or name another") from None
    try:
        return _Unpickler(checked(data, _NEW_DICT, _NEW_SET), label, encoding).load()
    except ExcessError as error:
        raise UserError(f"{label} is no readable pickle (damaged or cut short): {error}") from None
    except UserError:
        raise
    except _DamagedError as error:
        raise UserError(f"{label} is refused: {error}; only plain containers and arrays of numbers are read") from None
    except Exception as error:  # damaged bytes make the unpickler raise nearly anything, MemoryError included
        raise UserError(f"{label} is no readable pickle (damaged or cut short): {type(error).__name__}") from None

"""Which values are classes."""

from types import GenericAlias
from typing import Any

from typing_extensions import TypeIs

__all__ = ["is_class"]


def is_class(value: Any) -> TypeIs[type]:
    """Whether a value is a class. To Python 3.10 `list[int]` is a `type`, of which nothing may be asked as of a class.

    >>> is_class(list), is_class(list[int])
    (True, False)
    """
    return isinstance(value, type) and not isinstance(value, GenericAlias)

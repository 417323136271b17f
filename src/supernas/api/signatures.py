"""A function that takes what a class takes, without saying it again."""

import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from supernas.core.parameters import documented

__all__ = ["takes_what"]

P = ParamSpec("P")
R = TypeVar("R")


def takes_what(run: Callable[P, Any]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Says of a function that it takes what a class takes: to type checkers, to `inspect.signature` and to `help`."""

    def say(function: Callable[..., R]) -> Callable[P, R]:
        given, returned = inspect.signature(run), inspect.signature(function).return_annotation
        function.__signature__ = given.replace(return_annotation=returned)  # type: ignore[attr-defined]
        return documented(function)

    return say

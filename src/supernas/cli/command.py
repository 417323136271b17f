"""A command whose help speaks of texts and numbers, not of the types of a programming language, and whose numbers are
those that everybody writes: no `8_5`, no `nan`, no thousands of digits.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

import typer
from typer.core import TyperCommand

__all__ = ["Command"]

_WORDS = {str: "<text>", int: "<number>", float: "<number>", Path: "<path>"}
_NUMBER = re.compile(r"[+-]?(\d{1,18}(\.\d{0,18})?|\.\d{1,18})([eE][+-]?\d{1,4})?", re.ASCII)


class Command(TyperCommand):
    """A command of the command line."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        words = {name: _word(hint) for name, hint in get_type_hints(self.callback).items()}
        for parameter in self.params:
            word = words.get(str(parameter.name))
            if word:
                parameter.display_type = lambda ctx, word=word: word  # type: ignore[attr-defined]
            if word == "<number>":
                _check_number(parameter)


def _check_number(parameter: Any) -> None:
    """Has a parameter look at what was typed before it is converted, which takes more than what is a number."""
    process = parameter.process_value

    def checked(ctx: Any, value: Any) -> Any:
        if isinstance(value, str) and not (_NUMBER.fullmatch(value) and math.isfinite(float(value))):
            raise typer.BadParameter(f"{value!r}: wanted a number of at most 18 digits", ctx=ctx, param=parameter)
        return process(ctx, value)

    parameter.process_value = checked


def _word(hint: Any) -> str | None:
    """The word for an annotation such as `list[str] | None`; None for what is not typed in."""
    return next((_WORDS[kind] for kind in _kinds(hint) if kind in _WORDS), None)


def _kinds(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _kinds(part)

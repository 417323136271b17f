"""A command whose help speaks of texts and numbers, not of the types of a programming language."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_type_hints

from typer.core import TyperCommand

__all__ = ["Command"]

_WORDS = {str: "<text>", int: "<number>", float: "<number>", Path: "<path>"}


class Command(TyperCommand):
    """A command of the command line."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        words = {name: _word(hint) for name, hint in get_type_hints(self.callback).items()}
        for parameter in self.params:
            word = words.get(str(parameter.name))
            if word:
                parameter.display_type = lambda ctx, word=word: word  # type: ignore[attr-defined]


def _word(hint: Any) -> str | None:
    """The word for an annotation such as `list[str] | None`; None for what is not typed in."""
    return next((_WORDS[kind] for kind in _kinds(hint) if kind in _WORDS), None)


def _kinds(hint: Any) -> Iterator[Any]:
    yield hint
    for part in get_args(hint):
        yield from _kinds(part)

"""A command that takes what a function of the front door takes: names, defaults and meanings are said there alone."""

import inspect
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer

from supernas.core.documents import Document
from supernas.core.parameters import Option, meaning_of
from supernas.core.spelling import at_command_line

__all__ = ["twin"]

_TYPED: dict[Any, Any] = {
    **{kind: kind for kind in (bool, int, float, str)},
    Literal: str,
    os.PathLike: Path,
    Iterable: list[str],
}


def twin(door: Callable[..., Any]) -> Callable[[Callable[[Document], None]], Callable[..., None]]:
    """Makes a command of a function that is given all that was typed, by the names that `door` gives it.

    What is given by place there is an argument of the command, all else an option. An argument of which there may be
    several (`*runs`) wants one or more, and is given as a list.

    Args:
        door: a function or a class of the front door.
    """
    shown = inspect.Signature([*map(_as_typed, _options(door))])

    def make(command: Callable[[Document], None]) -> Callable[..., None]:
        def typed(*arguments: Any, **options: Any) -> None:
            bound = shown.bind(*arguments, **options)
            bound.apply_defaults()
            with at_command_line():
                command(bound.arguments)

        typed.__name__, typed.__doc__ = command.__name__, command.__doc__
        typed.__signature__ = shown  # type: ignore[attr-defined]
        typed.__annotations__ = {name: parameter.annotation for name, parameter in shown.parameters.items()}
        return typed

    return make


def _options(door: Callable[..., Any]) -> Iterator[inspect.Parameter]:
    parameters = inspect.signature(door).parameters.values()
    return (parameter for parameter in parameters if isinstance(meaning_of(parameter), Option))


def _as_typed(parameter: inspect.Parameter) -> inspect.Parameter:
    """The parameter as the command line reads it."""
    option = meaning_of(parameter)
    assert isinstance(option, Option)
    default, ranged = option.default(parameter), Document(min=option.least, help=option.text)
    kind = _kind(get_args(parameter.annotation)[0], optional=default is None)
    if parameter.kind is parameter.VAR_POSITIONAL:
        by_place = inspect.Parameter(parameter.name, parameter.POSITIONAL_OR_KEYWORD)
        return by_place.replace(annotation=Annotated[list[kind], typer.Argument(**ranged)])  # type: ignore[valid-type]
    if parameter.kind is parameter.POSITIONAL_OR_KEYWORD:
        return parameter.replace(default=default, annotation=Annotated[kind, typer.Argument(**ranged)])
    spelled = (f"--{name.replace('_', '-')}" for name in option.spelled or (parameter.name,))
    return parameter.replace(default=default, annotation=Annotated[kind, typer.Option(*spelled, **ranged)])


def _kind(hint: Any, optional: bool) -> Any:
    """The first of a parameter's types that can be typed."""
    alternatives = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    plain = (get_args(one)[0] if get_origin(one) is Annotated else one for one in alternatives)
    kinds = [kind for one in plain if (kind := _TYPED.get(get_origin(one) or one)) is not None]
    if not kinds:
        raise TypeError(
            f"nothing of {hint} can be typed at a command line; wanted one of {', '.join(map(str, _TYPED))}"
        )
    return kinds[0] | None if optional else kinds[0]

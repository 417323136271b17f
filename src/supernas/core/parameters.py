"""What a parameter of the front door is, said once: in `Annotated[...]`, beside its type.

`help()` in Python and `--help` at the command line both come from there. What can be typed at a command line is an
`Option`; what only a program can give, such as a function, has a `Meaning`.
"""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import fill
from typing import Any, TypeVar

__all__ = ["Meaning", "Option", "documented", "meaning_of"]

C = TypeVar("C", bound=Callable[..., Any])

_WIDTH = 110
_END = re.compile(r"^(Returns|Raises):$", re.MULTILINE)
_PYTHON: Any = object()


@dataclass(frozen=True, repr=False)
class Meaning:
    """What a parameter means.

    Attributes:
        text: in one line, without a full stop.
    """

    text: str

    def __repr__(self) -> str:
        return repr(self.in_python)  # short, since signatures are read

    @property
    def in_python(self) -> str:
        """What `help` says."""
        return self.text


@dataclass(frozen=True, repr=False)
class Option(Meaning):
    """What a parameter means that is also an option of the command, or its argument where it is given by place.

    Typed is the first of its types that can be: of `str | float` a text, of `os.PathLike[str] | str` a path.

    Attributes:
        text: in one line, without a full stop.
        python: what more holds in Python, such as what cannot be typed.
        spelled: at the command line, where that is not the parameter's name alone, such as `("from", "from_run")`.
        least: of a number.
        untyped: what it is where it is not typed, if that is something else than the default in Python.
    """

    python: str = ""
    spelled: tuple[str, ...] = ()
    least: float | None = None
    untyped: Any = _PYTHON

    @property
    def in_python(self) -> str:
        """What `help` says."""
        return f"{self.text}; {self.python}" if self.python else self.text

    def default(self, parameter: inspect.Parameter) -> Any:
        """What the parameter is where it is not typed."""
        return parameter.default if self.untyped is _PYTHON else self.untyped


def meaning_of(parameter: inspect.Parameter) -> Meaning | None:
    """What stands beside the type of a parameter; None if nothing does."""
    beside = getattr(parameter.annotation, "__metadata__", ())
    return next((one for one in beside if isinstance(one, Meaning)), None)


def documented(door: C) -> C:
    """Writes the meanings of a function's or a class's parameters into its docstring, where `help` looks for them.

    >>> from typing import Annotated
    >>> @documented
    ... def double(number: Annotated[int, Option("what is doubled")]) -> int:
    ...     '''Doubles.'''
    ...     return 2 * number
    >>> print(double.__doc__)
    Doubles.
    <BLANKLINE>
    Args:
        number: what is doubled.
    """
    said = inspect.cleandoc(door.__doc__ or "")
    parameters = ((parameter.name, meaning_of(parameter)) for parameter in inspect.signature(door).parameters.values())
    lines = [_line(name, meaning.in_python) for name, meaning in parameters if meaning]
    end = _END.search(said)
    place = end.start() if end else len(said)
    door.__doc__ = "\n\n".join(filter(None, (said[:place].rstrip(), "\n".join(["Args:", *lines]), said[place:])))
    return door


def _line(name: str, text: str) -> str:
    return fill(f"{name}: {text}.", _WIDTH, initial_indent="    ", subsequent_indent="        ", break_long_words=False)

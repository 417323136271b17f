"""How advice is spelled: as a person types it at the command line, or as a Python program writes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Some", "assigned", "assignment", "at_command_line", "command", "named", "option"]

_typed = ContextVar("typed", default=False)


@contextmanager
def at_command_line() -> Iterator[None]:
    """While it lasts, whoever reads messages types commands."""
    token = _typed.set(True)
    try:
        yield
    finally:
        _typed.reset(token)


class Some(str):
    """A value that stands for any of its kind.

    >>> option("sample", Some("N"))
    'sample=N'
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def option(name: str, value: object = None) -> str:
    """An option of a command, or the argument of the Python function of that name.

    >>> option("out"), option("resume", True), option("epochs", 3)
    ('out=...', 'resume=True', 'epochs=3')
    >>> with at_command_line():
    ...     option("out"), option("resume", True), option("data_dir", "x")
    ('--out', '--resume', '--data-dir x')
    """
    if not _typed.get():
        return f"{name}={'...' if value is None else repr(value)}"
    flag = f"--{name.replace('_', '-')}"
    return flag if value is None or value is True else f"{flag} {value}"


def named(name: str) -> str:
    """An option alone, without a value.

    >>> named("batch_norm")
    'batch_norm'
    >>> with at_command_line():
    ...     named("batch_norm")
    '--batch-norm'
    """
    return option(name) if _typed.get() else name


def assigned(path: str, value: object = "...") -> str:
    """A setting by its dotted path.

    >>> assigned("data.resolution", 8)
    'set=["data.resolution=8"]'
    >>> with at_command_line():
    ...     assigned("data.resolution", 8)
    '--set data.resolution=8'
    """
    return assignment(f"{path}={value}")


def assignment(text: str) -> str:
    """What was given as `section.name=value`."""
    return f"--set {text}" if _typed.get() else f'set=["{text}"]'


def command(name: str, argument: object) -> str:
    """A command, or the Python function of that name, of which only what it is to be given is said.

    >>> command("train", "runs/a")
    'supernas.train(...)'
    >>> with at_command_line():
    ...     command("train", "runs/a")
    'supernas train runs/a'
    """
    return f"supernas {name} {argument}" if _typed.get() else f"supernas.{name}(...)"

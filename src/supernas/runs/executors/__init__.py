"""Where jobs are done that take processes of their own, one file each; the folder lists itself."""

from collections.abc import Mapping
from typing import Any

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.registry import Registry
from supernas.core.settings import build, parse_value, unfit
from supernas.runs.executors.base import Executor, Needs, Pool, Task, Work, WorkerDiedError, cores

__all__ = [
    "JOBS",
    "PARTS",
    "Executor",
    "Needs",
    "Pool",
    "Task",
    "Work",
    "WorkerDiedError",
    "chosen",
    "cores",
    "get",
    "names",
]

JOBS = "jobs"
"""The folder of an executor's own files, beside what is made."""

PARTS = Registry(__name__, Executor, "executor", check=unfit)
names, get = PARTS.names, PARTS.get


def chosen(given: str | Values | Executor, address: str | None = None) -> Executor:
    """The executor that is meant.

    Args:
        given: a name, `name:setting=value,setting=value`, settings with a name, or the executor itself.
        address: its setting of that name, if it is given apart.

    Raises:
        UserError: for an unknown name, an unknown setting, a wrong type or a value out of range.

    >>> chosen("submitit:partition=gpu,minutes=240").partition
    'gpu'
    """
    kind, values = _meant(given)
    return build(kind, {**values, **({"address": address} if address is not None else {})}, "executor")


def _meant(given: str | Values | Executor) -> tuple[type[Executor], Values]:
    """(class, settings)."""
    if isinstance(given, Executor):
        return type(given), vars(given)
    name, values = _read(given) if isinstance(given, str) else _named(given)
    return get(name), values


def _read(text: str) -> tuple[str, dict[str, Any]]:
    name, colon, several = text.partition(":")
    values = {}
    for assignment in several.split(",") if colon else ():
        key, equals, value = assignment.partition("=")
        if not (key and equals and value):
            raise UserError(f"executor {text}: wanted NAME or NAME:SETTING=VALUE,SETTING=VALUE")
        values[key.strip()] = parse_value(value)
    return name, values


def _named(given: Any) -> tuple[str, dict[str, Any]]:
    name = given.get("name") if isinstance(given, Mapping) else None
    if not isinstance(name, str):
        raise UserError(f"executor = {given!r}: wanted a name ({', '.join(names())}), or settings with a name")
    return name, {key: value for key, value in given.items() if key != "name"}

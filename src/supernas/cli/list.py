"""`supernas list`: what there is to choose from."""

from collections.abc import Callable
from typing import Annotated

import typer

from supernas import data, methods, proxies, spaces
from supernas.cli.rows import print_rows
from supernas.core.errors import unknown
from supernas.runs import diagnostics, presets, stopping, trackers
from supernas.steps import objectives

__all__ = ["list_"]

LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "methods": lambda: {name: _headline(methods.get(name)) for name in methods.names()},
    "objectives": lambda: {name: _headline(objectives.get(name)) for name in objectives.names()},
    "stopping": lambda: {name: _headline(stopping.get(name)) for name in stopping.names()},
    "watch": lambda: {name: _headline(diagnostics.get(name)) for name in diagnostics.names()},
    "proxies": lambda: {name: _headline(proxies.get(name)) for name in proxies.names()},
    "trackers": lambda: {name: _headline(trackers.get(name)) for name in trackers.names()},
    "spaces": lambda: {name: _headline(spaces.settings_class(name)) for name in spaces.names()},
    "architectures": lambda: {
        f"{space} {name}": text for space in spaces.names() for name, text in spaces.get(space).named.items()
    },
    "datasets": lambda: {**data.image_names(), **data.text_names()},
    "presets": presets.meanings,
}


def list_(
    what: Annotated[
        str,
        typer.Argument(help=", ".join(LISTS)),
    ],
) -> None:
    """What there is to choose from."""
    if what not in LISTS:
        raise unknown("list", what, LISTS)
    print_rows(LISTS[what]())


def _headline(part: type) -> str:
    return (part.__doc__ or "").strip().splitlines()[0]

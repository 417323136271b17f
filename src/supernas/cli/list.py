"""`supernas list`: what there is to choose from."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

import typer

from supernas import data, spaces
from supernas.cli.parts import KINDS, registries
from supernas.cli.rows import print_rows
from supernas.core.errors import unknown
from supernas.core.registry import Registry, plug_ins
from supernas.runs import executors, presets, trackers

__all__ = ["list_"]


def _parts(registry: Callable[[], Registry[Any]]) -> dict[str, str]:
    """Name -> headline of every part, and the package that it is of if it is not ours."""
    parts = registry()
    return {name: f"{_headline(parts.get(name))}{_of(parts, name)}" for name in parts.names()}


def _of(parts: Registry[Any], name: str) -> str:
    plug_in = parts.offered(name)
    return f"  [{plug_in}]" if plug_in else ""


def _headline(part: type) -> str:
    return next(iter((part.__doc__ or "").strip().splitlines()), "")


def _plug_ins() -> dict[str, str]:
    """Every part that another package declares, and whether it can be used."""
    known = registries()
    found = {}
    for plug_in in plug_ins():
        registry = known.get(plug_in.group)
        fault = registry.fault(plug_in) if registry else str(unknown("group of entry points", plug_in.group, known))
        found[f"{plug_in.group} {plug_in.name}"] = f"{plug_in}: {fault or 'can be used'}"
    return found or {"none": 'no installed package has entry points such as [project.entry-points."supernas.methods"]'}


LISTS: dict[str, Callable[[], dict[str, str]]] = {
    "methods": partial(_parts, KINDS["method"]),
    "objectives": partial(_parts, KINDS["objective"]),
    "regularisers": partial(_parts, KINDS["regulariser"]),
    "stopping": partial(_parts, KINDS["stopping"]),
    "watch": partial(_parts, KINDS["watch"]),
    "proxies": partial(_parts, KINDS["proxy"]),
    "spaces": partial(_parts, KINDS["space"]),
    "selectors": partial(_parts, KINDS["selector"]),
    "data-kinds": partial(_parts, KINDS["data"]),
    "trackers": partial(_parts, lambda: trackers.PARTS),
    "executors": partial(_parts, lambda: executors.PARTS),
    "architectures": lambda: {
        f"{space} {name}": text for space in spaces.names() for name, text in spaces.get(space).named.items()
    },
    "datasets": lambda: {**data.image_names(), **data.text_names()},
    "presets": presets.meanings,
    "plug-ins": _plug_ins,
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

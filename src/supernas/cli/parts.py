"""The kinds of parts that are chosen by name, for commands that are about all of them."""

from collections.abc import Callable
from typing import Any

from supernas import methods, proxies, spaces
from supernas.core.registry import Registry
from supernas.data import kinds
from supernas.runs import diagnostics, executors, presets, stopping, trackers
from supernas.steps import objectives, regularisers

__all__ = ["KINDS", "registries"]


def _selectors() -> Registry[Any]:
    from supernas.evaluation.selection import selectors  # heavy, and the command line's help must not wait for them

    return selectors.PARTS


KINDS: dict[str, Callable[[], Registry[Any]]] = {
    "method": lambda: methods.PARTS,
    "objective": lambda: objectives.PARTS,
    "regulariser": lambda: regularisers.PARTS,
    "stopping": lambda: stopping.PARTS,
    "watch": lambda: diagnostics.PARTS,
    "proxy": lambda: proxies.PARTS,
    "space": lambda: spaces.PARTS,
    "selector": _selectors,
    "data": lambda: kinds.PARTS,
}
"""What a command calls a kind, and its parts, each of which has settings."""


def registries() -> dict[str, Registry[Any]]:
    """Group of entry points -> the parts of its kind, of all kinds that other packages can add to."""
    from supernas.output.export import families, formats

    several = [
        *(registry() for registry in KINDS.values()),
        presets.PARTS,
        trackers.PARTS,
        executors.PARTS,
        formats.PARTS,
        families.PARTS,
    ]
    return {registry.group: registry for registry in several}

"""Where the numbers of a run are shown as well, one file each; the folder lists itself."""

from collections.abc import Iterable
from importlib import import_module

from supernas.core.errors import UserError
from supernas.core.registry import Registry
from supernas.runs.trackers.base import Tracker

__all__ = ["PARTS", "Tracker", "chosen", "get", "names"]

PARTS = Registry(__name__, Tracker, "tracker")
names, get = PARTS.names, PARTS.get


def chosen(given: Iterable[str]) -> dict[str, type[Tracker]]:
    """The trackers of these names, whose libraries are there.

    Raises:
        UserError: for a name that is none, and for a library that is not installed.
    """
    kinds = {name: get(name) for name in given}
    for name, kind in kinds.items():
        try:
            import_module(kind.module)
        except ImportError:
            package = kind.module.rpartition(".")[2]
            raise UserError(f"the tracker {name} is not installed; pip install {package}") from None
    return kinds

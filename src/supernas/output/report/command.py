"""The command that repeats a run, from its configuration alone."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.settings import parse_value, to_plain
from supernas.runs import stopping
from supernas.runs.configuration import assign, merge, resolve_search, resolve_train

__all__ = ["repeating_command"]

_FLAGS = {
    "search.epochs": "--epochs",
    "search.seed": "--seed",
    "search.track": "--track",
    "train.epochs": "--epochs",
    "train.seed": "--seed",
    "data.source": "--data",
    "data.directory": "--data-dir",
}


def repeating_command(document: Document) -> str | None:
    """`supernas search ...` or `supernas train ...` that means exactly this configuration; None where none does (a
    model of one's own, or a configuration of another version).
    """
    try:
        return _command(document)
    except (UserError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _command(document: Document) -> str | None:
    searches = "search" in document
    section = "search" if searches else "train"
    resolve: Any = resolve_search if searches else resolve_train
    wanted = _chosen(resolve(document).document())
    base = _base(wanted, section)
    sets = list(_differences(_defaults(base, resolve), wanted))
    again = merge(base)
    for path, value in sets:
        assign(again, f"{path}={_text(value)}")
    if _chosen(resolve(again).document()) != wanted:
        return None
    words = ["supernas", section]
    if searches:
        words += ["--space", base["space"], "--method", base["method"]["name"]]
        words += ["--objective", base["objective"]["name"]]
        words += ["--regulariser", base["regulariser"]["name"]] if "regulariser" in base else []
        words += ["--watch", ",".join(base["watch"])] if "watch" in base else []
        if base["stopping"]["name"] != "never":
            words += ["--set", f"stopping={base['stopping']['name']}"]
    else:
        words += [base["architecture"], "--space", base["space"]]
    words += ["--preset", base[section]["preset"], "--seed", str(wanted[section]["seed"])]
    for path, value in sets:
        if path in _FLAGS and isinstance(value, str | int):
            words += [] if path.endswith(".seed") else [_FLAGS[path], str(value)]
        else:
            words += ["--set", f"{path}={_text(value)}"]
    return shlex.join(words)


def _chosen(document: Document) -> Document:
    """What can be asked for: all but where its parts were found."""
    return {section: value for section, value in document.items() if section != "plugins"}


def _base(wanted: Document, section: str) -> Document:
    """What has a flag of its own and decides the defaults of the rest."""
    space = wanted["space"]
    base: Document = {
        "space": space if isinstance(space, str) else space["name"],
        section: {"preset": wanted[section]["preset"]},
    }
    if section == "train":
        return {**base, "architecture": wanted["architecture"]}
    parts = [part for part in ("method", "objective", "regulariser", "stopping") if part in wanted]
    named: Document = {part: {"name": wanted[part]["name"]} for part in parts}
    return {**base, **named, **({"watch": {name: {} for name in wanted["watch"]}} if "watch" in wanted else {})}


def _defaults(base: Document, resolve: Any) -> Document:
    """The complete document of a base. A stopping rule's defaults may not go with the rest (it may judge what is not
    watched), so they are put in afterwards.
    """
    if "stopping" not in base:
        return _chosen(resolve(base).document())
    name = base["stopping"]["name"]
    return {
        **_chosen(resolve({**base, "stopping": "never"}).document()),
        "stopping": {"name": name, **to_plain(stopping.get(name)())},
    }


def _differences(base: Document, wanted: Document, where: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted path, value) of what must be set."""
    for name, value in wanted.items():
        if isinstance(value, dict) and isinstance(base.get(name), dict):
            yield from _differences(base[name], value, f"{where}{name}.")
        elif name not in base or base[name] != value:
            yield f"{where}{name}", value


def _text(value: Any) -> str:
    """A value as typed."""
    return value if isinstance(value, str) and parse_value(value) == value else json.dumps(value)

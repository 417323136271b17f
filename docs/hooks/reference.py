"""The pages of the reference, as Markdown: of the package's rooms, of every setting, of the command line."""

import inspect
import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

import typer.main

import supernas
from supernas import spaces
from supernas.cli.app import app
from supernas.cli.describe import SECTIONS
from supernas.cli.parts import KINDS
from supernas.core.settings import describe

__all__ = ["api", "command_line", "pages", "settings"]

PLURAL = {
    "method": "Methods",
    "objective": "Objectives",
    "regulariser": "Regularisers",
    "stopping": "Stopping rules",
    "watch": "What is watched",
    "proxy": "Proxies",
    "space": "Spaces",
    "selector": "Selectors",
    "data": "Kinds of data",
}


def pages() -> dict[str, str]:
    """Every page: its path below the folder of the pages -> its Markdown."""
    made = {"reference/command-line.md": command_line()}
    made |= {f"reference/settings/{name}.md": text for name, text in settings().items()}
    made |= {f"reference/api/{name}.md": text for name, text in api().items()}
    return made


def settings() -> dict[str, str]:
    """Of each kind of part, and of the sections of a configuration, a page with every setting."""
    made = {}
    for kind, parts_of in KINDS.items():
        known = parts_of()
        parts = (_section(f"`{name}`", known.get(name), f"supernas describe {kind} {name}") for name in known.names())
        made[kind] = _page(PLURAL[kind], f"Every setting of every {kind}, as `{_written(kind)}`.", parts)
    made["section"] = _page("Sections", "Every setting of a configuration's other sections.", _sections())
    return made


def _written(kind: str) -> str:
    """How a setting of a part is written at the command line."""
    return {
        "watch": "--set watch.NAME.SETTING=VALUE",
        "proxy": "--set NAME.SETTING=VALUE",
        "selector": "--set derive.SETTING=VALUE",
    }.get(kind, f"--set {kind}.SETTING=VALUE")


def _sections() -> Iterator[str]:
    """Each section once for all spaces for which it is the same."""
    for name, of in SECTIONS.items():
        classes: dict[type, list[str]] = {}
        for space in spaces.names():
            classes.setdefault(of(spaces.get(space)), []).append(space)
        for kind, where in classes.items():
            title = f"`{name}`" if len(classes) == 1 else f"`{name}` of {', '.join(where)}"
            space = "" if len(classes) == 1 else f" --space {where[0]}"
            yield _section(title, kind, f"supernas describe section {name}{space}")


def _section(title: str, kind: type, command: str) -> str:
    rows = [
        (f"`{one.name}`", _with_equation(one.meaning, one.equation), f"`{one.default}`", one.type, one.range)
        for one in describe(kind)
    ]
    table = _table(("setting", "meaning", "default", "type", "range"), rows) if rows else "It has no settings."
    return f"## {title}\n\n{_headline(kind)}\n\n{table}\n\nAt the command line: `{command}`."


def _with_equation(meaning: str, equation: str) -> str:
    return f"{meaning} ({equation})" if equation else meaning


def command_line() -> str:
    """Every command with its arguments and options."""
    return _page("The command line", "`supernas COMMAND --help` says the same.", _commands(typer.main.get_command(app)))


def _commands(group: Any, *before: str) -> Iterator[str]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, *before, name)
        else:
            yield _command(command, " ".join((*before, name)))


def _command(command: Any, words: str) -> str:
    context = command.make_context(f"supernas {words}", [], resilient_parsing=True)
    records = (parameter.get_help_record(context) for parameter in command.get_params(context))
    rows = [(f"`{spelled}`", meaning) for spelled, meaning in filter(None, records)]
    table = _table(("argument or option", "meaning"), rows)
    usage = " ".join(command.get_usage(context).removeprefix("Usage:").split())
    return f"## `{words}`\n\n```text\n{usage}\n```\n\n{command.help or ''}\n\n{table}"


def api() -> dict[str, str]:
    """Of each room of the package a page with everything public in its modules."""
    made = {"index": _page("supernas", "What `import supernas` offers.", [_offered(), "::: supernas.api"])}
    for room, modules in sorted(_rooms().items()):
        package = import_module(f"supernas.{room}")
        own = [_own(package)] if _defined(package) else []
        made[room] = _page(room, _text(package), [*own, *(f"::: supernas.{room}.{module}" for module in modules)])
    return made


def _offered() -> str:
    """The names of the package itself, and where each is documented."""
    names = [name for name in supernas.__all__ if not name.startswith("__")]
    parts = [getattr(supernas, name) for name in names]
    rows = [(f"[`supernas.{name}`]{_place(part)}", _headline(part)) for name, part in zip(names, parts, strict=True)]
    return _table(("name", "what it is"), rows)


def _place(part: Any) -> str:
    """Where a link to what the package offers leads: to a room's page, or to the name on one."""
    return f"({part.__name__.removeprefix('supernas.')}.md)" if inspect.ismodule(part) else f"[{_path(part)}]"


def _path(part: Any) -> str:
    return f"{part.__module__}.{part.__qualname__}"


def _rooms() -> dict[str, list[str]]:
    """The path of each package -> its public modules, as paths below it."""
    rooms: dict[str, list[str]] = {}
    for info in pkgutil.walk_packages(supernas.__path__, "supernas."):
        path = info.name.removeprefix("supernas.")
        room, _, module = path.rpartition(".")
        hidden = any(part.startswith("_") for part in path.split("."))
        if info.ispkg or hidden or not room or not hasattr(import_module(info.name), "__all__"):
            continue
        rooms.setdefault(room, []).append(module)
    return rooms


def _defined(package: ModuleType) -> list[str]:
    """The functions that a package itself defines."""
    public = (name for name in vars(package) if not name.startswith("_"))
    return [name for name in public if _is_own(getattr(package, name), package)]


def _is_own(part: Any, package: ModuleType) -> bool:
    return inspect.isfunction(part) and _path(part) == f"{package.__name__}.{part.__name__}"


def _own(package: ModuleType) -> str:
    """The section of a package's own functions; what it takes from its modules stands there."""
    return f"::: {package.__name__}\n    options:\n      members: {_defined(package)}"


def _page(title: str, text: str, parts: Iterable[str]) -> str:
    return "\n\n".join((f"# {title}", text, *parts)) + "\n"


def _table(columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _text(part: Any) -> str:
    return (part.__doc__ or "").partition(">>>")[0].strip()


def _headline(part: Any) -> str:
    return _text(part).partition("\n\n")[0]

"""`supernas new`: a package with a part of one's own, to begin with."""

import keyword
import re
from importlib.util import find_spec
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from supernas.cli.parts import KINDS
from supernas.cli.rows import print_rows
from supernas.core.errors import UserError, unknown
from supernas.core.registry import NAME

__all__ = ["new"]

_STARTERS = Path(__file__).parent / "starters"
_LONGEST = 50  # letters of a name, which becomes one of files
_TRIES = {  # what shows the part at work
    "method": "supernas search --method {name} --epochs 2",
    "objective": "supernas search --method random-nas --objective {name} --epochs 2",
    "regulariser": "supernas search --method darts --regulariser {name} --epochs 2",
    "stopping": "supernas search --method random-nas --set stopping={name} --epochs 2",
    "watch": "supernas search --method random-nas --watch {name} --epochs 2",
    "proxy": "supernas score --sample 10 --proxy {name}",
    "space": "supernas search --method random-nas --space {name} --epochs 2",
    "selector": "supernas derive RUN --by {name}",
    "data": "supernas describe data {name}",
}

_PROJECT = Template("""\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "$package"
version = "0.1.0"
description = "The $what $name for supernas"
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["supernas"]

[project.entry-points."$group"]
$name = "$module:$cls"

[tool.setuptools]
py-modules = ["$module"]

[tool.pytest.ini_options]
testpaths = ["tests"]
addopts = "--supernas-contract $package"  # the common tests, which every part has to pass
""")
_TEST = Template('''\
"""What is special of the $what $name; the common tests run beside it."""

from supernas.cli.parts import KINDS

from $module import $cls


def test_it_is_known_by_its_name():
    assert KINDS["$kind"]().get("$name") is $cls


def test_its_defaults_are_settings():
    assert $cls() == $cls()
''')
_README = Template("""\
# $package

The $what `$name` for [supernas](https://pypi.org/project/supernas/): one file, `$module.py`.

```
pip install -e .
supernas describe $kind $name
$command
pytest
```

`pytest` runs the tests in `tests/` and the common tests of supernas over what `pyproject.toml` declares.
""")


def new(
    kind: Annotated[str, typer.Argument(help=", ".join(KINDS))],
    name: Annotated[str, typer.Argument(help="its name, such as my-own")],
    out: Annotated[Path | None, typer.Option(help="the folder to make (default supernas-<name>)")] = None,
) -> None:
    """Write a package with a part of your own that runs: one module, pyproject.toml, a test, a README."""
    if kind not in KINDS:
        raise unknown("kind", kind, KINDS)
    _check_name(kind, name)
    package, module = f"supernas-{name}", f"supernas_{name.replace('-', '_')}"
    if find_spec(module) is not None:
        raise UserError(f"there is a module {module} already, which the package would hide; take another name")
    folder = Path(package) if out is None else out
    starter = (_STARTERS / f"{kind}.py").read_text(encoding="utf-8")
    words = {
        "kind": kind,
        "name": name,
        "package": package,
        "module": module,
        "what": KINDS[kind]().what,
        "group": KINDS[kind]().group,
        "cls": _class_name(kind, name, starter),
        "command": _TRIES[kind].format(name=name),
    }
    written = {
        f"{module}.py": starter.replace("Example", words["cls"]).replace('"example"', f'"{name}"'),
        "pyproject.toml": _PROJECT.substitute(words),
        f"tests/test_{module.removeprefix('supernas_')}.py": _TEST.substitute(words),
        "README.md": _README.substitute(words),
    }
    _write(folder, written)
    print_rows({"package": str(folder), "the part": str(folder / f"{module}.py"), "next": f"pip install -e {folder}"})


def _check_name(kind: str, name: str) -> None:
    """Refuses what cannot be a name, or is one already."""
    if not NAME.fullmatch(name) or len(name) > _LONGEST:
        shown = re.sub(r"[^a-z0-9]+", "-", name.lower()).lstrip("-0123456789")[:_LONGEST].strip("-")
        raise UserError(
            f"{name!r} is no name for a {kind}; wanted at most {_LONGEST} small letters, digits and dashes, a letter "
            f"first, such as {shown or 'my-own'}"
        )
    registry = KINDS[kind]()
    if name in registry.names() or registry.offered(name):
        whose = registry.offered(name)
        raise UserError(
            f"there is a {registry.what} {name} already, of {whose or 'supernas itself'}; take another name"
        )


def _class_name(kind: str, name: str, starter: str) -> str:
    """`MyOwn` of `my-own`; with the kind after it where Python or the file has that word already."""
    words, kinds = ("".join(part.capitalize() for part in text.split("-")) for text in (name, kind))
    while keyword.iskeyword(words) or re.search(rf"\b{words}\b", starter):
        words += kinds
    return words


def _write(folder: Path, files: dict[str, str]) -> None:
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise UserError(f"{folder} is there already; choose another folder with --out") from None
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")

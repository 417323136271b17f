"""Packages as pip installs them, made by hand: a module and its metadata on a path."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

OBJECTIVE = '''
from supernas.core.settings import setting, settings
from supernas.steps.objectives.plain import Plain


@settings
class {name}(Plain):
    """Another name of the plain loss."""

    unused: float = setting(1.0, "nothing")
'''
NONE: Mapping[str, str] = MappingProxyType({})


def installed(site: Path, package: str, modules: Mapping[str, str], entries: str | Mapping[str, str] = NONE) -> Path:
    """Puts a package of version 1.5 into a folder; `entries` are of objectives, or the text of the file."""
    module = package.replace("-", "_")
    (site / f"{module}-1.5.dist-info").mkdir(parents=True)
    (site / f"{module}-1.5.dist-info" / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n"
    )
    if not isinstance(entries, str):
        lines = [f"{name} = {value}" for name, value in entries.items()]
        entries = "\n".join(["[supernas.objectives]", *lines])
    (site / f"{module}-1.5.dist-info" / "entry_points.txt").write_text(entries + "\n")
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)
    return site


def declared(folder: Path) -> None:
    """Puts the metadata of a package beside its module, as an installation from `pyproject.toml` has them."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, entries in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in entries.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")

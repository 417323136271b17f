"""What type checkers know of parts that join by the existence of their file: a stub beside each folder's `__init__`.

`python -m tests.typing.classes` from the root writes the stubs anew, after a part has come or gone.
"""

from pathlib import Path
from types import ModuleType

from supernas import methods, proxies, spaces
from supernas.runs import diagnostics, stopping
from supernas.steps import objectives, regularisers

PACKAGES = (methods, objectives, regularisers, proxies, stopping, diagnostics, spaces)
HEADER = "# Written by `python -m tests.typing.classes`: the parts of this folder, for type checkers.\n"


def stub(package: ModuleType) -> Path:
    return Path(str(package.__file__)).with_name("_classes.pyi")


def classes(package: ModuleType) -> str:
    """The content of a package's stub."""
    part = package.settings_class if package is spaces else package.get
    made = sorted((part(name) for name in package.names()), key=lambda kind: kind.__module__)
    made = [kind for kind in made if kind.__module__.startswith(f"{package.__name__}.")]  # not of other packages
    return HEADER + "".join(f"from {kind.__module__} import {kind.__name__} as {kind.__name__}\n" for kind in made)


if __name__ == "__main__":
    for package in PACKAGES:
        stub(package).write_text(classes(package))

"""Builds wheel and sdist, installs one after the other into a fresh environment, and uses each from another folder as a
user would.

Nothing of the repository is on the path: what the package lacks is found here, such as a template, a network's weights
or the marker of its types.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from environments import ROOT, create, run

CONSTRAINTS = ["-c", str(ROOT / "constraints.txt")]
SMALL = ["--epochs", "1", "--resolution", "4", "--set", "data.train_size=100"]
FIRST = [["--version"], ["list", "methods"], ["describe", "method", "e2nas"]]
COMMANDS = [
    *FIRST,
    ["search", *SMALL, "--set", "search.validation_images=20", "--set", "supernet.channels=2", "--out", "found"],
    ["train", "found", *SMALL, "--out", "trained"],
    ["report", "found"],
    ["cite", "found", "trained"],
    ["export", "trained"],
    ["new", "objective", "my-own"],
]
FILES = ["found/result.json", "found/cell.svg", "found/report.html", "trained/export-pytorch/predict.py"]
INSPECTION = """
import importlib.metadata, pathlib, sys, supernas
where = pathlib.Path(supernas.__file__).parent
assert where.is_relative_to(sys.prefix), f"{where} is not in the environment"
assert (where / "py.typed").is_file()
about = importlib.metadata.metadata("supernas")
assert about["Description-Content-Type"] == "text/markdown" and "](docs/" not in about.get_payload()
assert about.get_all("Project-URL") and about["Version"] == supernas.__version__
"""


def build(folder: Path) -> list[Path]:
    """The sdist, and the wheel that is made from it."""
    python = str(create(folder / "builder"))
    run([python, "-m", "pip", "install", "-q", "build"])
    run([python, "-m", "build", "--outdir", str(folder / "dist"), str(ROOT)])
    return sorted((folder / "dist").iterdir())


def environment(folder: Path) -> str:
    """The Python of a fresh environment, with torch alone: what else is needed comes with the first artifact."""
    python = str(create(folder))
    run([python, "-m", "pip", "install", "-q", *CONSTRAINTS, "torch"])
    return python


def use(artifact: Path, python: str, elsewhere: Path) -> None:
    """Installs what was built in place of what was there, and runs it in an empty folder. The wheel was made from the
    sdist, so what the one does need not be done again with the other.

    Raises:
        RuntimeError: if something fails, or a file is missing.
    """
    run([python, "-m", "pip", "uninstall", "-q", "-y", "supernas"])
    run([python, "-m", "pip", "install", "-q", *CONSTRAINTS, str(artifact)])
    run([python, "-m", "pip", "check"])
    elsewhere.mkdir()
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run([python, "-I", "-c", INSPECTION], elsewhere, bare)
    whole = artifact.suffix == ".whl"
    for words in COMMANDS if whole else FIRST:
        run([str(Path(python).with_name("supernas")), *words], elsewhere, bare)
    missing = [name for name in FILES if whole and not (elsewhere / name).is_file()]
    if missing:
        raise RuntimeError(f"{artifact.name} did not write {', '.join(missing)}")


def main() -> None:
    """Says of each artifact whether it works."""
    with tempfile.TemporaryDirectory() as place:
        python = environment(Path(place) / "environment")
        for artifact in build(Path(place)):
            started = time.perf_counter()
            try:
                use(artifact, python, Path(place) / f"with{artifact.suffix}")
            except RuntimeError as error:
                sys.exit(f"{artifact.name}: {error}")
            size, seconds = artifact.stat().st_size / 1e6, time.perf_counter() - started
            print(f"{artifact.name} ({size:.1f} MB): installed and used in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()

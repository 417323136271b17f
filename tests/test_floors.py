"""The house stands: a module imports from lower floors only, nobody in circles, and a name costs no library."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

import supernas

ROOT = Path(supernas.__file__).parent

FLOORS = (
    ("core",),
    ("data", "spaces"),
    ("networks", "benchmarks"),
    ("networks.costs", "proxies"),
    ("steps",),
    ("methods",),
    ("runs",),
    ("evaluation", "studies", "output"),
    ("api", "cli", "__init__", "__main__"),
)
FLOOR = {tuple(room.split(".")): floor for floor, rooms in enumerate(FLOORS) for room in rooms}
MODULES = sorted(path.relative_to(ROOT).with_suffix("").parts for path in ROOT.rglob("*.py"))


def imported(module: tuple[str, ...]) -> set[tuple[str, ...]]:
    """The modules of the package that a module imports anywhere in its code, functions included."""
    found: set[tuple[str, ...]] = set()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            paths = [alias.name.split(".") for alias in node.names]
            found |= {_module(path[1:]) for path in paths if path[0] == "supernas"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{'.'.join(module)} has a relative import"
            first, *path = (node.module or "").split(".")
            if first == "supernas":
                found |= {_module([*path, alias.name]) for alias in node.names}
    return found


def _tree(module: tuple[str, ...]) -> ast.Module:
    return ast.parse(ROOT.joinpath(*module).with_suffix(".py").read_text(encoding="utf-8"))


def _module(names: list[str]) -> tuple[str, ...]:
    """The module that a dotted path leads to; what follows are names in it."""
    for length in range(len(names), 0, -1):
        if tuple(names[:length]) in MODULES:
            return tuple(names[:length])
        if (*names[:length], "__init__") in MODULES:
            return (*names[:length], "__init__")
    return ("__init__",)


def floor(module: tuple[str, ...]) -> int:
    """That of the innermost room of which a floor is known."""
    for length in range(len(module), 0, -1):
        if module[:length] in FLOOR:
            return FLOOR[module[:length]]
    raise AssertionError(f"give {module[0]} a floor")


@pytest.mark.parametrize("module", MODULES, ids=".".join)
def test_imports_go_down(module):
    above = {name for name in imported(module) if floor(name) > floor(module)}
    assert not above, f"{'.'.join(module)} is on floor {floor(module)} and imports {sorted(map('.'.join, above))}"


def test_the_hall_has_few_doors():
    doors = {path.name for path in ROOT.iterdir()} - {"__pycache__", "py.typed"}
    assert len(doors) <= 16, f"{len(doors)} doors: {sorted(doors)}"


def test_nobody_imports_in_circles():
    for graph in (
        {module: imported(module) - {module} for module in MODULES},
        _rooms(),
    ):
        graphlib.TopologicalSorter(graph).prepare()  # raises CycleError


def _rooms() -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = {}
    for module in MODULES:
        rooms.setdefault(module[0], set()).update(name[0] for name in imported(module))
    return {room: names - {room} for room, names in rooms.items()}


def test_the_test_sees_imports():
    assert ("runs", "configuration") in imported(("runs", "search"))
    assert ("methods", "__init__") in imported(("runs", "configuration"))  # from supernas import methods
    assert "torch" in _libraries(("runs", "loop"))


def loaded_by(code: str) -> set[str]:
    """The modules that a fresh interpreter holds after some code."""
    code = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_loads_no_heavy_library():
    heavy = {"matplotlib", "scipy.stats", "sklearn", "tensorboard", "torch.utils.tensorboard", "networkx", "pooch"}
    public = "import supernas\nfor name in supernas.__all__: getattr(supernas, name)"
    assert heavy & loaded_by(public) == set()


def test_spaces_need_no_torch():
    reached, waiting = set(), {module for module in MODULES if module[0] == "spaces"}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting |= imported(module) - reached - {("__init__",)}
    with_torch = {module for module in reached if "torch" in _libraries(module)}
    assert ("core", "errors") in reached
    assert with_torch == set()


def _libraries(module: tuple[str, ...]) -> set[str]:
    found = set()
    for node in ast.walk(_tree(module)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found |= {name.partition(".")[0] for name in names}
    return found

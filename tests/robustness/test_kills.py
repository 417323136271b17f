"""kill -9 at random moments of what asks supernets and scores: the same command then comes to the same end."""

import json
import random
from pathlib import Path

import pytest

from .campaign import words
from .door import LIMIT, command
from .world import build, copied

KILLS = 8
COMMANDS = {
    "score": ("score --sample 30 --config score.json --workers 1 --out new", ("score.json",), "new/*.jsonl"),
    "derive": (
        "derive search --by top-k --candidates 6 --top 2 --epochs 1 --images 16 --workers 1",
        ("search",),
        "search/derive-top-k-*.json",
    ),
    "study": (
        "study study.toml --out new --workers 1",
        ("study.toml", "table.safetensors"),
        "new/*/result.json",
    ),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build(tmp_path_factory.mktemp("kills") / "whole" / "world")


def left(folder: Path, pattern: str) -> list[object]:
    """What stands in the files, apart from times."""
    files = sorted(folder.glob(pattern))
    assert files
    texts = [line for file in files for line in ([file.read_text()], file.read_text().splitlines())[_lines(file)]]
    return [_timeless(json.loads(text)) for text in texts]


def _lines(file: Path) -> bool:
    return file.suffix == ".jsonl"


def _timeless(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: _timeless(inner) for name, inner in value.items() if "seconds" not in name}


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments(name, world, tmp_path):
    line, needs, pattern = COMMANDS[name]

    def run(folder: Path, limit: float = LIMIT):
        return command(*words(line.split(), folder), folder=folder, limit=limit)

    whole = copied(world, needs, tmp_path / "whole")
    seconds = run(whole).seconds
    generator = random.Random(name)
    killed = 0
    for number in range(3 * KILLS):
        folder = copied(world, needs, tmp_path / str(number))
        killed += run(folder, generator.uniform(0, 1) * seconds).code is None
        again = run(folder)
        assert again.code == 0, again
        assert left(folder, pattern) == left(whole, pattern)
        if killed == KILLS:
            break
    assert killed == KILLS

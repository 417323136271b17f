"""kill -9 at random moments of what takes long: the same command, typed again, leaves what an undisturbed one does.

A moment is a random one of the file operations of a command, and a random short while after it: most of a command's
time goes by without anything on the disk that could be left half done.
"""

import csv
import json
import os
import random
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .campaign import words
from .door import Outcome, call, typed
from .world import copied

LIMIT = 900.0
LONGEST = 0.05  # seconds between a file operation and the kill
OPERATIONS = ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir")
COLUMN = "--dataset cifar10 --split test --epochs 200 --trained-on train+valid"


@dataclass(frozen=True)
class Command:
    """A command that can be typed again, what it needs, and how many kills it gets among the many, and the few."""

    line: str
    needs: tuple[str, ...]
    many: int
    few: int = 0


COMMANDS = {
    "search": Command("search --config search.json --track 3 --out new --resume", ("search.json",), 18, 1),
    "train": Command("train 6111 --config train.json --out new --resume", ("train.json",), 18),
    "score": Command("score --sample 12 --config score.json --workers 1 --out new", ("score.json",), 18, 2),
    "derive": Command(
        "derive search --by top-k --candidates 6 --top 2 --epochs 1 --images 16 --workers 1", ("search",), 16, 1
    ),
    "correlate": Command(
        f"correlate search --benchmark table.safetensors {COLUMN} --architectures 8 --images 16 --workers 1",
        ("search", "table.safetensors"),
        14,
    ),
    "import": Command("benchmark import accuracies.csv new.safetensors", ("accuracies.csv",), 10),
    "study": Command("study study.toml --out new --workers 1", ("study.toml", "table.safetensors"), 6),
}
SHARED = {name: COMMANDS[name] for name in ("score", "derive", "correlate")}


# -- a command that is killed ------------------------------------------------------------------------------------------


def counted(*words: str) -> None:
    """A command that says at its end how many file operations there were; runs in a fork."""
    operations = [0]

    def count() -> None:
        operations[0] += 1

    _at_operations(count)
    try:
        typed(*words)
    finally:
        print(f"operations: {operations[0]}")


def killed(after: int, seconds: float, *words: str) -> None:
    """A command that dies so many file operations, and then seconds, after its start; runs in a fork."""
    left = [after]

    def count() -> None:
        left[0] -= 1
        if left[0] == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)  # which ends a process as SIGKILL does: nothing is tidied up
            signal.setitimer(signal.ITIMER_REAL, seconds)

    _at_operations(count)
    typed(*words)


def _at_operations(call: Any) -> None:
    here = str(Path.cwd())

    def listen(event: str, arguments: tuple[Any, ...]) -> None:
        named = event in OPERATIONS and isinstance(arguments[0], str | bytes | os.PathLike)
        if named and os.path.abspath(os.fsdecode(arguments[0])).startswith(here):
            call()

    sys.addaudithook(listen)


def moment(seed: str, operations: int) -> tuple[int, float]:
    """When to kill."""
    generator = random.Random(seed)
    return generator.randint(1, operations), generator.uniform(1e-6, LONGEST)


# -- what is left ------------------------------------------------------------------------------------------------------


def left(folder: Path) -> dict[str, object]:
    """What stands in all files, apart from times, and from what only serves to go on."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not _passing(path))
    return {str(path.relative_to(folder)): _content(path) for path in files}


def _passing(path: Path) -> bool:
    return path.suffix == ".pt" or path.name == "log.txt"


def _content(path: Path) -> object:
    if path.name == "tables.json":
        return sorted(json.loads(path.read_text())["files"])  # of tables with minutes
    if path.suffix == ".json":
        return _timeless(json.loads(path.read_text()))
    if path.suffix == ".jsonl":
        return [_timeless(json.loads(line)) for line in path.read_text().splitlines()]
    if path.name == "table.csv":
        rows = csv.DictReader(path.read_text().splitlines())
        return [{name: value for name, value in row.items() if "minutes" not in name} for row in rows]
    if path.name.startswith("table."):
        return "minutes"  # are in it
    return path.read_bytes()


def _timeless(value: object) -> object:
    if isinstance(value, list):
        return [_timeless(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {name: _timeless(inner) for name, inner in value.items() if "seconds" not in name}


# -- the tests ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Whole:
    """A command, what it leaves when nothing disturbs it, and how many file operations that takes."""

    command: Command
    left: dict[str, object]
    operations: int


@pytest.fixture(scope="module")
def whole(campaign, tmp_path_factory):
    known: dict[str, Whole] = {}

    def undisturbed(name: str) -> Whole:
        if name not in known:
            command = COMMANDS[name]
            folder = copied(campaign.world, command.needs, tmp_path_factory.mktemp(name) / "whole")
            outcome = call(counted, *words(command.line.split(), folder), folder=folder, limit=LIMIT)
            assert outcome.code == 0, outcome
            known[name] = Whole(command, left(folder), int(outcome.out.rpartition("operations: ")[2]))
        return known[name]

    return undisturbed


def again(command: Command, folder: Path) -> Outcome:
    """The same command, which nothing disturbs."""
    return call(typed, *words(command.line.split(), folder), folder=folder, limit=LIMIT)


def tried(one: Whole, world: Path, place: Path, seed: str, kills: int) -> list[str]:
    """Kills a command so many times, each in a folder of its own; of which of them the end differs."""
    differing = []
    for number in range(kills):
        folder = copied(world, one.command.needs, place / f"{seed}-{number}")
        after, seconds = moment(f"{seed} {number}", one.operations)
        first = call(killed, after, seconds, *words(one.command.line.split(), folder), folder=folder, limit=LIMIT)
        end = again(one.command, folder)
        if end.code != 0 or left(folder) != one.left:
            differing.append(f"{seed} {number}, killed after {after} of {one.operations}: {first} {end}")
        assert first.code in (None, 0), first
    return differing


FEW = {name: command for name, command in COMMANDS.items() if command.few}


@pytest.mark.parametrize("name", FEW)
def test_killed_at_a_random_moment(name, whole, campaign, tmp_path):
    assert not tried(whole(name), campaign.world, tmp_path, f"few {name}", FEW[name].few)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_many_random_moments(name, whole, campaign, tmp_path, capsys):
    one = whole(name)
    differing = tried(one, campaign.world, tmp_path, f"many {name}", one.command.many)
    with capsys.disabled():
        print(f"\n{name}: {one.command.many} kills, {len(differing)} differing")
    assert not differing, "\n".join(differing)


@pytest.mark.slow
@pytest.mark.parametrize("name", SHARED)
def test_killed_while_a_second_process_wants_the_same(name, whole, campaign, tmp_path, capsys):
    """The second is refused, or takes over from the first; they never mix."""
    one, refused, differing = whole(name), 0, []
    for number in range(4):
        folder = copied(campaign.world, one.command.needs, tmp_path / str(number))
        line, (after, seconds) = words(one.command.line.split(), folder), moment(f"two {name} {number}", one.operations)
        with ThreadPoolExecutor(1) as pool:
            first = pool.submit(call, killed, after, seconds, *line, folder=folder, limit=LIMIT)
            second = again(one.command, folder)
        assert second.code == 0 or "in use by process" in second.err or "just begun" in second.err, second
        refused += second.code != 0
        end = again(one.command, folder)
        if end.code != 0 or left(folder) != one.left:
            differing.append(f"{number}: {first.result()} {second} {end}")
    with capsys.disabled():
        print(f"\n{name} by two processes, one killed: 4 kills, {refused} refusals, {len(differing)} differing")
    assert not differing, "\n".join(differing)


def test_the_judge_sees_what_differs(whole, campaign, tmp_path):
    """A judge that calls everything equal would prove nothing."""
    one = whole("score")
    folder = copied(campaign.world, one.command.needs, tmp_path / "folder")
    assert again(one.command, folder).code == 0
    assert left(folder) == one.left
    file = next(folder.glob("new/*.jsonl"))
    lines = file.read_text().splitlines(keepends=True)
    for damaged in ("".join(lines[:-1]), "".join([*lines, lines[-1]]), "".join([lines[0], *reversed(lines[1:])])):
        file.write_text(damaged)
        assert left(folder) != one.left
    file.write_text("".join(lines))
    (folder / "new" / ".x.json.1.part").touch()
    assert left(folder) != one.left

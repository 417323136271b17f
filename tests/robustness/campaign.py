"""Whatever the commands read is damaged, by seed, and each command is judged by what it says, does and touches.

`python -m robustness.campaign --seed 0 --cases 300` (from `tests/`) prints what was counted, and every fault.
"""

import argparse
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from .damage import EXECUTED, Damage, a_link_outside, damages
from .door import Outcome, command
from .world import SECRET, build, copied

__all__ = ["COMMANDS", "FAULTS", "Campaign", "Case", "Command", "main", "run", "verdict_of", "words"]

MEGABYTES = 500
FAULTS = ("traceback", "hang", "memory", "executed", "foreign", "terminal", "not one line", "silently wrong")


@dataclass(frozen=True)
class Command:
    """A command, what it reads, and what may change in its answer.

    Attributes:
        line: as typed, in a folder that holds a copy of `needs`.
        needs: what lies in that folder.
        reads: patterns of the files below it that are damaged.
        sealed: patterns of those which supernas wrote and whose content it can vouch for: an answer from a damaged one
            is the answer from the whole one.
        cost: seconds of a run that comes to its end, roughly; dear commands come up more rarely.
    """

    line: str
    needs: tuple[str, ...]
    reads: tuple[str, ...]
    sealed: tuple[str, ...] = ()
    cost: float = 1.0


_RUN = ("config.json", "result.json", "metrics.jsonl", "*.svg", "derive-*.json", "tracked.json")
_WEIGHTS = ("*.safetensors",)
_COLUMN = "--dataset cifar10 --split test --epochs 200 --trained-on train+valid"
_CELL = "train 6111 --config small.json --out new"


def _below(folder: str, *names: str) -> tuple[str, ...]:
    return tuple(f"{folder}/{name}" for name in names)


COMMANDS = (
    Command("show search", ("search",), _below("search", "config.json", "result.json")),
    Command(
        f"query search --benchmark table.safetensors {_COLUMN}",
        ("search", "table.safetensors"),
        ("table.safetensors", "search/result.json"),
        _WEIGHTS,
    ),
    Command("benchmark info table.safetensors", ("table.safetensors",), ("table.safetensors",), _WEIGHTS),
    Command(
        "benchmark baselines table.safetensors --evaluations 20 --runs 1",
        ("table.safetensors",),
        ("table.safetensors",),
        _WEIGHTS,
    ),
    Command("benchmark import accuracies.csv new.safetensors", ("accuracies.csv",), ("accuracies.csv",)),
    Command("benchmark import official.pth new.safetensors", ("official.pth",), ("official.pth",)),
    Command(
        "benchmark import NATS-tss-v1_0-3ffb9.pickle.pbz2 new.safetensors",
        ("NATS-tss-v1_0-3ffb9.pickle.pbz2",),
        ("NATS-tss-v1_0-3ffb9.pickle.pbz2",),
    ),
    Command(
        "benchmark import NATS-tss-v1_0-3ffb9-simple new.safetensors",
        ("NATS-tss-v1_0-3ffb9-simple",),
        ("NATS-tss-v1_0-3ffb9-simple/*",),
    ),
    Command("report search", ("search",), _below("search", *_RUN)),
    Command("report train", ("train",), _below("train", *_RUN)),
    Command("report stopped-search", ("stopped-search",), _below("stopped-search", *_RUN)),
    Command("report study", ("study",), ("study/*.json", "study/*/*.json", "study/*/*.jsonl", "study/*.md"), cost=2),
    Command(
        "study study.toml --out study --table-only",
        ("study.toml", "study", "table.safetensors"),
        ("study.toml", "study/*/*.json", "study/*/*.jsonl", "study/*.json"),
    ),
    Command("search --config search.json --out new", ("search.json",), ("search.json",), cost=2),
    Command(
        "search --config search.json --track 3 --out stopped-search --resume",
        ("search.json", "stopped-search"),
        _below("stopped-search", "checkpoint.pt", "config.json", "metrics.jsonl", "tracked.json"),
        ("checkpoint.pt", "metrics.jsonl"),
        cost=2,
    ),
    Command(
        "search --config search.json --out new --from search",
        ("search.json", "search"),
        _below("search", "config.json", "result.json", "supernet.safetensors"),
        _WEIGHTS,
        cost=2,
    ),
    Command(_CELL, ("small.json",), ("small.json",)),
    Command(
        "train search --config small.json --out new",
        ("small.json", "search"),
        _below("search", "config.json", "result.json"),
    ),
    Command(
        "train search/derive-*.json --config small.json --out new", ("small.json", "search"), ("search/derive-*.json",)
    ),
    Command(
        "train 6111 --config train.json --out stopped-train --resume",
        ("train.json", "stopped-train"),
        _below("stopped-train", "checkpoint.pt", "config.json", "metrics.jsonl"),
        ("checkpoint.pt", "metrics.jsonl"),
    ),
    Command(
        "train 6111 --config train.json --out new --from train",
        ("train.json", "train"),
        _below("train", "config.json", "result.json", "weights.safetensors"),
        _WEIGHTS,
    ),
    Command(
        "derive search --by best-sampled --candidates 5 --images 16 --workers 1",
        ("search",),
        _below("search", "config.json", "result.json", "supernet.safetensors", "metrics.jsonl", "accuracies-*.jsonl"),
        _WEIGHTS,
    ),
    Command(
        "derive search --by ranks --candidates 3 --images 16 --workers 1",
        ("search",),
        _below("search", "scores-*.jsonl", "accuracies-*.jsonl"),
    ),
    Command(
        f"correlate search --benchmark table.safetensors {_COLUMN} --architectures 5 --images 16 --workers 1",
        ("search", "table.safetensors"),
        ("table.safetensors", *_below("search", "config.json", "result.json", "supernet.safetensors")),
        _WEIGHTS,
        cost=2,
    ),
    Command(
        f"score --sample 4 --config score.json --benchmark table.safetensors {_COLUMN} --workers 1 --out new",
        ("score.json", "table.safetensors"),
        ("score.json", "table.safetensors"),
        _WEIGHTS,
    ),
    Command(
        "retrain search --epochs 1",
        ("search",),
        _below("search", "config.json", "result.json", "tracked.json", "metrics.jsonl"),
        cost=4,
    ),
    Command(
        "export train --out new",
        ("train",),
        _below("train", "config.json", "result.json", "weights.safetensors"),
        _WEIGHTS,
        cost=6,
    ),
    Command(
        "autoencoder evaluate --file autoencoder.safetensors --draws 5",
        ("autoencoder.safetensors", "autoencoder.json"),
        ("autoencoder.*",),
        ("autoencoder.*",),
        cost=3,
    ),
    *(
        Command(f"{_CELL} --data {source} --resolution 4", ("small.json", source), (f"{source}/*",))
        for source in ("images", "idx")
    ),
    Command(f"{_CELL} --data cifar/cifar-10-batches-py --resolution 4", ("small.json", "cifar"), ("cifar/*",)),
    Command(f"{_CELL} --data arrays.npz --resolution 4", ("small.json", "arrays.npz"), ("arrays.npz",)),
    Command(
        "train DARTS_V2 --space darts-rnn --config text.json --data texts --out new",
        ("text.json", "texts"),
        ("texts/*",),
    ),
)


@dataclass(frozen=True)
class Case:
    """A command, a file of those that it reads, and what is done to it; all by the case's own generator."""

    number: int
    seed: int
    command: Command
    file: Path
    damage: Damage

    def __str__(self) -> str:
        return f"{self.seed}-{self.number}: {self.command.line} [{self.file}: {self.damage.__name__}]"

    @property
    def generator(self) -> random.Random:
        """Draws what the damage leaves open."""
        return random.Random(f"{self.seed} {self.number} damage")


class Campaign:
    """Cases over one world, each in a copy of its own.

    Args:
        root: a folder that nothing else uses.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = build(root / "whole" / "world")

    @cached_property
    def answers(self) -> dict[Command, Outcome]:
        """What each command says of whole files."""
        whole = {one: self._run(one, self.root / f"whole-{number}") for number, one in enumerate(COMMANDS)}
        wrong = [f"{one.line}: {outcome}" for one, outcome in whole.items() if outcome.code != 0]
        assert not wrong, "\n".join(wrong)
        return whole

    def cases(self, seed: int, count: int) -> Iterator[Case]:
        """So many cases, which each command shares in."""
        generator = random.Random(seed)
        weights = [1 / one.cost for one in COMMANDS]
        for number in range(count):
            chosen = COMMANDS[number] if number < len(COMMANDS) else generator.choices(COMMANDS, weights)[0]
            file = generator.choice(self._files(chosen))
            yield Case(number, seed, chosen, file, generator.choice(damages(self.world / file)))

    def _files(self, one: Command) -> list[Path]:
        below = sorted(path.relative_to(self.world) for path in self.world.rglob("*") if path.is_file())
        return [path for path in below if any(fnmatch(str(path), pattern) for pattern in one.reads)]

    def judged(self, case: Case) -> tuple[str, Outcome]:
        """(verdict, what the command did)."""
        folder = self.root / f"{case.seed}-{case.number}" / "work"
        outcome = self._run(case.command, folder.parent, case)
        verdict = verdict_of(case, outcome, self.answers[case.command], folder)
        shutil.rmtree(folder.parent)
        return verdict, outcome

    def _run(self, one: Command, place: Path, case: Case | None = None) -> Outcome:
        folder = copied(self.world, one.needs, place / "work")
        shutil.copytree(self.world.with_name("outside"), place / "outside")
        if case:
            case.damage(folder / case.file, case.generator)
        return command(*words(one.line, folder), folder=folder)


def words(line: str, folder: Path) -> list[str]:
    """The words of a command, as a shell splits it, with the first file that a pattern names."""
    named = ((word, sorted(folder.glob(word)) if "*" in word else []) for word in line.split())
    return [str(found[0].relative_to(folder)) if found else word for word, found in named]


# -- what is asked of a command ----------------------------------------------------------------------------------------


_NET = "a defect of supernas"  # what the last net says: a traceback that was not foreseen


def verdict_of(case: Case, outcome: Outcome, whole: Outcome, folder: Path) -> str:
    """The first fault, or how the command came out of it well."""
    outside = folder.with_name("outside")
    said = outcome.out + outcome.err
    written = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    faults = {
        "executed": (outside / EXECUTED).exists() or any(not _expected(start) for start in outcome.started),
        "hang": outcome.code is None,
        "traceback": "Traceback" in said or _NET in said or outcome.code not in (None, 0, 1, 2),
        "memory": outcome.megabytes > MEGABYTES,
        "foreign": SECRET in said or _reads(case, outcome, outside) or any(SECRET in _text(path) for path in written),
        "terminal": re.search(r"[^\n\t\r -~\xa0-\u2027\u2030-\u2065\u2070-\ud7ff\ue000-\U0010ffff]", said) is not None,
        "not one line": outcome.code in (1, 2) and not _one_line(outcome),
        "silently wrong": outcome.code == 0 and _wrong(case, outcome, whole),
    }
    return next((fault for fault in FAULTS if faults[fault]), "refused" if outcome.code else "right")


def _expected(start: str) -> bool:
    """A process of this very interpreter checks an export."""
    return sys.executable in start or "lscpu" in start


def _reads(case: Case, outcome: Outcome, outside: Path) -> bool:
    """A folder from a stranger leads nowhere else; a file that the user names may be a link."""
    from_strangers = case.file.parts[0] in ("search", "train", "study", "stopped-search", "stopped-train")
    return (
        case.damage is a_link_outside
        and from_strangers
        and any(name.startswith(str(outside)) for name in outcome.opened)
    )


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(10_000_000).decode("utf-8", "replace")  # a damaged one may be endless


def _one_line(outcome: Outcome) -> bool:
    """The last line says what is wrong; it is the only one that does."""
    lines = [line for line in outcome.err.splitlines() if line.startswith("supernas: ")]
    failed_runs = outcome.code == 1 and "FAILED" in outcome.err
    return failed_runs or (len(lines) == 1 and outcome.err.splitlines()[-1] == lines[0])


def _wrong(case: Case, outcome: Outcome, whole: Outcome) -> bool:
    if re.search(r"\b(nan|inf)\b", outcome.out):
        return True
    sealed = any(fnmatch(case.file.name, pattern) for pattern in case.command.sealed)
    return sealed and _timeless(outcome.out) != _timeless(whole.out)


def _timeless(text: str) -> str:
    """Without what may differ between two runs."""
    lines = (line for line in text.splitlines() if not re.search(r"second|\b\d+ s\b|\bs;", line))
    return "\n".join(lines)


# -- the door ----------------------------------------------------------------------------------------------------------


def run(campaign: Campaign, seed: int, count: int, workers: int = 2) -> tuple[Counter[str], list[str], float]:
    """(how often each verdict, the faults, most megabytes above the start)."""
    campaign.answers  # noqa: B018  # before the threads that ask for it
    cases = list(campaign.cases(seed, count))
    with ThreadPoolExecutor(workers) as pool:
        judged = list(pool.map(campaign.judged, cases))
    faults = [
        f"{verdict}: {case}\n    {outcome.code} {outcome.seconds:.1f} s {outcome.megabytes:.0f} MB "
        f"{outcome.started} {outcome.err[-600:]!r}{outcome.out[-200:]!r}"
        for case, (verdict, outcome) in zip(cases, judged, strict=True)
        if verdict in FAULTS
    ]
    return Counter(verdict for verdict, _ in judged), faults, max(outcome.megabytes for _, outcome in judged)


def main() -> None:
    """Prints what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--only", type=int, help="the number of one case")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        campaign = Campaign(Path(root))
        if asked.only is not None:
            case = list(campaign.cases(asked.seed, asked.only + 1))[-1]
            print(case, *campaign.judged(case), sep="\n")
            return
        counts, faults, most = run(campaign, asked.seed, asked.cases)
        print("\n".join(faults), dict(counts), f"at most {most:.0f} MB above the start", sep="\n")


if __name__ == "__main__":
    main()

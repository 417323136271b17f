"""Whatever the commands read is damaged, by seed, or something hostile is typed; each is judged by what it says, does
and touches.

`python -m robustness.campaign --seed 0 --cases 300` (from `tests/`) prints what was counted, and every fault.
"""

import argparse
import hashlib
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from .commands import COMMANDS, OWN, Command
from .damage import PLACES, Damage, a_link_outside, damages, missing
from .door import Outcome, command
from .judge import FAULTS, Answer, Suspect, answered, verdict_of, wrong
from .served import served
from .typed import typed_words
from .world import build, copied

__all__ = ["Campaign", "Case", "main", "run", "words"]

_TYPED = 0.3  # part of the cases in which something is typed
_DAMAGED = tuple(one for one in COMMANDS if one.reads)


@dataclass(frozen=True)
class Case:
    """A command, and what is wrong with what it is given; all by the case's own generator.

    Attributes:
        file: that is damaged; None where something is typed.
        damage: what is done to it.
    """

    number: int
    seed: int
    command: Command
    file: Path | None = None
    damage: Damage | None = None

    def __str__(self) -> str:
        what = f"{self.file}: {self.damage.__name__}" if self.damage else f"typed {self.typed()!r:.300}"
        return f"{self.seed}-{self.number}: {self.command.line} [{what}]"

    @property
    def generator(self) -> random.Random:
        """Draws what the damage leaves open."""
        return random.Random(f"{self.seed} {self.number} damage")

    @property
    def suspect(self) -> Suspect:
        """What the judge has to know."""
        own = any(fnmatch(str(self.file), pattern) for pattern in OWN) or "{sha256}" in self.command.line
        return Suspect(self.file, own, self.damage is missing, self.damage is a_link_outside)

    def typed(self) -> list[str]:
        """The words of the command line."""
        line = self.command.line.split()
        return line if self.damage else typed_words(self.command, line, self.generator)


class Campaign:
    """Cases over one world, each in a copy of its own.

    Args:
        root: a folder that nothing else uses.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.world = build(root / "whole" / "world")

    @cached_property
    def answers(self) -> dict[Command, Answer]:
        """What each command says of whole files."""
        whole = {one: self._answer(one, self.root / f"whole-{number}") for number, one in enumerate(_DAMAGED)}
        bad = [f"{one.line}: {answer.outcome}" for one, answer in whole.items() if answer.outcome.code != 0]
        assert not bad, "\n".join(bad)
        return whole

    def cases(self, seed: int, count: int) -> Iterator[Case]:
        """So many cases, which each command shares in: with each file that it reads damaged, and typed otherwise."""
        generator = random.Random(seed)
        each = [(one, bool(one.reads)) for one in COMMANDS]
        for number in range(count):
            chosen, damaged = each[number] if number < len(each) else self._drawn(generator)
            if not damaged:
                yield Case(number, seed, chosen)
                continue
            file = generator.choice(self.files(chosen))
            fitting = damages(self.world / file)
            if "{server}" in chosen.line:  # what is sent is content, whatever it lay in
                fitting = tuple(damage for damage in fitting if damage not in PLACES)
            yield Case(number, seed, chosen, file, generator.choice(fitting))

    def _drawn(self, generator: random.Random) -> tuple[Command, bool]:
        damaged = generator.random() >= _TYPED
        among = _DAMAGED if damaged else COMMANDS
        return generator.choices(among, [1 / one.cost for one in among])[0], damaged

    def files(self, one: Command) -> list[Path]:
        """What of the world a command reads."""
        below = sorted(path.relative_to(self.world) for path in self.world.rglob("*") if path.is_file())
        return [path for path in below if any(fnmatch(str(path), pattern) for pattern in one.reads)]

    def judged(self, case: Case) -> tuple[str, Outcome]:
        """(verdict, what the command did)."""
        folder = self.root / f"{case.seed}-{case.number}" / "work"
        answer = self._answer(case.command, folder.parent, case)
        whole = self.answers.get(case.command, Answer(Outcome(0)))
        verdict = verdict_of(case.suspect, answer, whole, folder)
        if verdict == "silently wrong":
            verdict += f" ({wrong(case.suspect, answer, whole, folder)})"
        shutil.rmtree(folder.parent)
        return verdict, answer.outcome

    def _answer(self, one: Command, place: Path, case: Case | None = None) -> Answer:
        folder = copied(self.world, one.needs, place / "work")
        shutil.copytree(self.world.with_name("outside"), place / "outside")
        line = one.line.split()
        if case:
            line = case.typed()
            self._spoil(folder, case)
        with served(folder) as address:
            outcome = command(*words(line, folder, address), folder=folder)
        return answered(outcome, folder)

    def _spoil(self, folder: Path, case: Case) -> None:
        if case.damage and case.file:
            case.damage(folder / case.file, case.generator)
        else:
            _traps(folder)


def _traps(folder: Path) -> None:
    """What a typed path may lead to."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nothing")


def words(line: list[str], folder: Path, address: str = "") -> list[str]:
    """The words of a command with the first file that a pattern names, the address and the checksum filled in."""
    return [_filled(_named(word, folder), folder, address, line) for word in line]


def _named(word: str, folder: Path) -> str:
    found = sorted(folder.glob(word)) if word.count("*") == 1 and "/" in word else []
    return str(found[0].relative_to(folder)) if found else word


def _filled(word: str, folder: Path, address: str, line: list[str]) -> str:
    if "{sha256}" in word:
        file = next((folder / other.rpartition("/")[2] for other in line if "{server}" in other), folder)
        content = b""
        with suppress(OSError):
            content = _beginning(file)
        word = word.replace("{sha256}", hashlib.sha256(content).hexdigest())
    return word.replace("{server}", address)


def _beginning(file: Path) -> bytes:
    if not file.is_file():
        return b""
    with file.open("rb") as opened:
        return opened.read(100_000_000)


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
        if verdict.partition(" (")[0] in FAULTS
    ]
    counts = Counter(verdict.partition(" (")[0] for verdict, _ in judged)
    return counts, faults, max(outcome.megabytes for _, outcome in judged)


def main() -> None:
    """Prints what was counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, nargs="+", default=[0])
    parser.add_argument("--cases", type=int, default=300)
    parser.add_argument("--only", type=int, help="the number of one case")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        campaign = Campaign(Path(root))
        for seed in asked.seed:
            if asked.only is not None:
                case = list(campaign.cases(seed, asked.only + 1))[-1]
                print(case, *campaign.judged(case), sep="\n")
                continue
            counts, faults, most = run(campaign, seed, asked.cases)
            print(*faults, f"seed {seed}: {dict(counts)}, at most {most:.0f} MB above the start", sep="\n", flush=True)


if __name__ == "__main__":
    main()

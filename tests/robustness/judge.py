"""What is asked of a command that was given something damaged: the first fault, or how it came out of it well.

A damaged file is refused, or the answer is that of the whole file: what is printed, and every file that is written, by
content. Only a user's own files (`commands.OWN`) may say something else, since nobody could know what was meant: what a
configuration says must then stand in the `config.json` of the run. A file that is gone is not damaged: the answer is
that of what is left. Times are no part of an answer.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from supernas.core.records import digest_file

from .damage import EXECUTED
from .door import Outcome
from .world import SECRET

__all__ = ["FAULTS", "Answer", "Suspect", "answered", "verdict_of"]

MEGABYTES = 500
FAULTS = ("traceback", "hang", "memory", "executed", "foreign", "terminal", "not one line", "silently wrong")

_FREE = r"second|\b\d+ s\b|\bs;|127\.0\.0\.1|checkpoint_minutes|&#34;(device|directory)&#34;"
_NET = "a defect of supernas"  # what the last net says: a traceback that was not foreseen
_UNCOUNTED = ("log.txt", "claim.json", "checkpoint*", "*.log", "*.part", "metrics.jsonl.damaged")
_STRANGERS = ("search", "gdas", "train", "study", "language", "trained", "stopped-search", "stopped-train")


@dataclass(frozen=True)
class Suspect:
    """What was wrong with what a command was given.

    Attributes:
        file: that was damaged; None where something was typed.
        own: whether it is the user's own, or has the checksum that the user gave.
        gone: whether it was taken away.
        linked: whether it leads out of its folder.
    """

    file: Path | None = None
    own: bool = False
    gone: bool = False
    linked: bool = False


@dataclass(frozen=True)
class Answer:
    """What a command did, and what it wrote: name -> digest or text without times."""

    outcome: Outcome
    written: Mapping[str, str] = field(default_factory=dict)


def answered(outcome: Outcome, folder: Path) -> Answer:
    """The answer of a command that ran in a folder."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    counted = [path for path in files if not any(fnmatch(path.name, pattern) for pattern in _UNCOUNTED)]
    return Answer(outcome, {str(path.relative_to(folder)): _content(path) for path in counted})


def _content(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(10_000_000)  # a damaged one may be endless
    if path.suffix in (".html", ".md", ".svg", ".py", ".txt"):
        return _timeless(content.decode("utf-8", "replace"))
    return digest_file(path.name, content)


def verdict_of(suspect: Suspect, answer: Answer, whole: Answer, folder: Path) -> str:
    """The first fault, or `refused` or `right`."""
    outcome = answer.outcome
    outside = folder.with_name("outside")
    said = outcome.out + outcome.err
    faults = {
        "executed": (outside / EXECUTED).exists() or any(not _expected(start) for start in outcome.started),
        "hang": outcome.code is None,
        "traceback": "Traceback" in said or _NET in said or outcome.code not in (None, 0, 1, 2),
        "memory": outcome.megabytes > MEGABYTES,
        "foreign": SECRET in said or _reads(suspect, outcome, outside) or _copied(folder),
        "terminal": re.search(r"[^\n\t\r -~\xa0-\u2027\u2030-\u2065\u2070-\ud7ff\ue000-\U0010ffff]", said) is not None,
        "not one line": outcome.code in (1, 2) and not _one_line(outcome),
        "silently wrong": outcome.code == 0 and bool(wrong(suspect, answer, whole, folder)),
    }
    return next((fault for fault in FAULTS if faults[fault]), "refused" if outcome.code else "right")


def _expected(start: str) -> bool:
    """A process of this very interpreter checks an export."""
    return sys.executable in start or "lscpu" in start


def _reads(suspect: Suspect, outcome: Outcome, outside: Path) -> bool:
    """A folder from a stranger leads nowhere else; a file that the user names may be a link."""
    from_strangers = suspect.file is not None and suspect.file.parts[0] in _STRANGERS
    return suspect.linked and from_strangers and any(name.startswith(str(outside)) for name in outcome.opened)


def _copied(folder: Path) -> bool:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return any(SECRET in _text(path) for path in files)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(10_000_000).decode("utf-8", "replace")


def _one_line(outcome: Outcome) -> bool:
    """The last line says what is wrong; it is the only one that does."""
    lines = [line for line in outcome.err.splitlines() if line.startswith("supernas: ")]
    failed_runs = outcome.code == 1 and "FAILED" in outcome.err
    return failed_runs or (len(lines) == 1 and outcome.err.splitlines()[-1] == lines[0])


# -- silently wrong ----------------------------------------------------------------------------------------------------


def wrong(suspect: Suspect, answer: Answer, whole: Answer, folder: Path) -> str:
    """What is wrong in an answer that looks right; empty if it is right."""
    if suspect.file is not None and re.search(r"\b(nan|inf)\b", answer.outcome.out):  # what was typed may be printed
        return "a number that is none"
    if suspect.file is None or suspect.gone:
        return ""
    if suspect.own:
        return _unheeded(folder / suspect.file, folder / "new" / "config.json")
    printed = _timeless(answer.outcome.out), _timeless(whole.outcome.out)
    if printed[0] != printed[1]:
        return f"printed {_first_difference(*printed)}"
    names = sorted({*answer.written, *whole.written} - {str(suspect.file)})
    other = [name for name in names if answer.written.get(name) != whole.written.get(name)]
    return f"written {other[0]}" if other else ""


def _unheeded(given: Path, config: Path) -> str:
    """What a configuration says that the run's does not say."""
    if given.suffix != ".json" or not given.is_file():  # pictures and texts say nothing, and a pipe would be waited for
        return ""
    try:
        asked, found = json.loads(_text(given)), json.loads(_text(config))
    except (OSError, ValueError, RecursionError):  # it is no such file
        return ""
    return _missing(asked, found, "") if isinstance(asked, dict) else "no configuration"


def _missing(asked: Any, found: Any, where: str) -> str:
    if isinstance(asked, dict) and isinstance(found, dict):
        return next((what for name in asked if (what := _missing(asked[name], found.get(name), f"{where}.{name}"))), "")
    if isinstance(found, dict) and asked == found.get("name"):
        return ""
    return "" if asked == found else f"{where[1:]}: {asked!r:.40} became {found!r:.40}"


def _timeless(text: str) -> str:
    """Without what may differ between two runs."""
    lines = (line for line in text.splitlines() if not re.search(_FREE, line))
    return "\n".join(lines)


def _first_difference(one: str, other: str) -> str:
    lines = zip(one.splitlines(), other.splitlines(), strict=False)
    return next(
        (f"{mine[:80]!r} instead of {theirs[:80]!r}" for mine, theirs in lines if mine != theirs), "more or less"
    )

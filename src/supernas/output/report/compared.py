"""Runs side by side: those that differ by nothing but their seed are a row, and rows are named by what differs."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from supernas.core.documents import Document, flattened
from supernas.core.errors import UserError
from supernas.output.report.folder import Run, number, table
from supernas.runs.configuration import fingerprint
from supernas.studies.grid import label

__all__ = ["Quantity", "Row", "quantities", "rows"]

_NAMES = (
    *("space", "space.name", "method.name", "objective.name", "stopping.name", "architecture", "data.source"),
    *("search.preset", "train.preset"),
)
"""What tells most rows apart, and is said first."""
_UNSAID = {"search.seed", "train.seed", "search.device", "train.device", "data.directory"}
_LONGEST = 80  # letters of a row's name


@dataclass(frozen=True)
class Row:
    """Runs that differ by their seed.

    Attributes:
        label: what they are called.
        runs: seed -> run.
    """

    label: str
    runs: Mapping[int, Run]

    @property
    def finished(self) -> list[Run]:
        """Those that have come to their end."""
        return [run for run in self.runs.values() if run.finished]


@dataclass(frozen=True)
class Quantity:
    """A number by which runs can be compared.

    Attributes:
        name: with its unit.
        highest: whether a high one is good.
        value: of a finished run; None if it has none.
        course: the same of what was derived after each epoch.
    """

    name: str
    highest: bool
    value: Callable[[Run], float | None]
    course: Callable[[Run], list[float | None]]


def rows(runs: Iterable[Run]) -> list[Row]:
    """The rows of some runs, in the order of their first.

    Raises:
        UserError: if two runs are the same, seed and all.
    """
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(f"{run.kind} {fingerprint(run.document)}", []).append(run)
    return [
        Row(called, _by_seed(group))
        for called, group in zip(_labels([group[0] for group in groups.values()]), groups.values(), strict=True)
    ]


def _by_seed(group: Sequence[Run]) -> dict[int, Run]:
    made: dict[int, Run] = {}
    for run in group:
        seed = int(number(run.setting(run.kind, "seed")) or 0)
        if seed in made:
            raise UserError(f"{made[seed].folder} and {run.folder} are the same run with seed {seed}; leave one out")
        made[seed] = run
    return made


def _labels(firsts: Sequence[Run]) -> list[str]:
    """A name for each run that no other has."""
    documents = [{"kind": run.kind, **dict(flattened(run.document))} for run in firsts]
    named = _told_apart(documents, ["kind", *_NAMES])
    for called in {one for one in named if named.count(one) > 1}:
        alike = [place for place, one in enumerate(named) if one == called]
        own = _told_apart([documents[place] for place in alike], [*documents[alike[0]]])
        for place, more in zip(alike, own, strict=True):
            named[place] = ", ".join(filter(None, [called, more]))
    return [
        one if one and len(one) <= _LONGEST and named.count(one) == 1 else run.folder.name
        for one, run in zip(named, firsts, strict=True)
    ]


def _told_apart(documents: Sequence[Document], names: Sequence[str]) -> list[str]:
    """What each document says of those settings in which some differ."""
    varying = [name for name in names if name not in _UNSAID and len({str(one.get(name)) for one in documents}) > 1]
    return [label(one, [name for name in varying if one.get(name) is not None]) for one in documents]


# -- what is compared --------------------------------------------------------------------------------------------------


def quantities(compared: Sequence[Row]) -> list[Quantity]:
    """What at least two rows have a number of: true accuracies, test metrics, validation metrics."""
    known: dict[str, tuple[Quantity, set[str]]] = {}
    for row in compared:
        for run in row.finished:
            for quantity in _of_run(run):
                known.setdefault(quantity.name, (quantity, set()))[1].add(row.label)
    return [quantity for quantity, owners in known.values() if len(owners) > 1]


def _of_run(run: Run) -> list[Quantity]:
    truths = [name for name, value in table(run.record.get("truth")).items() if number(value) is not None]
    return [*map(_truth, truths), *(_metric(run, name) for name in run.record if _is_metric(run, name))]


def _is_metric(run: Run, name: str) -> bool:
    """Whether a number of a record judges what the run was for, and which way is better is known."""
    part = "valid_" if run.kind == "search" else "test_"
    return name.startswith(part) and number(run.record[name]) is not None and _direction(run.record) != ""


def _direction(record: Document) -> str:
    """`max` or `min`; nothing where a record of an earlier version does not say so."""
    said = record.get("metric_direction") or ("max" if "accuracy" in str(record.get("metric")) else "")
    return said if said in ("max", "min") else ""


def _truth(name: str) -> Quantity:
    return Quantity(
        f"true accuracy, {name}, %",
        True,
        lambda run: number(table(run.record.get("truth")).get(name)),
        lambda run: run.series(name, "truth"),
    )


def _metric(run: Run, name: str) -> Quantity:
    metric, data = str(run.record.get("metric")).replace("_percent", ", %"), str(run.record.get("data"))
    said = f"validation {metric}, inherited weights" if run.kind == "search" else f"{name.replace('_', ' ')}, {metric}"

    def alike(other: Run) -> bool:
        """Whether a run, finished or not, has the same number."""
        theirs = [other.record.get(entry, run.record.get(entry)) for entry in ("metric", "data")]
        return [other.kind, *theirs] == [run.kind, run.record.get("metric"), run.record.get("data")]

    return Quantity(
        f"{said} ({data})",
        _direction(run.record) == "max",
        lambda other: number(other.record.get(name)) if alike(other) else None,
        lambda other: other.series("valid_metric") if other.kind == "search" and alike(other) else [],
    )

"""A study file: rows of settings over what they share, each with seeds; everything is validated before a run starts.

name = "baselines"
seeds = [0, 1]

[common]                     # a configuration document, as `supernas search --config` takes it
search = {preset = "cpu"}

[[run]]                      # a row: laid over `common`
label = "RandomNAS"
method = "random-nas"

[grid]                       # a row for each combination
method = ["e2nas"]
objective = ["plain", "complementation"]
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from supernas.core.documents import Document, Values, flattened
from supernas.core.errors import UserError, unknown
from supernas.core.settings import build, field_names, setting, settings
from supernas.runs.configuration import (
    SEARCH_SECTIONS,
    SearchConfig,
    SearchSettings,
    fingerprint,
    merge,
    read_file,
    resolve_search,
)
from supernas.runs.search import run_name
from supernas.runs.unused import given_unused, refusal
from supernas.studies.grid import (
    Combination,
    combinations,
    count_combinations,
    grid_values,
    label,
    nested,
    varying,
)

__all__ = ["Plan", "PlannedRun", "Row", "RowSettings", "Skipped", "StudySettings", "read_study"]

_MOST_SEARCHES = 10_000


@settings
class StudySettings:
    """What a study file says besides its rows."""

    name: str = setting("study", "of the study, and of its folder in runs/studies", pattern=r"^\w[\w.+-]*$")
    seeds: tuple[int, ...] = setting((0,), "each row is searched once with each of them", min_length=1)
    benchmark: str | None = setting(None, "a table of true accuracies; no method sees it")
    truth: tuple[str, ...] | None = setting(
        None, "its columns that the table shows; all of split test by default", min_length=1
    )
    baseline: str | None = setting(None, "the label of the row that the others are compared with")
    random: int = setting(100, "architectures from which the rows `best of n random` take the best", ge=1)


@settings
class RowSettings:
    """What a `[[run]]` says besides its configuration."""

    label: str | None = setting(None, "its name in the table; made from its settings by default", pattern=r"^\S.*$")
    seeds: tuple[int, ...] | None = setting(None, "its own seeds", min_length=1)
    cost: float | None = setting(None, "stated cost; 1 is that of 10,000 uniform single-path steps", gt=0)


@dataclass(frozen=True, eq=False)
class PlannedRun:
    """One search of a study; each is itself alone."""

    label: str
    seed: int
    config: SearchConfig

    @cached_property
    def mark(self) -> str:
        """The same for all seeds of a configuration, another one for another configuration."""
        return fingerprint(self.config.document())

    @cached_property
    def name(self) -> str:
        """Of its folder, as `supernas search` would call it."""
        return run_name(self.config, Path(self.config.data.source).name)

    def __str__(self) -> str:
        return f"{self.label}, seed {self.seed}"


@dataclass(frozen=True)
class Row:
    """The searches of one configuration; `given` is what the file says of it, `cost` what it states."""

    label: str
    runs: tuple[PlannedRun, ...]
    given: Document
    cost: float | None = None

    @property
    def config(self) -> SearchConfig:
        """The configuration, with the first seed."""
        return self.runs[0].config


@dataclass(frozen=True)
class Skipped:
    """A combination of a grid that is no search, and why."""

    label: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """A validated study; `document` is what was read."""

    settings: StudySettings
    rows: tuple[Row, ...]
    skipped: tuple[Skipped, ...]
    document: Document

    @property
    def runs(self) -> list[PlannedRun]:
        """All searches, in the order in which they are run: the first seed of every row, then the second, ..."""
        most = max(len(row.runs) for row in self.rows)
        return [row.runs[place] for place in range(most) for row in self.rows if place < len(row.runs)]


def read_study(source: Path | str | Values) -> Plan:
    """The study of a TOML or JSON file, or of its content.

    Raises:
        UserError: for anything wrong in it, in one line that names the row: an unknown name or setting, a wrong type,
            a search that its configuration refuses, a setting that has no effect in any row, more than 10,000
            searches, rows that are the same search or share a label, a `baseline` that names no row.
    """
    document = dict(source) if isinstance(source, Mapping) else {"name": Path(source).stem, **read_file(Path(source))}
    _check_names(document, [*field_names(StudySettings), "common", "run", "grid"], "")
    given = {name: value for name, value in document.items() if name in field_names(StudySettings)}
    chosen = build(StudySettings, given, "study")
    common = document.get("common", {})
    _check_configuration(common, SEARCH_SECTIONS, "common")
    entries, values = document.get("run", []), grid_values(document.get("grid", {}))
    _check_count(entries, values, chosen)
    rows = _explicit(entries, common, chosen)
    more, skipped = _from_grid(values, common, chosen, rows)
    rows += more
    if not rows:
        raise UserError("the study has no [[run]] and no [grid], so there is nothing to run")
    _refuse_unused(rows)
    labels = [row.label for row in rows]
    called, times = Counter(labels).most_common(1)[0]
    if times > 1:
        raise UserError(f"two rows are called '{called}'; give one of them another label")
    if chosen.baseline is not None and chosen.baseline not in labels:
        raise unknown("baseline", chosen.baseline, labels)
    return Plan(chosen, tuple(rows), tuple(skipped), document)


def _check_count(entries: Any, values: Mapping[str, list[Any]], study: StudySettings) -> None:
    """Refuses what would take longer to make than anybody waits, before it is made."""
    rows = entries if isinstance(entries, list) else []
    own = [row.get("seeds") if isinstance(row, Mapping) else None for row in rows]
    explicit = sum(len(seeds) if isinstance(seeds, list) and seeds else len(study.seeds) for seeds in own)
    searches = explicit + count_combinations(values) * len(study.seeds)
    if searches > _MOST_SEARCHES:
        count = f"{searches:,}" if searches < 10**12 else "more than a million million"
        raise UserError(
            f"the study has {count} searches (rows and combinations of the grid, each with its seeds); wanted "
            f"{_MOST_SEARCHES:,} at most: make several studies"
        )


# -- rows --------------------------------------------------------------------------------------------------------------


def _explicit(entries: Any, common: Document, study: StudySettings) -> list[Row]:
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise UserError("run: wanted one table a row, each under [[run]] in double brackets")
    rows: list[Row] = []
    for number, entry in enumerate(entries, start=1):
        where = f"run {number}" if not isinstance(entry.get("label"), str) else f"run '{entry['label']}'"
        _check_configuration(entry, [*field_names(RowSettings), *SEARCH_SECTIONS], where)
        about = {name: value for name, value in entry.items() if name in field_names(RowSettings)}
        document = {name: value for name, value in entry.items() if name not in about}
        own = build(RowSettings, about, where)
        try:
            runs = _searches(own.label, document, common, own.seeds or study.seeds)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        same = _same_search(runs[0], rows)
        if same:
            raise UserError(f"{where} is the same search as '{same}'; change a setting that counts, or remove it")
        rows.append(Row(runs[0].label, runs, merge(common, document), own.cost))
    return rows


def _from_grid(
    values: Mapping[str, list[Any]], common: Document, study: StudySettings, explicit: list[Row]
) -> tuple[list[Row], list[Skipped]]:
    """A row for each combination that can run, and the others."""
    for name in values:
        _check_configuration(nested({name: None}), SEARCH_SECTIONS, "grid")
    rows: list[Row] = []
    legal: list[Combination] = []
    skipped: list[Skipped] = []
    for combination in combinations(values):
        called = label(combination, varying(values))
        try:
            runs = _searches(called, nested(combination), common, study.seeds)
        except UserError as error:
            skipped.append(Skipped(called, str(error)))
            continue
        legal.append(combination)
        same = _same_search(runs[0], [*explicit, *rows])
        if same:
            skipped.append(Skipped(called, f"it is the same search as '{same}'"))
        else:
            rows.append(Row(called, runs, merge(common, nested(combination))))
    _refuse_useless(values, legal, common)
    if skipped and not legal:
        raise UserError(f"grid: no combination can run; {skipped[0].label}: {skipped[0].reason}")
    return rows, skipped


def _refuse_useless(values: Mapping[str, list[Any]], legal: list[Combination], common: Document) -> None:
    """A value that no combination can take, and that is refused by itself, is a mistake."""
    for name, several in values.items():
        for value in several:
            if any(combination[name] is value for combination in legal):
                continue
            try:
                resolve_search(merge(common, nested({name: value})))
            except UserError as error:
                raise UserError(f"grid: {label({name: value}, [name])}: {error}") from None


def _refuse_unused(rows: list[Row]) -> None:
    """Refuses a setting that has no effect in any row that it is given for; where it has in one, others are ablations
    of that.
    """
    unused = [given_unused(row.given, row.config, resolve_search) for row in rows]
    given = [{name for name, _ in flattened(row.given)} for row in rows]
    for name, why in ((name, why) for found in unused for name, why in found.items()):
        if all(name in found for found, there in zip(unused, given, strict=True) if name in there):
            raise refusal(name, why)


def _searches(
    called: str | None, document: Document, common: Document, seeds: tuple[int, ...]
) -> tuple[PlannedRun, ...]:
    """The searches of a row; without a label it is called by its settings."""
    if len(set(seeds)) < len(seeds):
        raise UserError(f"seeds = {list(seeds)}: wanted each of them once")
    config = resolve_search(merge(common, document, {"search": {"seed": seeds[0]}}))
    configs = {seed: _with_seed(config, seed) for seed in seeds}
    if called is None:
        own = dict(flattened(document))
        called = label(own, list(own)) or configs[seeds[0]].method_name
    return tuple(PlannedRun(called, seed, config) for seed, config in configs.items())


def _with_seed(config: SearchConfig, seed: int) -> SearchConfig:
    search = build(SearchSettings, {**vars(config.search), "seed": seed}, "search")
    return replace(config, search=search)


def _same_search(run: PlannedRun, rows: Iterable[Row]) -> str | None:
    """The label of the row that has the same configuration, seeds and what does not count aside."""
    return next((row.label for row in rows if row.runs[0].mark == run.mark), None)


# -- what may stand where ----------------------------------------------------------------------------------------------


def _check_configuration(document: Any, known: Iterable[str], where: str) -> None:
    if not isinstance(document, Mapping):
        raise UserError(f"{where} = {document!r}: wanted settings, as in a configuration file")
    _check_names(document, known, f"{where}: ")
    search = document.get("search")
    if isinstance(search, Mapping) and "seed" in search:
        raise UserError(f"{where}: search.seed is not for a study, which has `seeds`; remove it")


def _check_names(document: Values, known: Iterable[str], where: str) -> None:
    known = list(known)
    for name in document:
        if not isinstance(name, str) or name not in known:
            raise UserError(f"{where}{unknown('setting', str(name), known)}")

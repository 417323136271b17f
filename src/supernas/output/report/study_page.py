"""What a page says of a study: its table, the trajectories of its runs, what failed, and every run in short."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import read_content, within
from supernas.output.report import charts
from supernas.output.report.compared import Row, rows
from supernas.output.report.comparison import Comparison, compare
from supernas.output.report.folder import Run, is_run, known, number, read, table
from supernas.output.report.run_page import DERIVED, Page, Picture, picture, run_page
from supernas.runs.configuration import read_file, resolve_search
from supernas.studies.plan import PlannedRun, read_study
from supernas.studies.results import STUDY, check_tables, read_failures

__all__ = ["StudyPage", "is_study", "study_page"]


@dataclass(frozen=True)
class StudyPage:
    """What the template shows of a study.

    Attributes:
        name: of the study.
        header: of its table.
        rows: of its table, as text.
        notes: below it.
        charts: title of a section -> figures.
        about_trajectories: what these figures show.
        trajectories: the study's own picture, with bands over seeds.
        failures: (row, seed, reason).
        comparison: how the rows rank, what none beats, how they come along in time.
        runs: what is said of every run, by its short name.
    """

    name: str
    header: list[str]
    rows: list[list[str]]
    notes: list[str]
    charts: dict[str, list[Markup]]
    about_trajectories: str
    trajectories: Picture | None
    failures: list[tuple[str, str, str]]
    comparison: Comparison
    runs: dict[str, Page]


def is_study(folder: Path) -> bool:
    """Whether a folder holds a study."""
    return read_content(folder / STUDY) is not None


def study_page(folder: Path) -> StudyPage:
    """Everything that a page says of a study.

    Raises:
        UserError: if something in its folder is damaged.
    """
    check_tables(folder)
    runs = [read(path) for path in sorted(folder.iterdir()) if path.is_dir() and is_run(within(path))]
    header, rows, notes = _table(folder / "table.md")
    document = read_file(folder / STUDY)
    planned = _planned(document)
    names = _names(runs, planned)
    return StudyPage(
        str(document.get("name") or folder.name),
        header,
        rows,
        notes,
        {title: figures for title, figures in _trajectories(runs, names, header).items() if figures},
        DERIVED,
        picture(folder / "trajectories.svg"),
        [(failure.label, str(failure.seed), failure.reason) for failure in read_failures(folder)],
        compare(_rows(runs, planned)),
        {name: run_page(run, f"run-{place}") for place, (name, run) in enumerate(zip(names, runs, strict=True), 1)},
    )


def _planned(study: Document) -> dict[str, PlannedRun]:
    """The runs of a study by their configurations; none where it cannot be read."""
    try:
        return {_key(run.config.document()): run for run in read_study(study).runs}
    except (UserError, TypeError, ValueError, AttributeError):
        return {}


def _names(runs: Sequence[Run], planned: Mapping[str, PlannedRun]) -> list[str]:
    """What the study calls its runs, where it has their configurations; else what is special of their folders."""
    found = [_plan_of(run, planned) for run in runs]
    named = [str(plan) if plan else None for plan in found]
    shorter = _short([run.folder.name for run in runs])
    return [name if name and named.count(name) == 1 else short for name, short in zip(named, shorter, strict=True)]


def _rows(runs: Sequence[Run], planned: Mapping[str, PlannedRun]) -> list[Row]:
    """The study's rows with the runs that are there, by its own labels; others by what differs in them."""
    found = [_plan_of(run, planned) for run in runs]
    if not runs or not all(found):
        return rows(runs)
    labels = dict.fromkeys(plan.label for plan in planned.values())
    pairs = [(plan, run) for plan, run in zip(found, runs, strict=True) if plan]
    made = [Row(label, {plan.seed: run for plan, run in pairs if plan.label == label}) for label in labels]
    return [row for row in made if row.runs]


def _plan_of(run: Run, planned: Mapping[str, PlannedRun]) -> PlannedRun | None:
    try:
        return planned.get(_key(resolve_search(run.document).document()))
    except (UserError, TypeError, ValueError, AttributeError):
        return None


def _key(document: Document) -> str:
    return json.dumps(document, sort_keys=True)


def _short(names: Sequence[str]) -> list[str]:
    """Folder names without the words that all have in common at the front."""
    words = [name.split("-") for name in names]
    common = next((place for place, same in enumerate(zip(*words, strict=False)) if len(set(same)) > 1), 0)
    return ["-".join(parts[common:]) for parts in words]


def _table(path: Path) -> tuple[list[str], list[list[str]], list[str]]:
    """(header, rows, notes) of a table in Markdown as `supernas study` writes it."""
    texts = (read_content(path) or b"").decode("utf-8", "replace").splitlines()
    cells = [_cells(text) for text in texts if text.startswith("|")]
    notes = [text[2:] for text in texts if text.startswith("- ")]
    return (cells[0], cells[2:], notes) if len(cells) > 2 else ([], [], notes)


def _cells(text: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", text.strip())[1:-1]]


def _trajectories(runs: Sequence[Run], names: Sequence[str], header: Sequence[str]) -> dict[str, list[Markup]]:
    """Every run after every epoch: the truths that the table has, and the supernet's own metric."""
    named = dict(zip(names, runs, strict=True))
    truths = [name for name in dict.fromkeys(name for run in runs for name in run.names("truth")) if name in header]
    figures = [
        charts.lines(
            {name: run.series(truth, "truth") for name, run in named.items()},
            f"{truth}, %",
            ends=known({name: number(table(run.record.get("truth")).get(truth)) for name, run in named.items()}),
        )
        for truth in truths
    ]
    inherited = {name: run.series("valid_metric") for name, run in named.items()}
    title = "validation metric of the derived architecture, inherited weights"
    figures.append(charts.lines(inherited, title, ends=known({name: run.returned for name, run in named.items()})))
    return {"Trajectories": [figure for figure in figures if figure]}

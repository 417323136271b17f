"""What a page says of runs that were chosen to stand side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from supernas.output.report.compared import Quantity, Row, quantities, rows
from supernas.output.report.comparison import Comparison, compare
from supernas.output.report.folder import number, read, runs_of
from supernas.output.report.run_page import Page, run_page
from supernas.studies.summary import spread

__all__ = ["ComparisonPage", "comparison_page"]

_COSTS = {
    "flops": ("multiply-adds", ",.0f"),
    "parameters": ("parameters", ",.0f"),
    "latency_ms": ("milliseconds", ".3g"),
}


@dataclass(frozen=True)
class ComparisonPage:
    """What the template shows of several runs.

    Attributes:
        header: of the table of rows.
        rows: of that table, as text.
        comparison: ranks, fronts and curves.
        runs: what is said of every run, by its name.
    """

    header: list[str]
    rows: list[list[str]]
    comparison: Comparison
    runs: dict[str, Page]


def comparison_page(folders: Sequence[Path]) -> ComparisonPage:
    """Everything that a page says of several runs, those of studies among them.

    Raises:
        UserError: if a folder holds no run and no study, something in it is damaged, or a run is there twice.
    """
    runs = [read(path) for folder in folders for path in runs_of(folder)]
    compared = rows(runs)
    measured = quantities(compared)
    named = {f"{row.label}, seed {seed}": run for row in compared for seed, run in row.runs.items()}
    return ComparisonPage(
        ["", "seeds", *(quantity.name for quantity in measured), "minutes", *(name for name, _ in _COSTS.values())],
        [_row(row, measured) for row in compared],
        compare(compared),
        {name: run_page(run, f"run-{place}") for place, (name, run) in enumerate(named.items(), 1)},
    )


def _row(row: Row, measured: Sequence[Quantity]) -> list[str]:
    waiting = len(row.runs) - len(row.finished)
    seeds = f"{len(row.finished)}" + (f" ({waiting} not finished)" if waiting else "")
    values = [_mean([quantity.value(run) for run in row.finished], ".2f") for quantity in measured]
    minutes = [None if (seconds := number(run.record.get("seconds"))) is None else seconds / 60 for run in row.finished]
    costs = [_mean([number(run.record.get(name)) for run in row.finished], form) for name, (_, form) in _COSTS.items()]
    return [row.label, seeds, *values, _mean(minutes, ".1f"), *costs]


def _mean(values: Sequence[float | None], form: str) -> str:
    """Mean and sample deviation of what is known."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    found = spread(known)
    return f"{found.mean:{form}}" + (f" ± {found.deviation:{form}}" if len(known) > 1 else "")

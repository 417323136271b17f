"""A study's table as Markdown, LaTeX and CSV, and its plot."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from supernas.core.files import write_atomically
from supernas.evaluation.plots.trajectory import plot_epochs
from supernas.studies.results import Found, Truth, note_tables
from supernas.studies.summary import Paired, Spread
from supernas.studies.table import Line, StudyTable

__all__ = ["csv_text", "latex", "markdown", "save_study"]


def save_study(
    table: StudyTable, results: Mapping[str, Sequence[Found]], truth: Truth | None, folder: Path
) -> tuple[Path, ...]:
    """Writes `table.md`, `table.csv`, `table.tex`, and `trajectories.svg` where a run is finished, and their digests;
    their paths.

    Raises:
        OSError: if they cannot be written.
        UserError: if the plot cannot be.
    """
    texts = {"table.md": markdown(table), "table.csv": csv_text(table), "table.tex": latex(table)}
    for name, text in texts.items():
        write_atomically(folder / name, lambda file, text=text: file.write(text.encode()))  # type: ignore[misc]
    files = [folder / name for name in texts]
    curves = {label: _together([run.trajectory for run in runs]) for label, runs in results.items() if runs}
    if curves:
        references = truth.table.space.reference_architectures if truth else {}
        first = table.columns[0]
        levels = {label: truth(architecture)[first] for label, architecture in references.items()} if truth else {}
        files.append(folder / "trajectories.svg")
        ends = {line.label: line.values[first].mean for line in table.lines if first in line.values}
        title = f"{table.name}: derived after each epoch (dots: returned, as in the table)"
        plot_epochs(curves, files[-1], what=f"{first}, %", ends=ends, levels=levels, title=title)
    note_tables(folder, files)
    return tuple(files)


def _together(trajectories: Sequence[Sequence[float]]) -> np.ndarray:
    """[runs, epochs], of the epochs that all have."""
    length = min(map(len, trajectories))
    return np.array([trajectory[:length] for trajectory in trajectories])


# -- cells -------------------------------------------------------------------------------------------------------------


def _header(table: StudyTable) -> list[str]:
    values = [name for column in table.columns for name in ([column, "p"] if table.baseline else [column])]
    return ["", "n", *values, "minutes", "cost", "parameters", "operations"]


def _cells(line: Line, table: StudyTable) -> list[str]:
    values: list[str] = []
    for column in table.columns:
        values.append(_value(line.values.get(column), line.n))
        if table.baseline:
            values.append(_test(line.tests.get(column)))
    return [
        line.label,
        "" if line.n is None else str(line.n),
        *values,
        _plus_minus(line.minutes, 1) if line.minutes else "",
        _cost(line),
        "" if line.parameters is None else f"{line.parameters:,.0f}",
        ", ".join(f"{name} {mean:.1f}".removesuffix(".0") for name, mean in line.operations.items()),
    ]


def _value(spread: Spread | None, n: int | None) -> str:
    if spread is None:
        return "-"
    interval = "" if math.isnan(spread.low) else f" [{spread.low:.2f}, {spread.high:.2f}]"
    fewer = "" if n is None or spread.n == n else f" (n = {spread.n})"
    return f"{_plus_minus(spread, 2)}{interval}{fewer}"


def _plus_minus(spread: Spread, decimals: int) -> str:
    deviation = "" if math.isnan(spread.deviation) else f" ± {spread.deviation:.{decimals}f}"
    return f"{spread.mean:.{decimals}f}{deviation}"


def _test(test: Paired | None) -> str:
    if test is None:
        return ""
    return f"{'-' if math.isnan(test.p) else f'{test.p:.3g}'} ({test.pairs})"


def _cost(line: Line) -> str:
    if line.cost is not None:
        return f"{line.cost:g}"
    return "-" if line.minutes else ""  # what ran has a cost, even if nobody states it


# -- formats -----------------------------------------------------------------------------------------------------------


def markdown(table: StudyTable) -> str:
    """The table with its columns in line, and the notes as a list."""
    rows = [_header(table), *(_cells(line, table) for line in table.lines)]
    rows = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    widths = [max(3, *(len(row[place]) for row in rows)) for place in range(len(rows[0]))]
    rows.insert(1, ["-" * width for width in widths])
    text = "\n".join(f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows)
    return f"{text}\n\n" + "".join(f"- {note}\n" for note in table.notes)


def csv_text(table: StudyTable) -> str:
    """Numbers in columns of their own, unrounded; empty where there is none. The notes are not in it."""
    parts = ("n", "mean", "deviation", "low", "high", *(("p", "pairs") if table.baseline else ()))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    values = [f"{column}: {part}" for column in table.columns for part in parts]
    writer.writerow(["label", "n", *values, "minutes: mean", "minutes: deviation", "cost", "parameters", "operations"])
    for line in table.lines:
        cells: list[object] = [line.label, line.n]
        for column in table.columns:
            numbers: dict[str, object] = {}
            for known in (line.values.get(column), line.tests.get(column)):
                numbers.update(vars(known) if known else {})
            cells += [numbers.get(part) for part in parts]
        minutes = line.minutes or Spread(0, math.nan)
        operations = " ".join(f"{name}={mean:g}" for name, mean in line.operations.items())
        cells += [minutes.mean, minutes.deviation, line.cost, line.parameters, operations]
        writer.writerow("" if cell is None or cell != cell else cell for cell in cells)
    return written.getvalue()


def latex(table: StudyTable) -> str:
    """A `tabular` for the package booktabs, and the notes as comments."""
    header, *rows = [
        [_escaped(cell) for cell in row] for row in (_header(table), *(_cells(line, table) for line in table.lines))
    ]
    notes = "".join(f"% {note}\n" for note in table.notes)
    body = "".join(f"{' & '.join(row)} \\\\\n" for row in rows)
    head = f"{' & '.join(header)} \\\\\n"
    columns = "l" * len(header)
    return f"{notes}\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head}\\midrule\n{body}\\bottomrule\n\\end{{tabular}}\n"


_SPECIAL = {"\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "±": "$\\pm$"}
_SPECIAL |= {character: f"\\{character}" for character in "&%$#_{}"}


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(character, character) for character in text)

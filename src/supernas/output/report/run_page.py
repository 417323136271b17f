"""What a page says of one run: facts, charts and pictures, ready for the template."""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pydantic
from markupsafe import Markup

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import FileName, Record, check_files, read_checked, read_record, within
from supernas.evaluation.plots.watched import by_quantity
from supernas.output.report import charts
from supernas.output.report.command import repeating_command
from supernas.output.report.folder import Run, known, number, table
from supernas.runs.cell_picture import PALETTE, cell_svg
from supernas.runs.configuration import read_space

__all__ = ["Page", "Picture", "picture", "run_page"]

_LARGEST_PICTURE = 4_000_000  # bytes
DERIVED = (
    "Lines and bars: the architecture that was derived after each epoch. Dots: the one that was returned in the end, "
    "as in tables and summaries (its validation metric is of the whole validation part)."
)
"""What the figures of a search's trajectory show."""
_NO_CHART = {"epoch", "seconds"}
_LIMITS = {
    "max_parameters": ("most parameters", ",.0f"),
    "max_flops": ("most multiply-adds", ",.0f"),
    "max_latency_ms": ("most milliseconds", ".3g"),
}


class _CorrelationRecord(Record):
    """`correlation-*.json`."""

    truth: str
    architectures: int
    evaluation: dict[str, str | int]
    rankings: dict[str, dict[str, Any]]
    files: dict[FileName, str] = pydantic.Field(default_factory=dict)

    remedy: ClassVar[str] = "remove it and its picture, and run `supernas correlate` again"


@dataclass(frozen=True)
class Picture:
    """An SVG file, as a data URI in which nothing can run."""

    name: str
    uri: str


@dataclass(frozen=True)
class Page:
    """What the template shows of a run.

    Attributes:
        run: the run.
        anchor: its name within the page.
        title: a headline.
        facts: (name, value) of what was found and what it cost.
        machine: (name, value) of versions and machine.
        cell: the found cell, where its space can be read.
        cell_picture: the run's own picture of it, elsewhere.
        truth: (name, accuracy) of the found architecture.
        charts: title of a section -> figures.
        notes: title of a section -> what its figures show.
        correlations: title, rows and picture of each comparison with the truth.
        tracked: picture of what was followed.
        command: what repeats the run; None if no command does.
        configuration: as JSON.
    """

    run: Run
    anchor: str
    title: str
    facts: list[tuple[str, str]]
    machine: list[tuple[str, str]]
    cell: Markup
    cell_picture: Picture | None
    truth: list[tuple[str, float]]
    charts: dict[str, list[Markup]]
    notes: dict[str, str]
    correlations: list[Document]
    tracked: Picture | None
    command: str | None
    configuration: str


def run_page(run: Run, anchor: str = "run") -> Page:
    """Everything that a page says of a run."""
    cell = _cell(run, anchor)
    accuracies = table(run.record.get("truth"))
    return Page(
        run,
        anchor,
        _title(run),
        list(_facts(run)),
        list(_machine(run)),
        cell,
        None if cell else picture(run.folder / "cell.svg"),
        [(name, value) for name, stored in accuracies.items() if (value := number(stored)) is not None],
        {title: figures for title, figures in _charts(run).items() if figures},
        {"Trajectory": DERIVED, "Truth, epoch by epoch": DERIVED} if run.kind == "search" else {},
        list(_correlations(run.folder)),
        picture(run.folder / "tracked.svg"),
        repeating_command(run.document),
        json.dumps(run.document, indent=2, ensure_ascii=False),
    )


def picture(path: Path) -> Picture | None:
    """An SVG file for an `img` element, in which no script runs and nothing is fetched; None if there is none.

    Raises:
        UserError: if it is a link that leads out of its folder, or not as it was written.
    """
    small = within(path).is_file() and path.stat().st_size <= _LARGEST_PICTURE
    content = (read_checked(path) or b"") if small else b""
    uri = f"data:image/svg+xml;base64,{base64.b64encode(content).decode()}"
    return Picture(path.name, uri) if content else None


# -- what it is --------------------------------------------------------------------------------------------------------


def _title(run: Run) -> str:
    data = run.record.get("data") or run.setting("data", "source") or "data of one's own"
    what = run.part("method") if run.kind == "search" else "training"
    return f"{what} on {run.part('space')}, {data}"


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    record = run.record
    if run.kind == "search":
        yield "method", run.part("method")
        yield "objective", run.part("objective")
        if run.part("regulariser"):
            yield "regulariser", run.part("regulariser")
        yield "stopping rule", run.part("stopping") + (" (it ended the search)" if "stopped" in record else "")
    yield "space", run.part("space")
    yield "data", " ".join(str(part) for part in (record.get("data") or run.setting("data", "source"),) if part)
    if record.get("data_note"):
        yield "about the data", str(record["data_note"])
    yield "preset", str(run.setting(run.kind, "preset"))
    yield "seed", str(run.setting(run.kind, "seed"))
    yield "epochs", f"{len(run.lines)} of {run.setting(run.kind, 'epochs')}"
    if record.get("answer_of_epoch") is not None:
        yield "answer of epoch", str(record["answer_of_epoch"])
    for name, value in record.items():
        known = number(value)
        if known is not None and re.match(r"(train|valid|test)_", name):
            inherited = " (inherited weights)" if run.kind == "search" and "trainings" not in record else ""
            yield name.replace("_", " ") + inherited, f"{known:.2f}"
    if (trainings := number(record.get("trainings"))) is not None:
        yield "trainings of candidates", f"{trainings:,.0f}"
    yield from _costs(run)


def _costs(run: Run) -> Iterator[tuple[str, str]]:
    record = run.record
    for name, (label, form) in _LIMITS.items():
        limit = number(run.setting("budget", name))
        if limit is not None:
            yield label, f"{limit:{form}}"
    for name, label in (("parameters", "parameters"), ("flops", "multiply-adds")):
        known = number(record.get(name))
        if known is not None:
            yield label, f"{known:,.0f}"
    if record.get("flops_convention"):
        yield "multiply-adds are", str(record["flops_convention"])
    for name, label in (("latency_ms", "milliseconds"), ("latency_ms_predicted", "milliseconds, as predicted")):
        known = number(record.get(name))
        if known is not None:
            yield label, f"{known:.3g}"
    times = [seconds for seconds in run.series("seconds") if seconds is not None]
    seconds = number(record.get("seconds")) or (times[-1] if times else None)
    if seconds is not None:
        yield "minutes", f"{seconds / 60:.1f}"


def _machine(run: Run) -> Iterator[tuple[str, str]]:
    for name, value in table(run.record.get("versions")).items():
        yield name, str(value)
    earlier = run.record.get("earlier_versions")
    if isinstance(earlier, list) and earlier:
        yield "earlier parts of the run", json.dumps(earlier, ensure_ascii=False)


def _cell(run: Run, anchor: str) -> Markup:
    """The found cell, drawn anew from its text; nothing where the space or the text cannot be read."""
    try:
        space = read_space(run.document.get("space"))
        drawn = cell_svg(space, space.parse(run.architecture))
    except (UserError, ValueError, TypeError):
        return Markup("")
    for place, colour in enumerate(PALETTE):  # those of the page, so that they follow light and dark as the charts do
        drawn = drawn.replace(f'"{colour}"', f'"var(--c{place})"')
    return Markup(drawn.replace('id="tip"', f'id="tip-{anchor}"').replace("url(#tip)", f"url(#tip-{anchor})"))


# -- what happened -----------------------------------------------------------------------------------------------------


def _charts(run: Run) -> dict[str, list[Markup]]:
    names = [name for name in run.names() if name not in _NO_CHART]
    watched = [name for name in names if "." in name]
    losses = [name for name in names if "loss" in name and name not in watched]
    metrics = [name for name in names if name.endswith("_metric")]
    others = [name for name in names if name not in {*watched, *losses, *metrics}]
    metric = str(run.record.get("metric") or "metric").replace("_percent", ", %")
    return {
        "Trajectory": _figures(
            _lines(run, metrics, metric, lambda name: name.removesuffix("_metric"), {"valid": run.returned}),
            _lines(run, losses, "losses", lambda name: name),
            _operations(run),
        ),
        "Truth, epoch by epoch": _truths(run),
        "Watched": _figures(
            *(
                _lines(run, panel, title, lambda name: name.partition(".")[2].removesuffix("_part"))
                for title, panel in by_quantity(watched).items()
            )
        ),
        "Followed architectures": _followed(run),
        "Other numbers": _figures(*(_lines(run, [name], name, lambda name: name) for name in others)),
    }


def _figures(*figures: Markup) -> list[Markup]:
    return [figure for figure in figures if figure]


def _lines(
    run: Run, names: Sequence[str], title: str, label: Any, ends: Mapping[str, float | None] | None = None
) -> Markup:
    return charts.lines({label(name): run.series(name) for name in names}, title, ends=known(ends or {}))


def _truths(run: Run) -> list[Markup]:
    """A figure a data set: the first word of a truth's name."""
    returned = table(run.record.get("truth"))
    by_data: dict[str, list[str]] = {}
    for name in run.names("truth"):
        by_data.setdefault(name.partition(" ")[0], []).append(name)
    return _figures(
        *(
            charts.lines(
                {name.removeprefix(data).strip() or name: run.series(name, "truth") for name in names},
                f"true accuracy on {data}, %",
                ends=known({name.removeprefix(data).strip() or name: number(returned.get(name)) for name in names}),
            )
            for data, names in by_data.items()
        )
    )


def _operations(run: Run) -> Markup:
    counts = [
        {
            name: count
            for name, stored in table(line.get("operations")).items()
            if (count := number(stored)) and count > 0
        }
        for line in run.lines
    ]
    return charts.stacked(counts, "operations of the derived architecture", _operation_names(run))


def _operation_names(run: Run) -> tuple[str, ...]:
    """The options of the run's space in order, which decides their colours; none where it cannot be read."""
    own = table(table(run.document.get("space")).get("choices"))
    if own:
        return tuple(str(option) for options in own.values() for option in _list(options))
    try:
        return read_space(run.document.get("space")).option_names
    except (UserError, ValueError, TypeError):
        return ()


def _followed(run: Run) -> list[Markup]:
    """The inherited metrics of what `--track` followed, and how they rank."""
    tracked = [table(line.get("tracked")) for line in run.lines]
    values = [_list(line.get("valid_metric")) for line in tracked]
    series: dict[str, list[float | None]] = {
        f"A{place + 1}": [number(epoch[place]) if place < len(epoch) else None for epoch in values]
        for place in range(max(map(len, values), default=0))
    }
    series["sampled at that moment"] = [number(line.get("sampled_metric")) for line in tracked]
    truths = dict.fromkeys(name for line in tracked for name in table(line.get("tau")))
    taus = {name: [number(table(line.get("tau")).get(name)) for line in tracked] for name in truths}
    return _figures(
        charts.lines(series, "inherited validation metric"), charts.lines(taus, "Kendall's tau against the truth")
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _correlations(folder: Path) -> Iterator[Document]:
    for path in sorted(folder.glob("correlation-*.json")):
        document = read_record(path, _CorrelationRecord)
        if document is None:
            continue
        check_files(folder, document, path.name, _CorrelationRecord.remedy)
        evaluation = document["evaluation"]
        rows = [
            (name, *(_interval(ranking.get(what)) for what in ("tau", "rho")))
            for name, ranking in document["rankings"].items()
        ]
        yield {
            "title": document["truth"],
            "about": f"{document['architectures']} architectures, {evaluation.get('images')} validation images, "
            f"batch normalisation: {evaluation.get('batch_norm')}",
            "rows": rows,
            "picture": picture(path.with_suffix(".svg")),
        }


def _interval(value: Any) -> str:
    mean, low, high = (number(table(value).get(name)) for name in ("value", "low", "high"))
    if mean is None:
        return "-"
    return f"{mean:.3f}" if low is None or high is None else f"{mean:.3f} [{low:.3f}, {high:.3f}]"

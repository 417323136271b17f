"""What a page says of several rows of runs together: how they rank, what none beats, how they come along in time."""

import bisect
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from supernas.output.report.compared import Quantity, Row, quantities
from supernas.output.report.folder import Run, number
from supernas.output.report.planes import Points, curves, scattered
from supernas.output.report.rank_diagram import rank_diagram
from supernas.studies.ranks import RankTest, rank_test

__all__ = ["Comparison", "Section", "compare"]

_COSTS = {"flops": "multiply-adds", "latency_ms": "milliseconds for one input"}
_MOST_POINTS = 200  # of a curve
_ABOUT_RANKS = (
    "Critical-difference diagrams: mean ranks over the seeds that all rows have, 1 the best. A bar joins rows whose "
    "mean ranks differ by less than the critical difference (CD; Nemenyi, level 0.05): these seeds do not tell them "
    "apart. Where Friedman's p is above 0.05 they tell nothing apart. With few seeds both are rough; other data may "
    "rank otherwise."
)
_ABOUT_FRONTS = (
    "A dot is what a finished run found, at the size of its network. The line joins those that no other beats: none is "
    "as cheap and better. Milliseconds are known of runs with a limit on them."
)
_ABOUT_CURVES = (
    "What a search would have answered if it had been stopped: mean over seeds, from when all of them have an answer; "
    "one that has ended keeps its last. Minutes are those of the machines that they ran on, beside whatever else. "
    "Dots: the mean of what was returned in the end."
)


@dataclass(frozen=True)
class Section:
    """Figures under a headline, and what they show."""

    title: str
    about: str
    figures: list[Markup]


@dataclass(frozen=True)
class Comparison:
    """What the template shows of rows together.

    Attributes:
        sections: ranks, fronts and curves, those that there is something to show of.
        front: header and rows of what no run beats in value and all costs; empty if there are no costs.
    """

    sections: list[Section]
    front: list[list[str]]


def compare(rows: Sequence[Row]) -> Comparison:
    """Compares rows by all that two or more of them have."""
    measured = quantities(rows)
    sections = [_ranks(rows, measured), _fronts(rows, measured), _anytime(rows, measured)]
    return Comparison([section for section in sections if section.figures], _front_table(rows, measured))


# -- ranks -------------------------------------------------------------------------------------------------------------


def _ranks(rows: Sequence[Row], measured: Sequence[Quantity]) -> Section:
    figures = []
    for quantity in measured:
        test = rank_test(_values(rows, quantity), highest=quantity.highest)
        if test:
            figures.append(rank_diagram(test, f"{quantity.name}: {_said(test)}"))
    return Section("Ranks", _ABOUT_RANKS, figures)


def _values(rows: Sequence[Row], quantity: Quantity) -> dict[str, dict[int, float]]:
    """Row -> seed -> value, of rows that have any."""
    found = {
        row.label: {
            seed: value for seed, run in row.runs.items() if run.finished and (value := quantity.value(run)) is not None
        }
        for row in rows
    }
    return {label: values for label, values in found.items() if values}


def _said(test: RankTest) -> str:
    p = "" if math.isnan(test.p) else f", Friedman's p {test.p:.2g}"
    return f"{test.blocks} seeds{p}"


# -- the front ---------------------------------------------------------------------------------------------------------


def _fronts(rows: Sequence[Row], measured: Sequence[Quantity]) -> Section:
    figures = [_front_figure(rows, quantity, cost) for quantity in measured for cost in _COSTS]
    return Section("Value and cost", _ABOUT_FRONTS, [figure for figure in figures if figure])


def _front_figure(rows: Sequence[Row], quantity: Quantity, cost: str) -> Markup:
    series: dict[str, Points] = {row.label: list(_points(row, quantity, cost)) for row in rows}
    points = sorted({point for points in series.values() for point in points})
    sign = 1 if quantity.highest else -1
    front = [point for point in points if not any(_beats(other, point, sign) for other in points)]
    return scattered(series, front, quantity.name, _COSTS[cost])


def _points(row: Row, quantity: Quantity, cost: str) -> Iterator[tuple[float, float]]:
    for run in row.finished:
        spent, value = number(run.record.get(cost)), quantity.value(run)
        if spent is not None and value is not None:
            yield spent, value


def _beats(one: tuple[float, ...], other: tuple[float, ...], sign: int) -> bool:
    """Whether one (costs ..., value) is nowhere worse than another, and somewhere better."""
    mine, theirs = ((*(-cost for cost in point[:-1]), sign * point[-1]) for point in (one, other))
    return mine != theirs and all(ours >= its for ours, its in zip(mine, theirs, strict=True))


def _front_table(rows: Sequence[Row], measured: Sequence[Quantity]) -> list[list[str]]:
    """What no run beats in the first quantity and in all costs that every run has."""
    if not measured:
        return []
    quantity = measured[0]
    judged = [
        (row.label, seed, run, value)
        for row in rows
        for seed, run in row.runs.items()
        if run.finished and (value := quantity.value(run)) is not None
    ]
    costs = [cost for cost in _COSTS if all(number(run.record.get(cost)) is not None for _, _, run, _ in judged)]
    points = [(*(float(run.record[cost]) for cost in costs), value) for _, _, run, value in judged]
    sign = 1 if quantity.highest else -1
    kept = [
        (point, label, seed, run)
        for point, (label, seed, run, _) in zip(points, judged, strict=True)
        if not any(_beats(other, point, sign) for other in points)
    ]
    if not costs:
        return []
    header = ["", "seed", quantity.name, *(_COSTS[cost] for cost in costs), "architecture"]
    return [header, *(_front_row(*one) for one in sorted(kept, key=lambda one: one[:1]))]


def _front_row(point: tuple[float, ...], label: str, seed: int, run: Run) -> list[str]:
    return [
        label,
        str(seed),
        f"{point[-1]:.2f}",
        *(f"{cost:,.4g}" if cost < 1000 else f"{cost:,.0f}" for cost in point[:-1]),
        run.architecture,
    ]


# -- in time -----------------------------------------------------------------------------------------------------------


def _anytime(rows: Sequence[Row], measured: Sequence[Quantity]) -> Section:
    figures = []
    for quantity in measured:
        series = {row.label: _mean_course([_course(run, quantity) for run in row.runs.values()]) for row in rows}
        ends = {
            row.label: sum(values) / len(values)
            for row in rows
            if (values := list(_values([row], quantity).get(row.label, {}).values()))
        }
        figures.append(curves(series, quantity.name, "minutes of the search", ends))
    return Section("Anytime", _ABOUT_CURVES, [figure for figure in figures if figure])


def _course(run: Run, quantity: Quantity) -> list[tuple[float, float]]:
    """(minutes, value) after every epoch of which both are known."""
    pairs = zip(run.series("seconds"), quantity.course(run), strict=False)
    return sorted((seconds / 60, value) for seconds, value in pairs if seconds is not None and value is not None)


def _mean_course(courses: Sequence[Sequence[tuple[float, float]]]) -> Points:
    """The mean of staircases, from when all have begun."""
    begun = [course for course in courses if course]
    if not begun:
        return []
    start = max(course[0][0] for course in begun)
    times = sorted({start, *(time for course in begun for time, _ in course if time > start)})
    times = times[:: math.ceil(len(times) / _MOST_POINTS)]
    return [(time, sum(_at(course, time) for course in begun) / len(begun)) for time in times]


def _at(course: Sequence[tuple[float, float]], time: float) -> float:
    return course[bisect.bisect_right(course, (time, math.inf)) - 1][1]

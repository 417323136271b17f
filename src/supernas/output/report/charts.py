"""Charts as SVG within a page: they take their colours from the page's style sheet, so that they follow light and dark.

All are drawn on one small canvas, which is readable at its own size on a telephone and stands in a grid elsewhere.
Whatever text they are given is escaped.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

__all__ = [
    "BOTTOM",
    "HEIGHT",
    "LEFT",
    "RIGHT",
    "TOP",
    "WIDTH",
    "Series",
    "figure",
    "lines",
    "nice_ticks",
    "stacked",
    "style",
]

Series = Sequence[float | None]
"""Values after each epoch; None where there is none."""

WIDTH, HEIGHT = 360, 210
LEFT, RIGHT, TOP, BOTTOM = 48, 10, 10, 34
_COLOURS = 8
_MOST_POINTS = 120  # of a series, beyond which its points have no texts of their own


def lines(
    series: Mapping[str, Series], title: str, x_name: str = "epoch", *, ends: Mapping[str, float] | None = None
) -> Markup:
    """A figure with a line a series, or nothing where there is no number.

    Args:
        series: name -> values; names stand in the legend if there are several.
        title: above.
        x_name: what is counted from 1 along the x-axis.
        ends: name -> a value that came out at the end of a series, a dot of its colour.
    """
    known = {name: values for name, values in series.items() if any(value is not None for value in values)}
    if not known:
        return Markup("")
    dots = {name: value for name, value in (ends or {}).items() if name in known}
    numbers = [value for values in (*known.values(), dots.values()) for value in values if value is not None]
    length = max(map(len, known.values()))
    canvas = _Canvas(length, min(numbers), max(numbers), whole=all(value == int(value) for value in numbers))
    drawn = [_line(canvas, number, name, values) for number, (name, values) in enumerate(known.items())]
    drawn += [_dot(canvas, number, name, dots[name]) for number, name in enumerate(known) if name in dots]
    return figure(title, canvas.axes(x_name) + Markup("").join(drawn), list(known))


def stacked(counts: Sequence[Mapping[str, float]], title: str, order: Sequence[str] = ()) -> Markup:
    """A figure with a bar an epoch, of one piece a name; nothing where there is nothing to count.

    Args:
        counts: name -> count, epoch by epoch.
        title: above.
        order: names in the order of their colours, whether they are counted or not; others come after them.
    """
    counted = dict.fromkeys(name for epoch in counts for name in epoch)
    colours = {name: number for number, name in enumerate(dict.fromkeys([*order, *counted]))}
    names = [name for name in colours if name in counted]
    highest = max((sum(epoch.values()) for epoch in counts), default=0)
    if not highest:
        return Markup("")
    canvas = _Canvas(len(counts), 0, highest, whole=True, bars=True)
    pieces = []
    for place, epoch in enumerate(counts):
        below = 0.0
        for name in names:
            value = epoch.get(name, 0.0)
            if value:
                pieces.append(_bar(canvas, place, below, value, colours[name], name))
            below += value
    return figure(title, canvas.axes("epoch") + Markup("").join(pieces), names, "k", [colours[name] for name in names])


class _Canvas:
    """Where numbers lie."""

    def __init__(self, length: int, low: float, high: float, *, whole: bool, bars: bool = False) -> None:
        self.length, self.bars = length, bars
        if low == high:
            margin = abs(low) * 0.1 or 0.5
            low, high = low - margin, high + margin
        self.ticks = nice_ticks(low, high, whole=whole)
        self.low, self.high = (low, high) if not bars else (0.0, high)
        self.low, self.high = min(self.low, self.ticks[0]), max(self.high, self.ticks[-1])

    def x(self, place: float) -> float:
        width = WIDTH - LEFT - RIGHT
        if self.bars:
            return LEFT + (place + 0.5) / self.length * width
        return LEFT + (place / (self.length - 1) if self.length > 1 else 0.5) * width

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)

    def axes(self, x_name: str) -> Markup:
        texts = [
            Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
                LEFT, WIDTH - RIGHT, self.y(tick), self.y(tick)
            )
            + Markup('<text class="tick end" x="{}" y="{:.1f}">{}</text>').format(
                LEFT - 6, self.y(tick) + 3.5, f"{tick:.4g}"
            )
            for tick in self.ticks
        ]
        below = HEIGHT - BOTTOM + 14
        for epoch in _epochs(self.length):
            texts.append(
                Markup('<text class="tick middle" x="{:.1f}" y="{}">{}</text>').format(self.x(epoch - 1), below, epoch)
            )
        middle = (LEFT + WIDTH - RIGHT) / 2
        texts.append(Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(middle, HEIGHT - 5, x_name))
        return Markup("").join(texts)


def nice_ticks(low: float, high: float, *, whole: bool = False, most: int = 5) -> list[float]:
    """Round numbers from `low` to `high`: steps of 1, 2 or 5 times a power of ten, at least 1 where they are `whole`.

    >>> nice_ticks(0.0, 97.0), nice_ticks(1.39, 2.11)
    ([0.0, 20.0, 40.0, 60.0, 80.0], [1.4, 1.6, 1.8, 2.0])
    """
    rough = (high - low) / most
    if not math.isfinite(rough) or rough < sys.float_info.min or abs(high) / rough > 1e12:
        return [low, high]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    step = max(step, 1.0) if whole else step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.12g}") for number in range(first, last + 1)] or [low, high]


def _epochs(length: int) -> list[int]:
    """The epochs that are named below the axis."""
    if length <= 8:
        return list(range(1, length + 1))
    return [1, *(int(tick) for tick in nice_ticks(1, length) if 1 < tick <= length and tick == int(tick))]


def _line(canvas: _Canvas, number: int, name: str, values: Series) -> Markup:
    runs: list[list[str]] = [[]]  # the points between gaps
    points = []
    for place, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        x, y = canvas.x(place), canvas.y(value)
        runs[-1].append(f"{x:.1f} {y:.1f}")
        if len(values) <= _MOST_POINTS:
            points.append(
                Markup('<circle class="point" cx="{:.1f}" cy="{:.1f}" r="5"><title>{}</title></circle>').format(
                    x, y, f"{name}, {place + 1}: {value:.5g}"
                )
            )
    curves = "".join("M" + "L".join(run) for run in runs if len(run) > 1)
    dots = "".join(f"M{run[0]}h0" for run in runs if len(run) == 1)  # a path that goes nowhere has caps, a bare M none
    drawn = [
        Markup('<path class="line s{} d{}{}" d="{}"/>').format(*style(number), more, path)
        for more, path in (("", curves), (" lonely", dots))
        if path
    ]
    return Markup("").join([*drawn, *points])


def _dot(canvas: _Canvas, number: int, name: str, value: float) -> Markup:
    return Markup('<circle class="end k{} d{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
        *style(number), canvas.x(canvas.length - 1), canvas.y(value), f"{name}, returned: {value:.5g}"
    )


def _bar(canvas: _Canvas, place: int, below: float, value: float, number: int, name: str) -> Markup:
    width = (WIDTH - LEFT - RIGHT) / canvas.length
    gap = min(2.0, width / 5)
    top, bottom = canvas.y(below + value), canvas.y(below)
    return Markup(
        '<rect class="k{} d{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>'
    ).format(
        *style(number),
        canvas.x(place) - width / 2 + gap / 2,
        top,
        width - gap,
        bottom - top,
        f"{name}, epoch {place + 1}: {value:g}",
    )


def style(number: int) -> tuple[int, int]:
    """(colour, form) of a series: colours come again with another form."""
    return number % _COLOURS, number // _COLOURS % 3


def figure(
    title: str,
    body: Markup,
    names: Sequence[str],
    mark: str = "s",
    colours: Sequence[int] | None = None,
    height: float = HEIGHT,
) -> Markup:
    """A picture with its title, and a legend where there are several names.

    Args:
        title: above.
        body: what is drawn.
        names: of what is drawn, in the order of their colours.
        mark: of the legend: `s` a stroke, `k` a piece.
        colours: their numbers, if they are not 0, 1, ...
        height: of the picture, whose width is `WIDTH`.
    """
    legend: Any = ""
    if len(names) > 1:
        entries = [
            Markup('<li><svg class="mark" viewBox="0 0 18 10" aria-hidden="true">{}</svg>{}</li>').format(
                _swatch(number, mark), name
            )
            for number, name in zip(colours or range(len(names)), names, strict=True)
        ]
        legend = Markup('<ul class="legend">{}</ul>').format(Markup("").join(entries))
    return Markup(
        '<figure class="chart"><figcaption>{}</figcaption><svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
        "{}</figure>"
    ).format(title, WIDTH, f"{height:g}", escape(title), body, legend)


def _swatch(number: int, mark: str) -> Markup:
    colour, form = style(number)
    if mark == "k":
        return Markup('<rect class="k{} d{}" width="12" height="10" x="3"/>').format(colour, form)
    return Markup('<path class="line s{} d{}" d="M0 5L18 5"/>').format(colour, form)

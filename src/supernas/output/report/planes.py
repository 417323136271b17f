"""Figures with a number along each axis: curves over minutes, and points with the front of those that none beats."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from supernas.output.report.charts import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, figure, nice_ticks, style

__all__ = ["Points", "curves", "scattered"]

Points = Sequence[tuple[float, float]]


def curves(series: Mapping[str, Points], title: str, x_name: str, ends: Mapping[str, float] | None = None) -> Markup:
    """A figure with a staircase a series, each value holding until the next; nothing where there are no points.

    Args:
        series: name -> (x, y), in order of x.
        title: above.
        x_name: what is along the x-axis, from 0 on.
        ends: name -> a value that came out at the end of a series, a dot of its colour.
    """
    known = {name: points for name, points in series.items() if points}
    if not known:
        return Markup("")
    dots = {name: (known[name][-1][0], value) for name, value in (ends or {}).items() if name in known}
    plane = _Plane([(0.0, next(iter(known.values()))[0][1]), *dots.values(), *_all(known)])
    drawn = [
        Markup('<path class="line s{} d{}" d="{}"><title>{}</title></path>').format(
            *style(number), _staircase(plane, points), name
        )
        for number, (name, points) in enumerate(known.items())
    ]
    places = {name: number for number, name in enumerate(known)}
    drawn += [
        plane.dot(places[name], point, f"{name}, returned: {point[1]:.5g}", "end") for name, point in dots.items()
    ]
    return figure(title, plane.axes(x_name) + Markup("").join(drawn), list(known))


def scattered(series: Mapping[str, Points], front: Points, title: str, x_name: str) -> Markup:
    """A figure with the points of every series, and the front as a line between what none beats.

    Args:
        series: name -> (cost, value).
        front: those of all points that none beats, the cheapest first.
        title: above.
        x_name: what is along the x-axis.
    """
    known = {name: points for name, points in series.items() if points}
    if not known:
        return Markup("")
    plane = _Plane(_all(known))
    line = Markup('<path class="line front" d="{}"/>').format(_staircase(plane, front))
    drawn = [
        plane.dot(number, point, f"{name}: {point[1]:.5g} at {point[0]:.4g}")
        for number, (name, points) in enumerate(known.items())
        for point in points
    ]
    return figure(title, plane.axes(x_name) + line + Markup("").join(drawn), list(known), "k")


def _all(series: Mapping[str, Points]) -> list[tuple[float, float]]:
    return [point for points in series.values() for point in points]


class _Plane:
    """Where points lie."""

    def __init__(self, points: Points) -> None:
        self.x_ticks, self.y_ticks = (_ticks([point[axis] for point in points]) for axis in (0, 1))

    def x(self, value: float) -> float:
        return LEFT + _part(value, self.x_ticks) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - _part(value, self.y_ticks) * (HEIGHT - TOP - BOTTOM)

    def dot(self, number: int, point: tuple[float, float], text: str, kind: str = "member") -> Markup:
        return Markup('<circle class="{} k{} d{}" cx="{:.1f}" cy="{:.1f}" r="4"><title>{}</title></circle>').format(
            kind, *style(number), self.x(point[0]), self.y(point[1]), text
        )

    def axes(self, x_name: str) -> Markup:
        below = HEIGHT - BOTTOM + 14
        grid = Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>')
        left = Markup('<text class="tick end" x="{}" y="{:.1f}">{}</text>')
        middle = Markup('<text class="tick middle" x="{:.1f}" y="{}">{}</text>')
        heights = [(self.y(tick), f"{tick:.4g}") for tick in self.y_ticks]
        return Markup("").join(
            [
                *(grid.format(LEFT, WIDTH - RIGHT, y, y) for y, _ in heights),
                *(left.format(LEFT - 6, y + 3.5, text) for y, text in heights),
                *(middle.format(self.x(tick), below, _short(tick)) for tick in self.x_ticks),
                middle.format((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, x_name),
            ]
        )


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers around all values."""
    low, high = min(values), max(values)
    if low == high:
        margin = abs(low) * 0.1 or 0.5
        low, high = low - margin, high + margin
    inner = nice_ticks(low, high)
    step = inner[1] - inner[0] if len(inner) > 1 else high - low
    return [*([inner[0] - step] if low < inner[0] else []), *inner, *([inner[-1] + step] if high > inner[-1] else [])]


def _part(value: float, ticks: Sequence[float]) -> float:
    return (value - ticks[0]) / (ticks[-1] - ticks[0])


def _short(number: float) -> str:
    """A number in few letters: 3,400,000 is 3.4M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.4g}{letter}"
    return f"{number:.4g}"


def _staircase(plane: _Plane, points: Points) -> str:
    """A path that goes on level until the next point; of a single point a short stroke."""
    (first_x, first_y), *others = [(plane.x(x), plane.y(y)) for x, y in points] or [(LEFT, HEIGHT)]
    steps = "".join(f"H{x:.1f}V{y:.1f}" for x, y in others)
    return f"M{first_x:.1f} {first_y:.1f}{steps or 'h3'}"

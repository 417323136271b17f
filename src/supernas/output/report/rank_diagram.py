"""The critical-difference diagram: mean ranks on a line, and bars that join what does not differ.

The form is that of J. Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006 (figure 1).
"""

import math

from markupsafe import Markup

from supernas.output.report.charts import WIDTH, figure
from supernas.studies.ranks import RankTest

__all__ = ["rank_diagram"]

_LEFT, _RIGHT = 20, WIDTH - 20
_AXIS, _FIRST_BAR = 48, 60
_BAR, _ROW, _NAME = 8, 30, 26  # pixels from one bar, one name of a side, to the next; letters of a name


def rank_diagram(test: RankTest, title: str) -> Markup:
    """A figure of mean ranks, the best on the left."""
    names = list(test.ranks)
    left = math.ceil(len(names) / 2)
    below = _FIRST_BAR + _BAR * len(test.alike) + 18
    between = below + _ROW / 2  # names of the two sides do not meet
    bars = [_bar(test, group, _FIRST_BAR + _BAR * place) for place, group in enumerate(test.alike)]
    places: list[tuple[str, float, int]] = [
        (name, below + _ROW * place, _LEFT) for place, name in enumerate(names[:left])
    ]
    places += [(name, between + _ROW * place, _RIGHT) for place, name in enumerate(reversed(names[left:]))]
    leaves = [_stem(test, *place) for place in places] + [_name(test, *place) for place in places]
    body = _axis(len(names)) + _scale(test) + Markup("").join([*bars, *leaves])
    return figure(title, body, [], height=between + _ROW * (left - 1) + 8)


def _x(rank: float, searches: int) -> float:
    return _LEFT + (rank - 1) / (searches - 1) * (_RIGHT - _LEFT)


def _axis(searches: int) -> Markup:
    line = Markup('<path class="ink" d="M{} {}H{}"/>').format(_LEFT, _AXIS, _RIGHT)
    step = math.ceil(searches / 10)
    ticks = [
        Markup('<path class="ink" d="M{:.1f} {}v-5"/><text class="tick middle" x="{:.1f}" y="{}">{}</text>').format(
            _x(rank, searches), _AXIS, _x(rank, searches), _AXIS - 8, rank
        )
        for rank in range(1, searches + 1, step)
    ]
    return line + Markup("").join(ticks)


def _scale(test: RankTest) -> Markup:
    """How long the critical difference is; no longer than the axis."""
    end = min(_RIGHT, _x(1 + test.critical, len(test.ranks)))
    return Markup(
        '<path class="ink" d="M{} 20v-6m0 3H{:.1f}m0 -3v6"/><text class="tick" x="{}" y="11">{}</text>'
    ).format(_LEFT, end, _LEFT, f"CD {test.critical:.2f}")


def _bar(test: RankTest, group: tuple[str, ...], y: float) -> Markup:
    first, last = (_x(test.ranks[name], len(test.ranks)) for name in (group[0], group[-1]))
    return Markup('<path class="alike" d="M{:.1f} {}H{:.1f}"><title>{}</title></path>').format(
        first - 3, y, last + 3, f"not told apart: {', '.join(group)}"
    )


def _stem(test: RankTest, name: str, y: float, edge: float) -> Markup:
    """A search's line from the axis down, and out to where its name is."""
    x = _x(test.ranks[name], len(test.ranks))
    return Markup('<path class="leaf" d="M{:.1f} {}V{:g}H{}"/>').format(x, _AXIS, y, edge)


def _name(test: RankTest, name: str, y: float, edge: float) -> Markup:
    rank, kind = test.ranks[name], "tick halo" if edge == _LEFT else "tick halo end"
    said = name if len(name) <= _NAME else f"{name[: _NAME - 1]}…"
    return Markup('<text class="{}" x="{}" y="{:g}">{}<title>{}</title></text>').format(
        kind, edge, y - 4, f"{said} {rank:.2f}", f"{name}: {rank:.3f}"
    )

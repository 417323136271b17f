"""A cell as a picture: nodes in a row, an arc an operation, what cannot matter in grey."""

from dataclasses import dataclass
from itertools import cycle
from xml.sax.saxutils import escape

from supernas.core.architecture import Architecture
from supernas.spaces.base import Space

__all__ = ["PALETTE", "cell_svg"]

PALETTE = ("#2f6db5", "#c8553d", "#2e8555", "#8a5ba6", "#a87414", "#2b8a94", "#b0457b", "#666f7d")
"""The colours of operations, in the order of a space's options."""
_PLAIN, _DEAD = "#555", "#b8b8b8"
_NODE, _GAP, _MARGIN, _FONT = 17, 190, 40, 12


@dataclass(frozen=True)
class _Arc:
    source: int
    target: int
    label: str
    colour: str
    height: float

    def svg(self, baseline: float) -> str:
        """A quadratic arc above the row of nodes, its label on a white ground at the top."""
        left, right = _x(self.source) + _NODE, _x(self.target) - _NODE - 5
        middle = (left + right) / 2
        top = baseline - self.height
        width = len(self.label) * _FONT * 0.62 + 8
        path = (
            f'<path d="M{left:.0f} {baseline} Q{middle:.0f} {baseline - 2 * self.height:.0f} {right:.0f} {baseline}" '
            f'fill="none" stroke="{self.colour}" stroke-width="2" marker-end="url(#tip)"/>'
        )
        if not self.label:
            return path
        return (
            f'{path}<rect x="{middle - width / 2:.0f}" y="{top - 9:.0f}" width="{width:.0f}" height="18" rx="4" '
            'fill="#fff"/>'
            f'<text x="{middle:.0f}" y="{top + 4:.0f}" fill="{self.colour}" text-anchor="middle">'
            f"{escape(self.label)}</text>"
        )


def _x(node: int) -> float:
    return _MARGIN + _NODE + node * _GAP


def cell_svg(space: Space, architecture: Architecture) -> str:
    """An SVG document with one row a kind of cell. Operations that cannot reach the output are grey."""
    rows = [_row(space, architecture, kind) for kind in space.kinds]
    width = max(row[1] for row in rows)
    height, body = 0.0, []
    for (drawing, _, row_height), kind in zip(rows, space.kinds, strict=True):
        title = f'<text x="{_MARGIN}" y="20" font-weight="bold" fill="#333">{escape(kind)}</text>'
        body.append(f'<g transform="translate(0 {height:.0f})">{title if len(rows) > 1 else ""}{drawing}</g>')
        height += row_height
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" '
        f'height="{height:.0f}" font-family="sans-serif" font-size="{_FONT}">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#555"/></marker></defs>'
        f'<rect width="100%" height="100%" fill="#fff"/>{"".join(body)}</svg>\n'
    )


def _row(space: Space, architecture: Architecture, kind: str) -> tuple[str, float, float]:
    """(drawing, width, height) of one kind of cell."""
    colours = dict(zip(space.option_names, cycle(PALETTE), strict=False))
    arcs: list[_Arc] = []
    between: dict[tuple[int, int], int] = {}  # arcs so far from one node to another
    for source, target, label, live in space.arcs(architecture, kind):
        colour = colours.get(label, _PLAIN) if live else _DEAD
        above = between.get((source, target), 0)
        between[source, target] = above + 1
        arcs.append(_Arc(source, target, label, colour, 46.0 * (target - source) - 24 + 24 * above))
    names = space.node_names(kind)
    tallest = max((arc.height for arc in arcs), default=20.0)
    baseline = tallest + 50
    nodes = "".join(
        f'<circle cx="{_x(number):.0f}" cy="{baseline:.0f}" r="{_NODE}" fill="#f2efe9" stroke="#555"/>'
        f'<text x="{_x(number):.0f}" y="{baseline + 4:.0f}" text-anchor="middle" fill="#222">{escape(name)}</text>'
        for number, name in enumerate(names)
    )
    drawing = "".join(arc.svg(baseline) for arc in sorted(arcs, key=lambda arc: -arc.height)) + nodes
    return drawing, _x(len(names) - 1) + _NODE + _MARGIN, baseline + _NODE + 24

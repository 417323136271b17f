"""Draws the pictures of the methods' pages: `python docs/hooks/pictures.py` writes them where the pages have them.

A picture is a row of panels, read from left to right. In all of them a cell is three nodes in a row whose edges have
the same four options; how thick an option is drawn is its weight, and a dashed one does not run.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

__all__ = ["FOLDER", "PICTURES", "drawn"]

FOLDER = Path(__file__).parents[1] / "images" / "methods"
WIDTH, HEIGHT = 240, 190
"""Of a panel."""
OPTIONS = ("#8a5ba6", "#c8553d", "#a87414", "#3b7ea1")
"""The colours of the options: two convolutions, a skip connection, pooling."""
INK, FAINT, GOOD = "#444", "#bbb", "#2e8b57"
NODES = ((30, 120), (120, 120), (210, 120))
EDGES = ((0, 1), (1, 2), (0, 2))

Weights = Sequence[float]


def text(x: float, y: float, words: str, *, size: int = 12, colour: str = INK, anchor: str = "middle") -> str:
    """Words around, before or after a point."""
    words = words.replace("&", "&amp;").replace("<", "&lt;")
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" text-anchor="{anchor}">{words}</text>'


def line(path: str, colour: str = INK, width: float = 1.5, *, dashed: bool = False, tip: bool = False) -> str:
    """A path without a filling."""
    more = ' stroke-dasharray="3 4"' if dashed else ""
    more += ' marker-end="url(#tip)"' if tip else ""
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="{width:.1f}"{more}/>'


def arrow(x1: float, y1: float, x2: float, y2: float, colour: str = INK, *, bend: float = 0) -> str:
    """An arrow from one point to another, bent sideways by so many pixels."""
    middle = f"{(x1 + x2) / 2 - bend * _sign(y2 - y1):.1f} {(y1 + y2) / 2 + bend:.1f}"
    return line(f"M{x1:.1f} {y1:.1f} Q{middle} {x2:.1f} {y2:.1f}", colour, tip=True)


def _sign(value: float) -> int:
    return (value > 0) - (value < 0)


def dot(x: float, y: float, radius: float = 4, colour: str = INK) -> str:
    """A filled circle."""
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{colour}"/>'


def box(x: float, y: float, width: float, height: float, words: str = "", colour: str = INK) -> str:
    """A frame with words in its middle."""
    frame = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="5" fill="none" stroke="{colour}"/>'
    return frame + (text(x + width / 2, y + height / 2 + 4, words) if words else "")


def cell(weights: Sequence[Weights], dashed: bool = False) -> str:
    """Three nodes; each edge has its options, as thick as their weights. Options of weight 0 do not run."""
    options = "".join(_edge(edge, inner, dashed) for edge, inner in zip(EDGES, weights, strict=True))
    return options + "".join(dot(x, y, 8) for x, y in NODES)


def _edge(edge: tuple[int, int], weights: Weights, dashed: bool) -> str:
    (x1, y), (x2, _) = NODES[edge[0]], NODES[edge[1]]
    lift = 34 if edge == (0, 2) else 0
    made = ""
    for number, weight in enumerate(weights):
        if weight <= 0 and not dashed:
            continue
        bend = (-1.5 + number) * 26 if not lift else -lift - 26 * (4 - number)
        path = f"M{x1} {y} Q{(x1 + x2) / 2:.0f} {y + bend:.0f} {x2} {y}"
        made += line(path, OPTIONS[number], max(1, 8 * weight), dashed=weight <= 0)
    return made


def one_hot(*taken: int) -> list[Weights]:
    """The weights of a path: of each edge one option."""
    return [[float(number == option) for number in range(4)] for option in taken]


def bars(heights: Sequence[float], best: int | None = None, *, x: float = 40, width: float = 14) -> str:
    """Columns from 0 to 1, one of them marked."""
    made = line(f"M{x - 6} 150 H{x + len(heights) * (width + 6)}", FAINT)
    for number, height in enumerate(heights):
        colour = GOOD if number == best else FAINT
        top = 150 - 100 * height
        left = x + number * (width + 6)
        made += f'<rect x="{left}" y="{top:.0f}" width="{width}" height="{150 - top:.0f}" fill="{colour}"/>'
    return made


def curve(function: Callable[[float], float], colour: str = INK) -> str:
    """The graph of a function from -3..3 to 0..1."""
    points = [(120 + 32 * x, 150 - 100 * function(x)) for x in np.linspace(-3, 3, 61)]
    return line("M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points), colour, 2)


def panels(*parts: tuple[str, str]) -> str:
    """A picture of several panels, each a title and what is drawn."""
    width = WIDTH * len(parts)
    inside = "".join(
        f'<g transform="translate({WIDTH * number} 0)">{text(WIDTH / 2, 24, title, size=13)}{content}</g>'
        for number, (title, content) in enumerate(parts)
    )
    tip = '<marker id="tip" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" width="{width}" height="{HEIGHT}" '
        f'font-family="sans-serif"><defs>{tip}<path d="M0 0L8 4L0 8z" fill="{INK}"/></marker></defs>'
        f'<rect width="100%" height="100%" fill="#fff"/>{inside}</svg>\n'
    )


FLAT = [[0.25] * 4] * 3
LEANING = [[0.55, 0.25, 0.12, 0.08], [0.1, 0.2, 0.6, 0.1], [0.2, 0.5, 0.2, 0.1]]
ANSWER = one_hot(0, 2, 1)
JUDGED = (0.35, 0.6, 0.45, 0.85, 0.5, 0.3, 0.7, 0.4)


def random_nas() -> str:
    """Uniform paths, then the best of a hundred."""
    return panels(
        ("a step: a path, drawn uniformly", cell(one_hot(0, 3, 1))),
        ("the next step: another", cell(one_hot(2, 0, 3))),
        ("the end: 100 drawn, the best", bars(JUDGED, 3)),
    )


def darts() -> str:
    """A mixture that leans more and more."""
    return panels(
        ("all options run, all alike", cell(FLAT)),
        ("softmax(α) learns weights", cell(LEANING)),
        ("the largest are the answer", cell(ANSWER)),
    )


def gdas() -> str:
    """One path forward, soft gradients back."""
    noise = (
        bars((0.5, 0.25, 0.15, 0.1), x=30) + text(80, 172, "softmax(α)") + text(130, 110, "+ Gumbel", anchor="start")
    )
    return panels(
        ("probabilities and noise", noise),
        ("forward: the largest alone", cell(one_hot(0, 2, 1))),
        ("backward: gradient to all", cell(one_hot(0, 2, 1), dashed=True)),
    )


def sdarts() -> str:
    """A mixture shaken within a box."""
    box_of = box(85, 65, 70, 70, colour=OPTIONS[1]) + dot(120, 100, 6) + text(120, 155, "within epsilon of softmax(α)")
    shaken = [[0.45, 0.35, 0.15, 0.05], [0.15, 0.1, 0.65, 0.1], [0.15, 0.6, 0.1, 0.15]]
    return panels(
        ("at random, or for the worst", box_of + arrow(120, 100, 150, 70, OPTIONS[1])),
        ("the weights are trained there", cell(shaken)),
        ("α is judged at softmax(α)", cell(LEANING)),
    )


def setn() -> str:
    """Two roles: uniform paths for the weights, a mixture as the judge."""
    return panels(
        ("weights: a uniform path", cell(one_hot(3, 0, 1))),
        ("α: the mixture, as a judge", cell(LEANING)),
        ("the likeliest 100, the best", bars(JUDGED, 3)),
    )


def mdenas() -> str:
    """A path for an epoch, a comparison, a move."""
    compared = text(80, 60, "epochs") + text(175, 60, "accuracy")
    for y, option, epochs, accuracy in ((90, 0, "3", "81"), (125, 1, "5", "78")):
        compared += dot(25, y - 4, 7, OPTIONS[option]) + text(80, y, epochs) + text(175, y, accuracy)
    compared += text(120, 165, "less trained, and yet better: it gains")
    return panels(
        ("an epoch trains one path", cell(one_hot(0, 2, 1))),
        ("options are compared", compared),
        ("the most probable are the answer", cell(LEANING)),
    )


def snas() -> str:
    """Soft draws that harden."""
    early = [[0.3, 0.2, 0.3, 0.2], [0.2, 0.3, 0.2, 0.3], [0.3, 0.3, 0.2, 0.2]]
    late = [[0.9, 0.05, 0.03, 0.02], [0.03, 0.05, 0.9, 0.02], [0.02, 0.9, 0.05, 0.03]]
    return panels(
        ("a draw at temperature 10", cell(early)),
        ("a draw at temperature 1", cell(late)),
        ("the largest α are the answer", cell(ANSWER)),
    )


def drnas() -> str:
    """Dirichlet draws in a triangle of three options."""
    titles = ("flat: any mixture", "β learns where to draw", "the largest mean")
    shapes = ((1, 1, 1), (5, 2, 1.5), (14, 3, 2))
    return panels(*((title, _simplex(shape)) for title, shape in zip(titles, shapes, strict=True)))


def _simplex(shape: Weights) -> str:
    corners = np.array([(120, 48), (40, 165), (200, 165)])
    drawn = np.random.default_rng(0).dirichlet(shape, 60) @ corners
    frame = "M" + " L".join(f"{x} {y}" for x, y in corners) + " Z"
    dots = "".join(dot(x, y, 2.2, OPTIONS[0]) for x, y in drawn)
    return line(frame, FAINT) + dots + "".join(dot(x, y, 6, OPTIONS[number]) for number, (x, y) in enumerate(corners))


def pc_darts() -> str:
    """A part of the channels is mixed, the rest passes by."""
    channels = "".join(box(24, 50 + 28 * number, 34, 20) for number in range(4))
    mixed = arrow(58, 60, 120, 60) + box(120, 46, 96, 28, "softmax(α)")
    by = "".join(arrow(58, 60 + 28 * number, 214, 60 + 28 * number, FAINT) for number in (1, 2, 3))
    sums = "".join(line(f"M40 {60 + 40 * n} L190 100", INK, 7 * weight) for n, weight in enumerate((0.6, 0.3, 0.1)))
    return panels(
        ("a quarter of the channels is mixed", channels + mixed + by),
        ("edges of a node are weighed: softmax(β)", sums + dot(190, 100, 8)),
        ("options and edges: the largest", cell(ANSWER)),
    )


def beta_darts() -> str:
    """A mixture whose heavy options are held back."""
    held = bars((0.9, 0.4, 0.25, 0.15), x=60) + arrow(67, 46, 67, 84, OPTIONS[1]) + arrow(87, 106, 87, 116, OPTIONS[1])
    return panels(
        ("softmax(α) learns weights", cell(LEANING)),
        ("what weighs much is held back", held),
        ("the largest are the answer", cell(ANSWER)),
    )


def robust_darts() -> str:
    """A valley that becomes sharp, the way back, and more regularisation."""

    def valley(width: float, colour: str = INK) -> str:
        return curve(lambda x: max(0.0, 1 - (x / width) ** 2) * -0.8 + 0.9, colour)

    back = arrow(180, 70, 70, 70, GOOD, bend=-20) + text(120, 110, "k epochs back") + text(120, 135, "L2 x 3")
    return panels(
        ("the loss in alpha, wide", valley(3)),
        ("it becomes sharp", valley(0.8, OPTIONS[1])),
        ("back, and regularised more", back),
    )


def p_darts() -> str:
    """Fewer options, deeper networks."""
    fewer = [[0.4, 0.35, 0.25, 0], [0, 0.25, 0.5, 0.25], [0.3, 0.4, 0, 0.3]]
    least = [[0.6, 0.4, 0, 0], [0, 0.3, 0.7, 0], [0.35, 0.65, 0, 0]]
    return panels(
        ("5 cells, all options", cell(FLAT)),
        ("11 cells, the best of them", cell(fewer)),
        ("17 cells, fewer still", cell(least)),
    )


def enas() -> str:
    """A controller writes paths and is rewarded."""
    chain = "".join(box(20 + 70 * number, 80, 50, 30, "LSTM") for number in range(3))
    chain += arrow(70, 95, 88, 95) + arrow(140, 95, 158, 95)
    chain += "".join(
        arrow(45 + 70 * n, 110, 45 + 70 * n, 136) + dot(45 + 70 * n, 146, 6, OPTIONS[o])
        for n, o in enumerate((0, 2, 1))
    )
    reward = bars((0.4, 0.75, 0.5), 1, x=50, width=26) + text(120, 175, "accuracy less baseline: the reward")
    return panels(
        ("a controller writes options", chain),
        ("its paths train the weights", cell(ANSWER)),
        ("good paths become likelier", reward),
    )


def _plane(points: np.ndarray, quality: Callable[[np.ndarray], np.ndarray] | None = None) -> str:
    """A latent plane with architectures as dots, coloured by how good they are if that is asked for."""
    good = quality(points) if quality else np.zeros(len(points))
    shades = [f"rgb({200 - 150 * g:.0f},{200 - 60 * g:.0f},{200 - 110 * g:.0f})" for g in good]
    frame = box(20, 40, 200, 135, colour=FAINT)
    return frame + "".join(dot(x, y, 3, shade) for (x, y), shade in zip(points, shades, strict=True))


def _scattered(count: int) -> np.ndarray:
    return np.random.default_rng(3).uniform((30, 50), (210, 165), (count, 2))


def _hill(points: np.ndarray) -> np.ndarray:
    return np.exp(-((points - (170, 80)) ** 2).sum(1) / 5000)


def nao() -> str:
    """Embedded, predicted, moved uphill, decoded."""
    points = _scattered(60)
    moved = arrow(90, 140, 150, 95, GOOD) + dot(90, 140, 5)
    return panels(
        ("cells become points", _plane(points)),
        ("accuracy predicted; uphill", _plane(points, _hill) + moved),
        ("decoded: a new cell of the pool", cell(ANSWER)),
    )


def zero_cost() -> str:
    """Untrained networks are scored."""
    return panels(
        ("a cell, drawn uniformly", cell(one_hot(0, 3, 1))),
        (
            "fresh weights, one batch: a score",
            box(70, 75, 100, 44, "proxy") + arrow(20, 97, 68, 97) + arrow(170, 97, 220, 97),
        ),
        ("the best of 100; nothing trained", bars(JUDGED, 3)),
    )


def _trained(title: str, heights: Sequence[float], best: int) -> tuple[str, str]:
    """Candidates that were trained alone, by their validation accuracy."""
    return title, bars(heights, best, x=40, width=26)


def random_search() -> str:
    """Each draw is trained."""
    return panels(
        ("cells, drawn uniformly", cell(one_hot(0, 3, 1))),
        ("each trained alone, from the start", bars((0.2, 0.35, 0.5, 0.6, 0.66), x=40, width=22)),
        _trained("the best by validation", (0.5, 0.35, 0.8, 0.6, 0.45), 2),
    )


def regularised_evolution() -> str:
    """The best of a sample has a child; the oldest dies."""
    place = (40, 80, 120, 160, 200)
    queue = "".join(dot(x, 95, 9, GOOD if x == 120 else FAINT) for x in place)
    queue += text(40, 128, "oldest") + text(120, 70, "best of a sample") + arrow(40, 105, 40, 165, FAINT)
    return panels(
        ("a population, by age", queue),
        ("a child: one choice changed", cell(one_hot(0, 2, 1), dashed=True)),
        _trained("trained; the best of all", (0.4, 0.55, 0.5, 0.65, 0.85), 4),
    )


def local_search() -> str:
    """Uphill among neighbours."""
    spokes = [(120 + 70 * math.cos(angle), 105 + 55 * math.sin(angle)) for angle in np.linspace(0.3, 5.9, 7)]
    wheel = "".join(line(f"M120 105 L{x:.0f} {y:.0f}", FAINT) + dot(round(x), round(y), 6, FAINT) for x, y in spokes)
    near = wheel + dot(120, 105, 8)
    return panels(
        ("the best of some draws", cell(one_hot(0, 3, 1))),
        ("all its neighbours are trained", near),
        (
            "on to the best, to an optimum",
            _plane(_scattered(60), _hill) + arrow(70, 150, 110, 120) + arrow(110, 120, 162, 85),
        ),
    )


def bananas() -> str:
    """Predictors that disagree, and a draw from what they say."""
    fits = "".join(
        curve(lambda x, shift=shift: 0.45 + 0.3 * math.sin(x + shift) * math.exp(-0.1 * x * x), OPTIONS[number])
        for number, shift in enumerate((-0.3, 0.0, 0.35))
    )
    known = "".join(dot(x, y, 5) for x, y in ((60, 128), (110, 112), (150, 84)))
    return panels(
        ("networks fitted to what is known", fits + known),
        ("draws for mutations of the best", bars((0.4, 0.55, 0.3, 0.75, 0.5), 3, x=40, width=26)),
        ("the best draws are trained next", cell(ANSWER)),
    )


def e2nas() -> str:
    """A code that follows the loss and flees from where it has been."""
    crowd = np.random.default_rng(1).normal((80, 130), (16, 12), (40, 2))
    code = dot(100, 115, 6, OPTIONS[1])
    pulls = arrow(100, 115, 165, 110, OPTIONS[0]) + text(168, 128, "better", colour=OPTIONS[0])
    flight = arrow(100, 115, 135, 65, GOOD) + text(150, 58, "new", colour=GOOD)
    return panels(
        ("cells visited: an archive", _plane(crowd) + code),
        ("along the loss, and away", _plane(crowd) + pulls + flight + code),
        ("trained with its complement", cell(ANSWER, dashed=True)),
    )


def balenas() -> str:
    """A Gaussian that narrows."""

    def bell(mean: float, deviation: float) -> str:
        draws = np.random.default_rng(4).normal(mean, deviation, 9)
        ticks = "".join(line(f"M{120 + 32 * np.clip(x, -3, 3):.1f} 150 v10", OPTIONS[1], 2) for x in draws)
        return curve(lambda x: 0.5 / deviation**0.5 * math.exp(-((x - mean) ** 2) / (2 * deviation**2))) + ticks

    return panels(
        ("α is a Gaussian, wide at first", bell(0, 1) + line("M24 150 H216", FAINT)),
        ("losses at its draws move it", bell(0.6, 0.6) + line("M24 150 H216", FAINT)),
        ("narrow; the mean is the answer", bell(1, 0.32) + line("M24 150 H216", FAINT)),
    )


def tetlo() -> str:
    """A teacher is rewarded for what its pupil learns."""
    quadruple = "".join(dot(x, y, 6, OPTIONS[0]) for x, y in ((60, 70), (100, 80), (150, 140), (60, 150)))
    quadruple += line("M60 70 L100 80", GOOD, 2) + line("M150 140 L60 150", FAINT, 2)
    reward = box(20, 50, 90, 34, "main model") + box(130, 50, 90, 34, "auxiliary") + arrow(110, 67, 128, 67)
    reward += arrow(175, 84, 175, 118) + text(175, 134, "validation") + arrow(140, 140, 66, 88, GOOD)
    return panels(
        ("the main model is trained", cell(LEANING)),
        ("“these two are more alike”", quadruple + text(120, 180, "passed on to an auxiliary model")),
        ("its validation loss moves α", reward),
    )


PICTURES = (
    balenas,
    bananas,
    beta_darts,
    darts,
    drnas,
    e2nas,
    enas,
    gdas,
    local_search,
    mdenas,
    nao,
    p_darts,
    pc_darts,
    random_nas,
    random_search,
    regularised_evolution,
    robust_darts,
    sdarts,
    setn,
    snas,
    tetlo,
    zero_cost,
)


def drawn() -> Iterator[tuple[str, str]]:
    """The name of each method, and its picture."""
    for draw in PICTURES:
        yield draw.__name__.replace("_", "-"), draw()


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, picture in drawn():
        (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")

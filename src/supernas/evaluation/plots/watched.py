"""What was watched through a search: a panel a quantity, over epochs."""

import io
import math
from collections.abc import Mapping, Sequence

__all__ = ["by_quantity", "watched_svg"]


def by_quantity(names: Sequence[str]) -> dict[str, list[str]]:
    """The panels of `quantity.number` names, in order: a panel holds numbers of one unit.

    >>> by_quantity(["hessian.eigenvalue", "hessian.trace", "skips.normal", "skips.normal_part", "skips.reduce"])
    {'hessian eigenvalue': ['hessian.eigenvalue'], 'hessian trace': ['hessian.trace'], 'skips': ['skips.normal', \
'skips.reduce'], 'skips part': ['skips.normal_part']}
    """
    panels: dict[str, list[str]] = {}
    for name in names:
        quantity, _, number = name.partition(".")
        if quantity == "hessian":
            panel = f"{quantity} {number}"
        else:
            panel = f"{quantity} part" if number.endswith("_part") else quantity
        panels.setdefault(panel, []).append(name)
    return panels


def watched_svg(values: Mapping[str, Sequence[float]]) -> bytes:
    """An SVG document of small multiples; equal inputs give equal bytes.

    Args:
        values: `quantity.number` -> its value after every epoch.
    """
    import matplotlib
    from matplotlib.figure import Figure

    panels = by_quantity(list(values))
    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    with matplotlib.rc_context({"svg.hashsalt": "supernas", "font.family": "sans-serif"}):
        figure = Figure(figsize=(3.4 * columns, 2.5 * rows), layout="constrained")
        grid = figure.subplots(rows, columns, squeeze=False).flatten()
        for axes, (panel, names) in zip(grid, panels.items(), strict=False):
            for name in names:
                series = values[name]
                label = name.partition(".")[2].removesuffix("_part")
                mark = "." if len(series) == 1 else None
                axes.plot(range(1, len(series) + 1), series, linewidth=1.3, label=label, marker=mark)
            axes.set_title(panel, fontsize=10)
            axes.set_xlabel("epoch", fontsize=8)
            axes.tick_params(labelsize=8)
            axes.xaxis.get_major_locator().set_params(integer=True)
            axes.grid(alpha=0.25)
            if len(names) > 1:
                axes.legend(fontsize=7)
        for axes in grid[len(panels) :]:
            axes.remove()
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()

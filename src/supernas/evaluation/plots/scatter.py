"""One score against one truth, a point an architecture."""

import io

import numpy as np

__all__ = ["scatter_svg"]

_CROWDED = 2000  # points beyond which they are drawn as one picture within the SVG


def scatter_svg(score: np.ndarray, truth: np.ndarray, *, score_name: str, truth_name: str, title: str = "") -> bytes:
    """An SVG document with `truth` [architectures] over `score` [architectures]; equal inputs give equal bytes."""
    import matplotlib
    from matplotlib.figure import Figure

    crowded = len(score) > _CROWDED
    with matplotlib.rc_context({"svg.hashsalt": "supernas", "font.family": "sans-serif"}):
        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.add_subplot()
        size, alpha = (3, 0.25) if crowded else (12, 0.5)
        axes.scatter(score, truth, s=size, alpha=alpha, linewidths=0, color="#3b6fb6", rasterized=crowded)
        axes.set_xlabel(score_name)
        axes.set_ylabel(truth_name)
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.25)
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", dpi=150, metadata={"Date": None})
    return drawn.getvalue()

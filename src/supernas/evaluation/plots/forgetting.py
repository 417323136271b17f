"""What a supernet forgets while it trains: the inherited accuracy of fixed architectures, epoch by epoch.

The form of figure 1 in M. Zhang et al., "Overcoming Multi-Model Forgetting in One-Shot NAS with Diversity
Maximization", CVPR 2020 (solid: inherited weights; dashed: the same architectures trained from scratch), with the
architecture that the search had just sampled, as in figure 1(b) of E2NAS (NeurIPS 2020).
"""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

__all__ = ["forgetting_svg"]


def forgetting_svg(
    inherited: np.ndarray,
    sampled: np.ndarray,
    *,
    metric: str,
    retrained: Sequence[np.ndarray] = (),
    taus: Mapping[str, np.ndarray] | None = None,
) -> bytes:
    """An SVG document; equal inputs give equal bytes.

    Args:
        inherited: the metric of each followed architecture with inherited weights [epochs, architectures]; NaN where
            the supernet no longer held it.
        sampled: that of the architecture sampled last [epochs].
        metric: its name, for the axis.
        retrained: for each followed architecture its metric while it trains from scratch [epochs of that training].
        taus: name of a truth -> Kendall's tau of the followed architectures against it [epochs]; a panel of its own.
    """
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.hashsalt": "supernas", "font.family": "sans-serif"}):
        figure = Figure(figsize=(8.8, 6.4 if taus else 4.4), layout="constrained")
        panels = figure.subplots(
            2 if taus else 1, 1, squeeze=False, sharex=True, height_ratios=[2, 1][: 1 + bool(taus)]
        )
        _accuracies(panels[0, 0], inherited, sampled, retrained, metric)
        if taus:
            _rankings(panels[1, 0], taus)
        panels[-1, 0].set_xlabel("epoch")
        drawn = io.BytesIO()
        figure.savefig(drawn, format="svg", metadata={"Date": None})
    return drawn.getvalue()


def _accuracies(
    axes: Any, inherited: np.ndarray, sampled: np.ndarray, retrained: Sequence[np.ndarray], metric: str
) -> None:
    import matplotlib

    if inherited.shape[1] > 10:  # more than the usual colours
        axes.set_prop_cycle(color=matplotlib.colormaps["tab20"](range(20)))
    for number, values in enumerate(inherited.T, start=1):
        (line,) = axes.plot(_epochs(values), values, linewidth=1.2, label=f"A{number}")
        if retrained:
            curve = retrained[number - 1]
            axes.plot(_epochs(curve), curve, "--", linewidth=1.2, color=line.get_color())
    axes.plot(_epochs(sampled), sampled, ":", linewidth=2.4, color="#222", label="sampled at that moment")
    if retrained:
        axes.plot([], [], "--", linewidth=1.2, color="#888", label=f"A1 to A{len(retrained)}, retrained")
    axes.set_ylabel(f"validation {metric}")
    axes.set_title("inherited weights, followed through the search", fontsize=10)
    _finish(axes)


def _rankings(axes: Any, taus: Mapping[str, np.ndarray]) -> None:
    for name, values in taus.items():
        axes.plot(_epochs(values), values, linewidth=1.2, label=name)
    axes.axhline(0, color="#888", linewidth=0.8)
    axes.set_ylim(-1.05, 1.05)
    axes.set_ylabel("Kendall's tau")
    _finish(axes)


def _finish(axes: Any) -> None:
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.grid(alpha=0.25)


def _epochs(values: np.ndarray) -> np.ndarray:
    return np.arange(1, len(values) + 1)

"""The usual plot of searches on a table: distance of the best architecture so far from the optimum."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from supernas.benchmarks.baselines import Step
from supernas.errors import UserError

__all__ = ["plot_trajectories"]


def plot_trajectories(
    searches: Mapping[str, Sequence[Sequence[Step]]], path: Path, *, optimum: float, title: str = ""
) -> None:
    """Draws the mean regret over the runs of each search, with a band from the lower to the upper quartile.

    Both axes are logarithmic, because searches differ in the last tenths of a percent.

    Args:
        searches: name -> runs, each a trajectory; of runs of different length the common part is drawn.
        path: the picture; its suffix says the format (.svg, .png, .pdf).
        optimum: the best accuracy of the column by which the searches are judged, in percent.
        title: above the plot.

    Raises:
        UserError: if the picture cannot be written.
    """
    from matplotlib.figure import Figure  # heavy, and needed for plots only

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    means = []
    for name, runs in searches.items():
        length = min(map(len, runs))
        regret = optimum - np.array([[step.truth for step in run[:length]] for run in runs])  # [runs, evaluations]
        evaluations = np.arange(1, length + 1)
        means.append(regret.mean(axis=0))
        (line,) = axes.plot(evaluations, means[-1], label=f"{name} (n = {len(runs)})")
        lower, upper = np.quantile(regret, [0.25, 0.75], axis=0)
        axes.fill_between(evaluations, lower, upper, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set_xscale("log")
    axes.set_yscale("log", nonpositive="clip")
    positive = np.concatenate(means)
    positive = positive[positive > 0]
    if len(positive):  # a band that reaches the optimum reaches minus infinity
        axes.set_ylim(bottom=positive.min() / 2)
    axes.set_xlabel("evaluations")
    axes.set_ylabel(f"regret of the best so far (% below {optimum:.2f})")
    axes.set_title(title, fontsize="medium")
    axes.legend()
    try:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write the plot {path}: {error}") from None

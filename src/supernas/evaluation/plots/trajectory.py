"""How searches come along: on a table, the regret of the best so far; with a supernet, what each epoch derives."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from supernas.benchmarks.baselines import Step
from supernas.core.errors import UserError
from supernas.core.files import write_atomically

__all__ = ["plot_epochs", "plot_trajectories"]

_LABEL_WIDTH = 40  # characters in a line


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
    figure, axes = _figure(title)
    means = []
    for name, runs in searches.items():
        length = min(map(len, runs))
        regret = optimum - np.array([[step.truth for step in run[:length]] for run in runs])  # [runs, evaluations]
        means.append(_band(axes, regret, name))
    axes.set_xscale("log")
    axes.set_yscale("log", nonpositive="clip")
    positive = np.concatenate(means)
    positive = positive[positive > 0]
    if len(positive):  # a band that reaches the optimum reaches minus infinity
        axes.set_ylim(bottom=positive.min() / 2)
    axes.set_xlabel("evaluations")
    axes.set_ylabel(f"regret of the best so far (% below {optimum:.2f})")
    _save(figure, axes, path)


def plot_epochs(
    curves: Mapping[str, np.ndarray],
    path: Path,
    *,
    what: str,
    ends: Mapping[str, float] | None = None,
    levels: Mapping[str, float] | None = None,
    title: str = "",
) -> None:
    """Draws the mean over the runs of each search after every epoch, with a band from the lower to the upper quartile.

    Args:
        curves: name -> values [runs, epochs].
        path: the picture, as above.
        what: the values are.
        ends: name of a search -> what it returned in the end, drawn as a dot of its colour at its last epoch.
        levels: name -> a value to compare with, drawn as a dashed line.
        title: above the plot.

    Raises:
        UserError: if the picture cannot be written.
    """
    figure, axes = _figure(title)
    for name, values in curves.items():
        _band(axes, values, name)
        if ends and name in ends:
            axes.plot(values.shape[1], ends[name], "o", color=axes.lines[-1].get_color(), markeredgecolor="white")
    for number, (name, level) in enumerate((levels or {}).items()):
        axes.axhline(level, color="0.3", linestyle=("--", ":", "-.")[number % 3], linewidth=1, label=name)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("epoch")
    axes.set_ylabel(fill(what, _LABEL_WIDTH))
    _save(figure, axes, path)


def _figure(title: str) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # heavy, and needed for plots only

    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize="medium")
    return figure, axes


def _band(axes: Any, values: np.ndarray, name: str) -> np.ndarray:
    """Draws the mean of values [runs, steps] with a band between quartiles, from step 1; the mean [steps]."""
    steps, mean = np.arange(1, values.shape[1] + 1), values.mean(axis=0)
    label = fill(f"{name} (n = {len(values)})", _LABEL_WIDTH)
    (line,) = axes.plot(steps, mean, label=label, marker="." if len(steps) == 1 else None)
    lower, upper = np.quantile(values, [0.25, 0.75], axis=0)
    axes.fill_between(steps, lower, upper, color=line.get_color(), alpha=0.2, linewidth=0)
    return np.asarray(mean)


def _save(figure: Any, axes: Any, path: Path) -> None:
    """Writes the picture, the same bytes for the same content."""
    import matplotlib

    axes.legend(fontsize="small").set_in_layout(False)  # long names must not shrink the plot
    form, drawn = path.suffix.lstrip(".") or "png", io.BytesIO()
    try:
        if path.exists() and not path.is_file():
            raise OSError("it is a folder, a pipe or a device")
        with matplotlib.rc_context({"svg.hashsalt": "supernas"}):
            figure.savefig(drawn, format=form, metadata={"Date": None} if form == "svg" else None)
        write_atomically(path, lambda file: file.write(drawn.getbuffer()))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot write the plot {path}: {error}") from None

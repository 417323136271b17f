"""Forgetting made visible: the inherited accuracy of a few fixed architectures, after every epoch of a search.

A listener asks the supernet about architectures drawn before the search, and about the one that was sampled last; it
changes nothing that the search does. Where a truth is known, it says after every epoch how well the supernet ranks them
(figure 3 of NSAS, CVPR 2020). `retrain` adds each one's own training, on the search's halves of the images.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import pydantic

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.core.records import (
    RESULT,
    Record,
    RunRecord,
    checked_model,
    damaged,
    digest_file,
    read_lines,
    read_record,
    write_record,
)
from supernas.core.spelling import option
from supernas.evaluation.plots.forgetting import forgetting_svg
from supernas.evaluation.rank_correlation import tau
from supernas.runs.configuration import SearchConfig, TrainConfig
from supernas.runs.finished import check_halves, read_run
from supernas.runs.search import Epoch, Search
from supernas.runs.training import Training, TrainResult, train_each
from supernas.spaces.search_strategies import draw

__all__ = ["Tracking", "retrain", "tracked_architectures"]

_STREAM = 1  # apart from the stream of numbers that a method of the same seed draws its paths from
_OWN = "own retrainings"
_Metric = Annotated[float, pydantic.AllowInfNan(True)]


def tracked_architectures(config: SearchConfig) -> list[Architecture]:
    """The architectures that a search follows: `search.track` different ones, drawn uniformly by its seed.

    Raises:
        UserError: if the space has fewer, or the method trains none, or none that they share.
    """
    if not config.method.trains_weights:
        raise UserError(
            f"search.track = {config.search.track}: {config.method_name} trains no weights, so what architectures "
            "inherit stays as it began; leave it out"
        )
    if not config.method.shares_weights:
        raise UserError(
            f"search.track = {config.search.track}: {config.method_name} trains every candidate alone, so none has "
            "inherited weights that could be followed; leave it out"
        )
    return draw(config.space, config.search.track, np.random.default_rng([config.search.seed, _STREAM]))


class TrackedRecord(Record):
    """`tracked.json`: what is followed, and how it is asked about."""

    remedy: ClassVar[str] = "search again"

    metric: str
    images: int = pydantic.Field(ge=1)
    architectures: list[str]


class _TrackedLine(Record):
    """What was found after an epoch."""

    remedy: ClassVar[str] = "search again"

    valid_metric: list[_Metric | None]
    sampled: str
    sampled_metric: _Metric
    tau: dict[str, float | None]


def read_tracked(folder: Path) -> Document | None:
    """What the search in a folder followed; None if it followed nothing.

    Raises:
        UserError: if `tracked.json` is not as the search wrote it.
    """
    return read_record(folder / "tracked.json", TrackedRecord)


class Tracking:
    """A listener of a search: adds `tracked` to each epoch's line, and draws `tracked.svg` after the last.

    `tracked` holds `valid_metric`, the followed architectures' validation metric with inherited weights in the order of
    `tracked.json` (null for one that the supernet, narrowed on the way, no longer holds); `sampled` and
    `sampled_metric`, the path that was trained last (the derived architecture where mixtures are trained); and `tau`,
    Kendall's tau-b of the followed ones against each truth (null where it is not defined).

    Args:
        search: a search that has not run yet; the listener goes into its `on_epoch`.
        architectures: what to follow.
        truth: what is known of an architecture, name -> accuracy in percent; no method sees it.
    """

    def __init__(
        self,
        search: Search,
        architectures: Sequence[Architecture],
        truth: Callable[[Architecture], dict[str, float]] | None = None,
    ) -> None:
        self.search, self.architectures = search, list(architectures)
        known = [truth(architecture) for architecture in self.architectures] if truth else []
        names = dict.fromkeys(name for values in known for name in values)
        self.truth = {name: np.array([values.get(name, math.nan) for values in known]) for name in names}
        self._sign = 1.0 if search.task.direction == "max" else -1.0
        self._about = {
            "metric": search.task.metric_name,
            "images": min(search.config.search.validation_images, search.data.count("valid")),
            "architectures": [search.config.space.format(architecture) for architecture in self.architectures],
        }
        search.folder.write_record("tracked.json", self._about)

    def __call__(self, epoch: Epoch) -> Document:
        """What is added to the line of a finished epoch."""
        search = self.search
        sampled = search.state.method.last_path or epoch.architecture
        values = [self._ask(architecture) for architecture in self.architectures]
        scores = self._sign * _array(values)
        line: Document = {
            "valid_metric": values,
            "sampled": search.config.space.format(sampled),
            "sampled_metric": search.validate(sampled),
            "tau": {name: _tau(scores, truth) for name, truth in self.truth.items()},
        }
        if search.finished:
            lines = [*(earlier["tracked"] for earlier in search.folder.epochs), line]
            search.folder.write("tracked.svg", _picture(self._about, lines))
        return {"tracked": line}

    def _ask(self, architecture: Architecture) -> float | None:
        held = set(architecture.pairs) <= set(self.search.network.pairs)
        return self.search.validate(architecture) if held else None


def retrain(
    folder: Path, training: TrainConfig, on_start: Callable[[Training], None] | None = None
) -> list[TrainResult]:
    """Trains each architecture that a finished search followed from scratch, on the search's training half, judged on
    its validation half after every epoch; draws `tracked.svg` again with these curves, and with the supernet's tau
    against the accuracies at their ends.

    Each is a run folder below `tracked/`; one that is finished is read, one that was broken off is resumed.

    Args:
        folder: the run folder of the search.
        training: how to train (see `finished.training_beside`); its architecture is replaced.
        on_start: called with each training before it runs.

    Raises:
        UserError: if the search is not finished or followed nothing, the training is not on its halves, or as
            `Training` does.
    """
    config, _ = read_run(folder)
    about = read_tracked(folder)
    if not config.search.track or about is None:
        raise UserError(f"the search in {folder} followed no architectures; search with {option('track', 4)}")
    check_halves(config, training)
    lines = _tracked_lines(folder, len(about["architectures"]))
    architectures = [config.space.parse(text) for text in about["architectures"]]
    results = train_each(training, architectures, folder / "tracked", on_start=on_start)
    curves = [
        np.array([line["valid_metric"] for line in read_lines(result.folder / "metrics.jsonl")]) for result in results
    ]
    ends = np.array([curve[-1] for curve in curves])
    for line in lines:
        line["tau"][_OWN] = _tau(_array(line["valid_metric"]), ends)
    drawn = _picture(about, lines, curves)
    record = read_record(folder / RESULT, RunRecord)
    try:
        write_atomically(folder / "tracked.svg", lambda file: file.write(drawn))
        if record is not None:
            files = {**record.get("files", {}), "tracked.svg": digest_file("tracked.svg", drawn)}
            write_record(folder / RESULT, {**record, "files": files})
    except OSError as error:
        raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
    return results


def _tracked_lines(folder: Path, count: int) -> list[Document]:
    """What was found after every epoch of so many architectures."""
    path = folder / "metrics.jsonl"
    lines: list[Document] = [line.get("tracked", {}) for line in read_lines(path)]
    for number, line in enumerate(lines, 1):
        checked_model(_TrackedLine, line, path)
        if len(line["valid_metric"]) != count:
            raise damaged(path, f"line {number} is not of {count} architectures", _TrackedLine.remedy)
    if not lines:
        raise damaged(path, "it holds no line", _TrackedLine.remedy)
    return lines


def _picture(about: Document, lines: Sequence[Document], retrained: Sequence[np.ndarray] = ()) -> bytes:
    names = dict.fromkeys(name for line in lines for name in line["tau"])
    return forgetting_svg(
        np.stack([_array(line["valid_metric"]) for line in lines]),
        np.array([line["sampled_metric"] for line in lines]),
        metric=about["metric"].replace("_percent", ", %"),
        retrained=retrained,
        taus={name: _array([line["tau"].get(name) for line in lines]) for name in names},
    )


def _array(values: Sequence[float | None]) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values])


def _tau(score: np.ndarray, truth: np.ndarray) -> float | None:
    known = ~(np.isnan(score) | np.isnan(truth))
    value = tau(score[known], truth[known]) if known.sum() > 1 else math.nan
    return None if math.isnan(value) else value

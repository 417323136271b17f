"""The Python front door: one call a job, with the names of the command line."""

import inspect
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ParamSpec, SupportsIndex, TypeVar

from supernas.core.architecture import Architecture
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.task import Task
from supernas.data import Dataset, TensorDataset, kinds
from supernas.evaluation.proxy_scores import ScoreConfig, Scores, resolve_scores
from supernas.evaluation.proxy_scores import score as score_all
from supernas.evaluation.recorded_search import RecordedSearch
from supernas.evaluation.selection.derive import derive as derive_from
from supernas.output.export import export
from supernas.output.report import report
from supernas.runs import trackers, training
from supernas.runs.configuration import assign, merge, resolve_search, resolve_train
from supernas.runs.loop import EpochReport
from supernas.runs.search import Epoch, Result
from supernas.runs.training import TrainResult, sized
from supernas.spaces.base import Space
from supernas.spaces.pasted import pasted
from supernas.steps.contracts import Metrics
from supernas.studies.plan import read_study
from supernas.studies.run_study import StudyResult, run_study

__all__ = [
    "Search",
    "Training",
    "derive",
    "export",
    "report",
    "score",
    "score_config",
    "search",
    "study",
    "train",
]

Data = str | Path | Dataset | tuple[Any, Any]
"""The name of a data set, a path, `supernas.Data(...)`, or (inputs, targets)."""
AnyArchitecture = Architecture | str | SupportsIndex
P = ParamSpec("P")
R = TypeVar("R")


class Search(RecordedSearch):
    """A search that has not begun: iterate over its epochs, or call `run` for those who only want the end.

    Args:
        method: the search method; `e2nas` by default.
        space: a name, settings with a name, or a `ModelSpace`.
        objective: how the supernet is trained; the method's by default.
        data: a name, a path, (inputs, targets), or `supernas.Data(...)`.
        data_dir: where the files of named data are.
        resolution: the side of the squares that larger images, and all of a folder of several sizes, become.
        task: the loss and the metric, if not the usual ones for the data.
        preset: the named size that the other settings start from.
        epochs: passes over the training half.
        seed: of everything random.
        device: where to compute.
        devices: how many devices of this machine share every batch; the program is then started once for each.
        nodes: how many machines do, each with so many devices.
        from_run: the run folder of a search whose supernet gives the first weights.
        track: how many drawn architectures are followed from epoch to epoch.
        watch: what is recorded after every epoch: names, or one text with commas.
        max_parameters: the most parameters of the found network.
        max_flops: its most multiply-adds.
        max_latency_ms: its most milliseconds for one input, measured here.
        config: a nested dictionary of settings, as a file holds it.
        set: "section.name=value", as on the command line; they have the last word.
        out: the run folder; `runs/<name of the run>` by default.
        resume: go on from the folder's checkpoint, if it has one; a finished run gives its result again.
        on_epoch: listeners, called with each finished `Epoch`; what they return (a dictionary or None) is added to the
            epoch's line of `metrics.jsonl`.
        on_step: called after every step with the progress and the metrics of that step.
        tracker: what shows the epochs as well, in `trackers/` of the run's folder: `tensorboard`, `wandb`, `mlflow`,
            several, or one text with commas.
        benchmark: a table whose truth is recorded; no method sees it.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """

    def __init__(
        self,
        *,
        method: str | None = None,
        space: str | Values | Space | None = None,
        objective: str | None = None,
        data: Data | None = None,
        data_dir: str | Path | None = None,
        resolution: int | None = None,
        task: Task | None = None,
        preset: str | None = None,
        epochs: int | None = None,
        seed: int | None = None,
        device: str | None = None,
        devices: int | None = None,
        nodes: int | None = None,
        from_run: str | Path | None = None,
        track: int | None = None,
        watch: str | Iterable[str] | None = None,
        max_parameters: float | None = None,
        max_flops: float | None = None,
        max_latency_ms: float | None = None,
        config: Values | None = None,
        set: Iterable[str] = (),  # the name of the command line's option
        out: str | Path | None = None,
        resume: bool = True,
        on_epoch: Iterable[Callable[[Epoch], Document | None]] = (),
        on_step: Callable[[Progress, Metrics], None] | None = None,
        tracker: str | Iterable[str] | None = None,
        benchmark: str | Path | None = None,
    ) -> None:
        shown = trackers.chosen(_names(tracker))
        source, dataset = _data(data)
        flags: Values = {
            "method": method,
            "space": space,
            "objective": objective,
            "data": {"source": source, "directory": _text(data_dir), "resolution": resolution},
            "search": {
                "preset": preset,
                "epochs": epochs,
                "seed": seed,
                "device": device,
                "devices": devices,
                "nodes": nodes,
                "inherit": _text(from_run),
                "track": track,
            },
            "budget": {
                "max_parameters": max_parameters,
                "max_flops": max_flops,
                "max_latency_ms": max_latency_ms,
            },
            "watch": {name: {} for name in _names(watch)},
        }
        given = document(config, flags, set)
        resolved = resolve_search(given)
        dataset = _fitting(given, dataset, resolved.space.data_kind)
        super().__init__(
            resolved,
            Path(out) if out else None,
            benchmark=benchmark,
            resume=resume,
            on_epoch=on_epoch,
            on_step=on_step,
            task=task,
            data=dataset,
        )
        self.track(shown)


class Training(training.Training):
    """A training from scratch that has not begun: iterate over its epochs, or call `run`.

    Args:
        architecture: text of the space, or an index.
        space: as of a search.
        data: a name, a path, (inputs, targets), or `supernas.Data(...)`.
        data_dir: where the files of named data are.
        resolution: the side of the squares that larger images, and all of a folder of several sizes, become.
        task: the loss and the metric, if not the usual ones for the data.
        preset: the named size that the other settings start from.
        epochs: passes over the training data.
        seed: of everything random.
        device: where to compute.
        from_run: the run folder of a search, or of a training of the same architecture, that gives the first weights.
        config: a nested dictionary of settings, as a file holds it.
        set: "section.name=value", as on the command line; they have the last word.
        out: the run folder; `runs/<name of the run>` by default.
        resume: go on from the folder's checkpoint, if it has one; a finished run gives its result again.
        on_epoch: listeners, called with each finished epoch's report; what they return (a dictionary or None) is added
            to the epoch's line of `metrics.jsonl`.
        on_step: called after every step with the progress and the metrics of that step.
        tracker: what shows the epochs as well, in `trackers/` of the run's folder: `tensorboard`, `wandb`, `mlflow`,
            several, or one text with commas.
        parameters: the size of the network, for which its channels are then chosen.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """

    def __init__(
        self,
        architecture: str | SupportsIndex,
        *,
        space: str | Values | Space | None = None,
        data: Data | None = None,
        data_dir: str | Path | None = None,
        resolution: int | None = None,
        task: Task | None = None,
        preset: str | None = None,
        epochs: int | None = None,
        seed: int | None = None,
        device: str | None = None,
        from_run: str | Path | None = None,
        config: Values | None = None,
        set: Iterable[str] = (),
        out: str | Path | None = None,
        resume: bool = True,
        on_epoch: Iterable[Callable[[EpochReport], Document | None]] = (),
        on_step: Callable[[Progress, Metrics], None] | None = None,
        tracker: str | Iterable[str] | None = None,
        parameters: int | None = None,
    ) -> None:
        shown = trackers.chosen(_names(tracker))
        source, dataset = _data(data)
        flags: Values = {
            "space": space,
            "architecture": pasted(architecture),
            "data": {"source": source, "directory": _text(data_dir), "resolution": resolution},
            "train": {
                "preset": preset,
                "epochs": epochs,
                "seed": seed,
                "device": device,
                "inherit": _text(from_run),
            },
        }
        given = document(config, flags, set)
        resolved = resolve_train(given)
        dataset = _fitting(given, dataset, resolved.space.data_kind)
        if parameters is not None:
            dataset = dataset or resolved.data.load()
            resolved = sized(resolved, parameters, dataset)
        super().__init__(
            resolved,
            Path(out) if out else None,
            resume=resume,
            on_epoch=tuple(on_epoch),
            on_step=on_step,
            task=task,
            data=dataset,
        )
        self.track(shown)


def _arguments_of(run: Callable[P, Any]) -> Callable[[Callable[..., R]], Callable[P, R]]:
    """Says of a function that it takes what a class takes: to type checkers, and to `help`."""

    def say(function: Callable[..., R]) -> Callable[P, R]:
        given, returned = inspect.signature(run), inspect.signature(function).return_annotation
        function.__signature__ = given.replace(return_annotation=returned)  # type: ignore[attr-defined]
        return function

    return say


@_arguments_of(Search)
def search(**arguments: Any) -> Result:
    """Searches for an architecture. The arguments are those of `Search`.

    Returns:
        The architecture, its history, the trained supernet, the record, and the run folder.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    return Search(**arguments).run()


@_arguments_of(Training)
def train(architecture: str | SupportsIndex, **arguments: Any) -> TrainResult:
    """Trains an architecture from scratch and tests it. The arguments are those of `Training`.

    Returns:
        The trained network, the record with the test, and the run folder.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    return Training(architecture, **arguments).run()


def document(config: Values | None, flags: Mapping[str, Values | Any], assignments: Iterable[str]) -> Document:
    """A document from a file's content, flags (None where not given) and `section.name=value` assignments."""
    given: Document = {}
    for section, value in flags.items():
        if isinstance(value, Mapping):
            inner = {name: flag for name, flag in value.items() if flag is not None}
            if inner:
                given[section] = inner
        elif value is not None:
            given[section] = value
    whole = merge(config or {}, given)
    for assignment in assignments:
        assign(whole, assignment)
    return whole


def derive(run_dir: str | Path, *, by: str, **options: Any) -> Any:
    """Makes another final choice from the supernet of a finished search, without a new search.

    Args:
        run_dir: the run folder of the search.
        by: `best-sampled`, `evolution`, `proxy` or `top-k`.
        **options: those of `evaluation.selection.derive.derive`, with the names of the command line.

    Returns:
        A `Derived`: the architecture, its score, and the record that was written.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    return derive_from(Path(run_dir), by, **options)


def score_config(
    *,
    proxy: str | Iterable[str] = "synflow",
    space: str | Values | None = None,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    resolution: int | None = None,
    channels: int | None = None,
    cells: int | None = None,
    batch_size: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    config: Values | None = None,
    set: Iterable[str] = (),
) -> ScoreConfig:
    """How architectures are to be scored. The arguments are those of `score`."""
    flags = {
        "space": space,
        "data": {"source": _text(data), "directory": _text(data_dir), "resolution": resolution},
        "network": {"channels": channels, "cells": cells},
        "score": {"batch_size": batch_size, "seed": seed, "device": device},
    }
    return resolve_scores([proxy] if isinstance(proxy, str) else list(proxy), document(config, flags, set))


def score(
    architectures: AnyArchitecture | Iterable[AnyArchitecture],
    *,
    out: str | Path = "runs/scores",
    workers: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
    **arguments: Any,
) -> Scores:
    """Scores architectures by zero-cost proxies, without training them.

    Args:
        architectures: one or several, as text, as their index or as they are.
        out: the folder of the files of scores; what they hold is not computed again.
        workers: processes of one thread each. With more than one, a script needs the usual
            `if __name__ == "__main__":`.
        on_progress: called with (scored, to be scored).
        **arguments: `proxy`, a name or several; `space`, `data`, `data_dir`, `resolution`, `channels`, `cells`,
            `batch_size`, `seed`, `device` as on the command line; `config`, a nested dictionary of settings; `set`, a
            list of "section.name=value", where a section may be the name of a proxy.

    Returns:
        The scores by proxy, their files, and the scale at which they hold.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    config = score_config(**arguments)
    several = (
        architectures if isinstance(architectures, Iterable) and not isinstance(architectures, str) else [architectures]
    )
    parsed = [given if isinstance(given, Architecture) else config.space.parse(given) for given in several]
    return score_all(parsed, config, Path(out), workers=workers, on_progress=on_progress)


def study(
    source: str | Path | Values,
    *,
    out: str | Path | None = None,
    workers: int | None = None,
    threads: int = 1,
    table_only: bool = False,
) -> StudyResult:
    """Runs the searches of a study in several processes, and makes its tables; goes on with what was begun before.

    Args:
        source: the study file, or its content.
        out: the study's folder; `runs/studies/<name>` by default.
        workers: processes; by default as many as have cores of their own. A script needs the usual
            `if __name__ == "__main__":`.
        threads: of each process.
        table_only: run nothing; the tables show what is finished.

    Returns:
        The table, the failures, the folder and the files.

    Raises:
        UserError: for anything wrong in the file; the message is one line.
    """
    folder = Path(out) if out else None
    return run_study(read_study(source), folder, workers=workers, threads=threads, table_only=table_only)


def _data(data: Data | None) -> tuple[str | None, Dataset | None]:
    """(what a configuration calls the data, the data themselves where they were given)."""
    if data is None or isinstance(data, str | Path):
        return _text(data), None
    dataset = data if isinstance(data, Dataset) else TensorDataset.of(data)
    return f"{dataset.name} {dataset.digest}", dataset


def _fitting(document: Document, dataset: Dataset | None, data_kind: str) -> Dataset | None:
    """Data that were given as they are, as the space's networks read them.

    Raises:
        UserError: for settings of data that are loaded by name, and for data that the networks cannot read.
    """
    if dataset is None:
        return None
    for name in (name for name in document.get("data", {}) if name != "source"):
        raise UserError(f"data.{name} is of data that are loaded by name, and these were given in Python; leave it out")
    kind = kinds.get(data_kind)
    adapted = kind.adapted(dataset)
    if reason := kind.refuses(adapted):
        raise UserError(reason)
    return adapted


def _names(given: str | Iterable[str] | None) -> list[str]:
    """The names of a text with commas, or of several."""
    parts = given.split(",") if isinstance(given, str) else given or ()
    return [part.strip() for part in parts if part.strip()]


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)

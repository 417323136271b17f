"""A search with all that its record is to hold: the truth of every epoch, and what it forgets."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from supernas.benchmarks import final_tests, load, truths
from supernas.core.task import Task
from supernas.data.kinds import Dataset
from supernas.evaluation.tracking import Tracking, tracked_architectures
from supernas.evaluation.watched_picture import WatchedPicture
from supernas.runs.configuration import SearchConfig
from supernas.runs.search import Epoch, Search

__all__ = ["recorded_search"]


def recorded_search(
    config: SearchConfig,
    folder: Path | None = None,
    *,
    benchmark: str | Path | None = None,
    resume: bool = False,
    on_epoch: Iterable[Callable[[Epoch], dict[str, Any] | None]] = (),
    on_step: Callable[..., None] | None = None,
    task: Task | None = None,
    data: Dataset | None = None,
) -> Search:
    """A search that has not begun, with the listeners that its configuration asks for.

    Args:
        config: the configuration; with `search.track` architectures are followed; what is watched is drawn.
        folder: the run folder; `runs/<name of the run>` by default.
        benchmark: a table whose truth is recorded; no method sees it.
        resume: go on from the folder's checkpoint, if it has one.
        on_epoch: more listeners.
        on_step: called after every step.
        task: what is to be learnt, if not what is usual for the data.
        data: what to learn from, where the configuration does not say it.

    Raises:
        UserError: as `Search` does, or if the benchmark cannot be read or is of another space.
    """
    table = load(benchmark) if benchmark else None
    truth = truths(table, config.space) if table else None
    tracked = tracked_architectures(config) if config.search.track else []
    search = Search(
        config, folder, resume=resume, on_epoch=tuple(on_epoch), on_step=on_step, truth=truth, task=task, data=data
    )
    if tracked:
        tracking = Tracking(search, tracked, final_tests(table, config.space) if table else None)
        search.on_epoch = (tracking, *search.on_epoch)
    if config.watch:
        search.on_epoch = (WatchedPicture(search), *search.on_epoch)
    return search

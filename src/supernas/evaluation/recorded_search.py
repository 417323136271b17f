"""A search with all that its record is to hold: the truth of every epoch, and what it forgets."""

from collections.abc import Callable, Iterable
from pathlib import Path

from supernas.benchmarks import final_tests, load, truths
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.task import Task
from supernas.data import Dataset
from supernas.evaluation.tracking import Tracking, tracked_architectures
from supernas.evaluation.watched_picture import WatchedPicture
from supernas.runs.configuration import SearchConfig
from supernas.runs.search import Epoch, Search
from supernas.steps.contracts import Metrics

__all__ = ["RecordedSearch"]


class RecordedSearch(Search):
    """A search with the listeners that its configuration asks for: with `search.track` architectures are followed, and
    what is watched is drawn.

    Args:
        config: a validated configuration.
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

    def __init__(
        self,
        config: SearchConfig,
        folder: Path | None = None,
        *,
        benchmark: str | Path | None = None,
        resume: bool = False,
        on_epoch: Iterable[Callable[[Epoch], Document | None]] = (),
        on_step: Callable[[Progress, Metrics], None] | None = None,
        task: Task | None = None,
        data: Dataset | None = None,
    ) -> None:
        table = load(benchmark) if benchmark else None
        truth = truths(table, config.space) if table else None
        tracked = tracked_architectures(config) if config.search.track else []
        super().__init__(
            config, folder, resume=resume, on_epoch=tuple(on_epoch), on_step=on_step, truth=truth, task=task, data=data
        )
        if tracked:
            tracking = Tracking(self, tracked, final_tests(table, config.space) if table else None)
            self.on_epoch = (tracking, *self.on_epoch)
        if config.watch:
            self.on_epoch = (WatchedPicture(self), *self.on_epoch)

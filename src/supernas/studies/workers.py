"""One search of a study, in the process of a worker."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from supernas.core.documents import Values
from supernas.evaluation.recorded_search import RecordedSearch
from supernas.runs.configuration import resolve_search
from supernas.runs.log import RunLog
from supernas.runs.shared import RunEvent, done_in
from supernas.studies.plan import PlannedRun

__all__ = ["OnEvent", "work"]

OnEvent = Callable[[RunEvent[PlannedRun]], None]


def work(job: Values, asked_to_stop: Callable[[], bool]) -> dict[str, str]:
    """Runs or resumes one search, as `supernas search --resume` would.

    Args:
        job: plain values: the complete `document`, the `folder`, and the path of a `benchmark` or None.
        asked_to_stop: asked at first and after each step; the run is then saved and stopped.

    Returns:
        `state` (finished, stopped, failed, or taken by another process) and `reason`, one line.
    """
    folder = Path(job["folder"])
    return done_in(folder, partial(_search, job, folder, asked_to_stop), asked_to_stop)


def _search(job: Values, folder: Path, asked_to_stop: Callable[[], bool]) -> None:
    config = resolve_search(job["document"])
    search = RecordedSearch(config, folder, benchmark=job["benchmark"], resume=True)
    with RunLog(folder, search.state.step) as log:

        def on_step(*step: Any) -> None:
            log.step(*step)
            if asked_to_stop():
                search.stop()

        for note in search.notes:
            log.say(f"note: {note}")
        search.on_epoch, search.on_step = (*search.on_epoch, log.epoch), on_step
        search.run()

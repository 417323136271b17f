"""Trainings by the workers of an executor, each a run folder; who wants the results reads them there."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.records import RESULT
from supernas.runs.configuration import TrainConfig, resolve_train
from supernas.runs.executors import JOBS, Executor, Needs
from supernas.runs.shared import RunEvent, SharedRuns, State, done_in
from supernas.runs.training import Training

__all__ = ["train_elsewhere"]


def train_elsewhere(
    trainings: Mapping[Path, TrainConfig],
    executor: Executor[Any],
    needs: Needs,
    folder: Path,
    on_event: Callable[[RunEvent[Path]], None] = lambda event: None,
) -> None:
    """Does trainings that are not finished, and shares them with other processes that do the same.

    Args:
        trainings: run folder -> how to train.
        executor: whose workers do it.
        needs: of a training.
        folder: where the executor may write.
        on_event: called with what happens to the runs.

    Raises:
        UserError: for the first that fails, after the others.
        KeyboardInterrupt: after ^C, when every training has saved and stopped.
    """
    failed: list[str] = []

    def job(path: Path) -> dict[str, Any]:
        return {"document": trainings[path].document(), "folder": str(path.resolve())}

    def listen(event: RunEvent[Path]) -> None:
        if event.state == "failed":
            failed.append(f"{event.run}: {event.reason}")
        on_event(event)

    with executor.open(_train, needs, folder / JOBS) as pool:
        SharedRuns({path: path for path in trainings}, job, _ended, listen).run(pool)
    if failed:
        raise UserError(failed[0])


def _ended(path: Path) -> tuple[State, str] | None:
    return ("kept", "") if (path / RESULT).exists() else None


def _train(job: Values, asked_to_stop: Callable[[], bool]) -> dict[str, str]:
    """Runs or resumes one training, in the process of a worker."""
    folder = Path(job["folder"])
    return done_in(folder, partial(_resume, job["document"], folder, asked_to_stop), asked_to_stop)


def _resume(document: Values, folder: Path, asked_to_stop: Callable[[], bool]) -> None:
    training = Training(resolve_train(document), folder, resume=True)

    def on_step(*step: Any) -> None:
        if asked_to_stop():
            training.stop()

    training.on_step = on_step
    training.run()

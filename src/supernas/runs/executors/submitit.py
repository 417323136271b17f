"""submitit: a job of Slurm for each job, or of this machine to try it out."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.core.text import one_line
from supernas.runs.executors._processes import uninterrupted
from supernas.runs.executors._remote import Order, order
from supernas.runs.executors.base import Executor, Needs, Outcome, Pool, Task, Work, WorkerDiedError, cores

__all__ = ["Submitit", "SubmititPool"]

_LOOK_SECONDS = 0.2
_QUEUED = 100  # jobs that are given to the queue at once, where nothing else is said
_TIMEOUTS = 1000  # after which a job is not queued again: a long run takes many


class SubmititPool(Pool):
    """Jobs of submitit, whose files lie in a folder; those of jobs that went well are removed.

    Args:
        settings: of the executor.
        work: does a job.
        needs: of a job.
        folder: for files of submitit, and those that ask a job to stop.
    """

    def __init__(self, settings: "Submitit", work: Work, needs: Needs, folder: Path) -> None:
        self.work, self.threads, self.folder = work, needs.threads, folder
        self._executor = _executor(settings, needs, folder)
        from submitit.core.utils import FailedJobError, UncompletedJobError

        self._errors = (FailedJobError, UncompletedJobError)
        room = max(1, cores() // needs.threads) if self._executor.cluster == "local" else _QUEUED
        self.workers = needs.workers or room
        self._running: list[_SubmititTask] = []

    def start(self, job: Any) -> Task:
        """Queues a job."""
        what = order(self.work, job, self.threads, self.folder)
        with uninterrupted():  # a job of this machine leaves ^C to this process
            submitted = self._executor.submit(_Order(**vars(what)))
        self._running.append(_SubmititTask(self, what, submitted))
        return self._running[-1]

    def wait(self, tasks: Sequence["_SubmititTask"], seconds: float) -> Sequence[Task]:
        """Those that are done."""
        until = time.monotonic() + seconds
        while not (done := [task for task in tasks if task.submitted.done()]) and time.monotonic() < until:
            time.sleep(_LOOK_SECONDS)
        return done

    def close(self) -> None:
        """Ends jobs: those of the queue at once, those of this machine after the step that they are in."""
        for task in self._running:
            task.stop()
            task.submitted.cancel(check=False)
        self._running = []

    def outcome(self, task: "_SubmititTask") -> Outcome:
        """What came of a job."""
        self._running.remove(task)
        try:
            outcome: Outcome = task.submitted.result()
        except self._errors as error:
            raise WorkerDiedError(f"{_told(error)}; its log is {task.submitted.paths.stderr}") from None
        finally:
            task.order.stop.unlink(missing_ok=True)
        paths = task.submitted.paths
        for path in (paths.submitted_pickle, paths.result_pickle, paths.stdout, paths.stderr):
            path.unlink(missing_ok=True)
        return outcome


class _SubmititTask(Task):
    def __init__(self, pool: SubmititPool, order: Order, submitted: Any) -> None:
        self.pool, self.order, self.submitted = pool, order, submitted

    def stop(self) -> None:
        self.order.stop.touch()

    def result(self) -> Any:
        return self.pool.outcome(self).get()


class _Order(Order):
    """An order that is queued again where the queue ends it: its run goes on from the checkpoint."""

    def checkpoint(self) -> Any:
        """What submitit queues."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


@settings
class Submitit(Executor[SubmititPool]):
    """Jobs of Slurm, queued by submitit."""

    keeps_workers = False

    cluster: Literal["auto", "slurm", "local"] = setting(
        "auto", "the queue: slurm, processes of this machine to try it out, or slurm where there is one"
    )
    minutes: int = setting(24 * 60, "of each job; one that has more to do is queued again, and goes on", ge=1)
    partition: str | None = setting(None, "of Slurm")
    account: str | None = setting(None, "of Slurm, which is charged")
    memory_gb: float | None = setting(None, "of each job", gt=0)
    gpus: int | None = setting(None, "of each job; none is 1 where jobs compute on cuda", ge=0)
    more: dict[str, str | int] = setting({}, 'other parameters of sbatch, such as {"constraint": "a100"}')

    def open(self, work: Work, needs: Needs, folder: Path) -> SubmititPool:
        """What queues jobs."""
        return SubmititPool(self, work, needs, folder.resolve())


def _executor(settings: Submitit, needs: Needs, folder: Path) -> Any:
    """That of submitit."""
    try:
        import submitit
    except ImportError:
        raise UserError("the executor submitit is not installed; pip install submitit") from None
    cluster = None if settings.cluster == "auto" else settings.cluster
    try:
        executor = submitit.AutoExecutor(
            folder, cluster, slurm_max_num_timeout=_TIMEOUTS, local_max_num_timeout=_TIMEOUTS
        )
    except RuntimeError as error:
        raise UserError(f"submitit has no {settings.cluster} here: {_told(error)}") from None
    gpus = int(needs.with_gpu()) if settings.gpus is None else settings.gpus
    if gpus and executor.cluster == "local":
        raise UserError("jobs of submitit on this machine would all take its first GPU; choose the executor local")
    executor.update_parameters(name="supernas", timeout_min=settings.minutes, cpus_per_task=needs.threads)
    wanted = {
        "gpus_per_node": gpus or None,
        "mem_gb": settings.memory_gb,
        "slurm_partition": settings.partition,
        "slurm_account": settings.account,
        "slurm_additional_parameters": dict(settings.more) or None,
    }
    executor.update_parameters(**{name: value for name, value in wanted.items() if value is not None})
    return executor


def _told(error: BaseException) -> str:
    return one_line(str(error))[:300]

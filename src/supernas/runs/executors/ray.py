"""Ray: a task for each job, on this machine or on a cluster, whose nodes share a disk and have supernas installed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.core.text import one_line
from supernas.runs.executors._remote import Order, order
from supernas.runs.executors.base import Executor, Needs, Outcome, Pool, Task, Work, WorkerDiedError, cores

__all__ = ["Ray", "RayPool"]


class RayPool(Pool):
    """Tasks of Ray, which puts them where there are processors, and GPUs where they want them.

    Args:
        settings: of the executor.
        work: does a job.
        needs: of a job.
        folder: for the files that ask a task to stop.
    """

    def __init__(self, settings: "Ray", work: Work, needs: Needs, folder: Path) -> None:
        self.work, self.threads, self.folder = work, needs.threads, folder
        self._ray, self._begun = _connected(settings, needs)
        gpus = float(needs.with_gpu()) if settings.gpus is None else settings.gpus
        # a worker that dies is no matter of Ray's: whoever gives out the jobs knows what is worth another try
        options = {"num_cpus": needs.threads, "num_gpus": gpus, "max_retries": 0}
        self._do = self._ray.remote(_do).options(**options)
        there = self._ray.cluster_resources()
        room = [there.get("CPU", 0) // needs.threads, *([there.get("GPU", 0) // gpus] if gpus else [])]
        if min(room) < 1:
            self.close()
            raise UserError(
                f"Ray has {there.get('CPU', 0):g} processors and {there.get('GPU', 0):g} GPUs, and a job wants "
                f"{needs.threads} and {gpus:g}; ask for fewer, or join a larger cluster"
            )
        self.workers = needs.workers or int(min(room))
        self._running: list[_RayTask] = []

    def start(self, job: Any) -> Task:
        """Queues a job."""
        what = order(self.work, job, self.threads, self.folder)
        self._running.append(_RayTask(self, what, self._do.remote(what)))
        return self._running[-1]

    def wait(self, tasks: Sequence["_RayTask"], seconds: float) -> Sequence[Task]:
        """Those that are done."""
        by_reference = {task.reference: task for task in tasks}
        ready, _ = self._ray.wait(list(by_reference), timeout=seconds)
        return [by_reference[reference] for reference in ready]

    def close(self) -> None:
        """Ends tasks, and Ray itself where this pool has begun it."""
        for task in getattr(self, "_running", ()):
            task.order.stop.unlink(missing_ok=True)
            self._ray.cancel(task.reference, force=True)
        self._running = []
        if self._begun:
            self._ray.shutdown()

    def outcome(self, task: "_RayTask") -> Outcome:
        """What came of a task."""
        self._running.remove(task)
        try:
            outcome: Outcome = self._ray.get(task.reference)
        except self._ray.exceptions.RayError as error:
            raise WorkerDiedError(_told(error)) from None
        finally:
            task.order.stop.unlink(missing_ok=True)
        return outcome


class _RayTask(Task):
    def __init__(self, pool: RayPool, order: Order, reference: Any) -> None:
        self.pool, self.order, self.reference = pool, order, reference

    def stop(self) -> None:
        self.order.stop.touch()

    def result(self) -> Any:
        return self.pool.outcome(self).get()


@settings
class Ray(Executor[RayPool]):
    """Tasks of Ray, on a cluster or on this machine alone."""

    address: str | None = setting(
        None, "of the cluster: auto, host:port or ray://host:port; none is RAY_ADDRESS, or else this machine alone"
    )
    gpus: float | None = setting(None, "of each job, or a part of one; none is 1 where jobs compute on cuda", ge=0)

    def open(self, work: Work, needs: Needs, folder: Path) -> RayPool:
        """Joins the cluster, or begins one."""
        folder.mkdir(parents=True, exist_ok=True)
        return RayPool(self, work, needs, folder)


def _do(what: Order) -> Outcome:
    return what()


def _connected(settings: Ray, needs: Needs) -> tuple[Any, bool]:
    """(Ray, whether it was begun here)."""
    try:
        import ray
    except ImportError:
        raise UserError("the executor ray is not installed; pip install ray") from None
    if ray.is_initialized():
        if settings.address is not None:
            raise UserError(f"this process has joined a cluster of Ray already; leave {settings.address} out")
        return ray, False
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would report to its makers
    os.environ.setdefault("RAY_worker_niceness", "0")  # no less than this process: by default they give way to all
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "1")  # who wants no GPU sees none, and is not warned
    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    if settings.address is None and "RAY_ADDRESS" not in os.environ:
        workers = needs.workers or max(1, cores() // needs.threads)
        ray.init(num_cpus=workers * needs.threads, **options)
        return ray, True
    try:
        ray.init(settings.address, **options)
    except Exception as error:  # of several kinds, by what is wrong
        where = settings.address or os.environ["RAY_ADDRESS"]
        raise UserError(f"there is no cluster of Ray at {where}: {_told(error)}") from None
    return ray, True


def _told(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}")[:300]

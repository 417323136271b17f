"""Processes of this machine: one job at a time each, one GPU each where jobs want one."""

import os
from collections import Counter
from collections.abc import Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import torch

from supernas.core.settings import settings
from supernas.runs.device import choose_device
from supernas.runs.executors._processes import Worker
from supernas.runs.executors.base import Executor, Needs, Pool, Task, Work, cores

__all__ = ["Local", "LocalPool"]

_GPUS = "CUDA_VISIBLE_DEVICES"


class LocalPool(Pool):
    """Worker processes, which are started when there is a job for them and keep the GPU that they got.

    Args:
        work: does a job.
        workers: how many jobs are done at once.
        threads: of each worker.
        gpus: of which a worker sees one, that with the fewest others; empty if they see what this process does.
    """

    def __init__(self, work: Work, workers: int, threads: int, gpus: Sequence[str]) -> None:
        self.work, self.workers, self.threads = work, workers, threads
        self._users = Counter(dict.fromkeys(gpus, 0))
        self._gpus: dict[Worker, str] = {}
        self._idle: list[Worker] = []
        self._busy: list[_LocalTask] = []

    def start(self, job: Any) -> Task:
        """Gives a worker a job."""
        worker = self._idle.pop() if self._idle else self._new()
        worker.start(job)
        self._busy.append(_LocalTask(self, worker))
        return self._busy[-1]

    def wait(self, tasks: Sequence["_LocalTask"], seconds: float) -> Sequence[Task]:
        """Those that are done."""
        ready = wait([task.worker.connection for task in tasks], timeout=seconds)
        return [task for task in tasks if task.worker.connection in ready]

    def close(self) -> None:
        """Ends the idle workers, and kills the others."""
        for task in self._busy:
            task.worker.kill()
        for worker in self._idle:
            worker.end()
        self._busy, self._idle = [], []

    def done(self, task: "_LocalTask", alive: bool) -> None:
        """A worker is free for another job, or has died."""
        self._busy.remove(task)
        if alive:
            self._idle.append(task.worker)
            return
        task.worker.end()
        if gpu := self._gpus.pop(task.worker, None):
            self._users[gpu] -= 1

    def _new(self) -> Worker:
        if not self._users:
            return Worker(self.work, self.threads)
        gpu = min(self._users, key=lambda name: self._users[name])
        worker = Worker(self.work, self.threads, {_GPUS: gpu})
        self._users[gpu] += 1
        self._gpus[worker] = gpu
        return worker


class _LocalTask(Task):
    def __init__(self, pool: LocalPool, worker: Worker) -> None:
        self.pool, self.worker = pool, worker

    def stop(self) -> None:
        self.worker.stop()

    def result(self) -> Any:
        alive = False
        try:
            outcome = self.worker.result()
            alive = True
        finally:
            self.pool.done(self, alive)
        return outcome.get()


@settings
class Local(Executor[LocalPool]):
    """Processes of this machine, one GPU each where jobs want one."""

    def open(self, work: Work, needs: Needs, folder: Path) -> LocalPool:
        """What does jobs; nothing is started before there is one."""
        return LocalPool(work, self.here(needs), needs.threads, _gpus() if _queued(needs) else ())

    def here(self, needs: Needs) -> int:
        """As many as have cores of their own, or a GPU; one where they would share another device."""
        if needs.workers is not None:
            return needs.workers
        if {choose_device(name).type for name in needs.devices} == {"cpu"}:
            return max(1, cores() // needs.threads)
        return max(1, len(_gpus())) if _queued(needs) else 1


def _queued(needs: Needs) -> bool:
    """Whether jobs want a GPU, whichever."""
    devices = map(choose_device, needs.devices)
    return any(device.type == "cuda" and device.index is None for device in devices)


def _gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` calls them."""
    given = os.environ.get(_GPUS)
    if given is not None:
        return [name.strip() for name in given.split(",") if name.strip()]
    return [str(number) for number in range(torch.cuda.device_count())]

"""One function on many jobs, by several processes of this machine that do nothing else."""

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, TypeVar

from supernas.evaluation.processes import follow_parent, uninterrupted

__all__ = ["in_processes"]

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(
    prepare: Callable[[], Callable[[Job], Result]], jobs: Sequence[Job], workers: int, chunk: int
) -> Iterator[Result]:
    """The results of jobs, in order, from processes of one thread each.

    Args:
        prepare: makes the function that does a job; called once in each process, to which it is sent (a function of a
            module, or a partial of one), so that what takes long to make is made there, and once.
        jobs: what to do.
        workers: how many processes.
        chunk: jobs that a process is handed at once.
    """
    context = multiprocessing.get_context("spawn")  # a forked process can hang in the parent's thread pools
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(prepare,)) as pool:
        try:
            with uninterrupted():  # all processes are started here
                results = pool.map(_do, jobs, chunksize=chunk)
            yield from results
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


_work: Callable[[Any], Any]  # of this process, where it is one of several


def _begin(prepare: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    follow_parent()
    _work = prepare()


def _do(job: Any) -> Any:
    return _work(job)

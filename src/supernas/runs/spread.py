"""One function on many jobs, by the workers of an executor, which do nothing else."""

import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.runs.executors import Executor, Needs, Pool, Task, WorkerDiedError

__all__ = ["in_order"]

Job = TypeVar("Job")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class _Part(Generic[Job]):
    """Jobs that are done one after the other, and what makes the function that does one; `mark` is the same for all."""

    mark: str
    prepare: Callable[[], Callable[[Job], Any]]
    jobs: Sequence[Job]


def in_order(
    executor: Executor[Any],
    needs: Needs,
    folder: Path,
    prepare: Callable[[], Callable[[Job], Result]],
    jobs: Sequence[Job],
    chunk: int,
) -> Iterator[Result]:
    """The results of jobs, in order.

    Args:
        executor: whose workers do them.
        needs: of a worker.
        folder: where the executor may write.
        prepare: makes the function that does a job; called once in each worker, to which it is sent (a function of a
            module, or a partial of one), so that what takes long to make is made there, and once.
        jobs: what to do.
        chunk: jobs that a worker is handed at once, unless each handing takes a worker of its own.

    Raises:
        UserError: if a worker dies twice over the same jobs.
    """
    if not jobs:
        return
    with executor.open(_do, needs, folder) as pool:
        size = chunk if executor.keeps_workers else -(-len(jobs) // pool.workers)
        mark = uuid.uuid4().hex
        parts = [_Part(mark, prepare, jobs[first : first + size]) for first in range(0, len(jobs), size)]
        for results in _in_order(pool, parts):
            yield from results


def _in_order(pool: Pool, parts: Sequence[_Part]) -> Iterator[Sequence[Any]]:
    waiting, busy, deaths = deque(range(len(parts))), dict[Task, int](), set[int]()
    done: dict[int, Sequence[Any]] = {}
    for wanted in range(len(parts)):
        while wanted not in done:
            while waiting and len(busy) < pool.workers:
                number = waiting.popleft()
                busy[pool.start(parts[number])] = number
            for task in pool.wait(list(busy), 60.0):
                number = busy.pop(task)
                try:
                    done[number] = task.result()
                except WorkerDiedError as error:
                    _count(number, deaths, error)
                    waiting.appendleft(number)
        yield done.pop(wanted)


def _count(number: int, deaths: set[int], error: WorkerDiedError) -> None:
    """Notes that a worker died over a part."""
    if number in deaths:
        raise UserError(f"a worker died twice over the same work: {error}; try it with {option('workers', 1)}")
    deaths.add(number)


_made: tuple[str, Callable[[Any], Any]] = ("", repr)  # (mark, function) of this process, where it is a worker


def _do(part: _Part, asked_to_stop: Callable[[], bool]) -> Sequence[Any]:
    global _made
    if _made[0] != part.mark:
        _made = part.mark, part.prepare()
    results = []
    for job in part.jobs:
        if asked_to_stop():  # nobody waits for the rest
            break
        results.append(_made[1](job))
    return results

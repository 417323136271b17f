"""Two processes that are the ranks of one group, on the processor: what each computes is brought home."""

import sys
import traceback
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.multiprocessing as processes

from supernas.core import ranks

SIZE = 2


def in_pair(work: Any, folder: Path, *arguments: Any) -> list[Any]:
    """What `work(folder of the rank, *arguments)`, a function of a module, gives on each rank.

    Raises:
        RuntimeError: with the traceback of a rank that failed.
    """
    context = processes.get_context("spawn")
    started = [context.Process(target=_rank, args=(work, folder, number, arguments)) for number in range(SIZE)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    failed = [(folder / f"{number}.failed").read_text() for number in range(SIZE) if process_failed(folder, number)]
    if failed:
        raise RuntimeError("\n".join(failed))
    return outcomes(folder)


def outcomes(folder: Path) -> list[Any]:
    """What was brought home from each rank."""
    return [torch.load(folder / f"{number}.pt", weights_only=False) for number in range(SIZE)]


def process_failed(folder: Path, number: int) -> bool:
    return (folder / f"{number}.failed").exists()


def _rank(work: Any, folder: Path, number: int, arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=number, world_size=SIZE)
    ranks.join(number, SIZE)
    own = folder / str(number)
    own.mkdir()
    try:
        torch.save(work(own, *arguments), folder / f"{number}.pt")
    except BaseException:
        (folder / f"{number}.failed").write_text(traceback.format_exc())
        sys.exit(1)

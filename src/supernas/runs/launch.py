"""A run on several devices: Lightning Fabric starts a process for each, and they find each other.

The process that was started by hand is rank 0; Fabric starts the others of this machine by the same command. Where a
launcher has started all of them already (`srun`, `torchrun`), it finds out by itself. What they then say to each other
is in `core/ranks.py`.
"""

import logging
import multiprocessing
import os
import sys
import threading
import time
from datetime import timedelta
from typing import Any, TextIO, cast

import torch

from supernas.core import ranks
from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.runs.device import choose_device

__all__ = ["launched"]

_PATIENCE = timedelta(minutes=30)  # until one gives up waiting for another: the first may have data to fetch
_LOOK = 0.5  # seconds from one look at the parent to the next
_BACKENDS = {"cpu": "gloo", "cuda": "cpu:gloo,cuda:nccl"}  # some of what a method has learnt lies on the host


def launched(devices: int, nodes: int, name: str, *, float64: bool = False) -> torch.device:
    """The device of this process, which from then on is one of so many on each of some machines.

    Args:
        devices: of each machine.
        nodes: machines.
        name: the kind of device, as in `choose_device`; `auto` is the GPUs if there are enough, else the processor.
        float64: as in `choose_device`.

    Raises:
        UserError: if there are not as many devices, or Fabric is not there, or this process belongs to others already.
    """
    wanted = devices * nodes
    if wanted == 1 and ranks.size() == 1:
        return choose_device(name, float64=float64)
    kind = _kind(name, devices)
    if ranks.size() == 1:
        _launch(kind, devices, nodes)
    if ranks.size() != wanted:
        raise UserError(
            f"this program runs on {ranks.size()} devices by now, and so do all its runs; give "
            f"{option('devices', ranks.size() // nodes)}, or run the other one in a program of its own"
        )
    return torch.device(kind, torch.cuda.current_device()) if kind == "cuda" else torch.device(kind)


def _kind(name: str, devices: int) -> str:
    """The kind of the devices."""
    kind, _, number = name.partition(":")
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "auto":
        kind = "cuda" if there >= devices else "cpu"
    if number or kind not in _BACKENDS:
        raise UserError(f"{name} is one device, and {devices} were asked for; give {option('device', 'cuda')} or cpu")
    if kind == "cuda" and there < devices:
        raise UserError(f"this machine has {there} GPUs, and {devices} were asked for; give {option('devices', there)}")
    return kind


def _launch(kind: str, devices: int, nodes: int) -> None:
    if multiprocessing.parent_process() is not None:
        raise UserError(
            f"a worker of a study has one device; leave {option('devices')} out, and let the workers share the devices"
        )
    fabric = _fabric()
    strategy = fabric.strategies.DDPStrategy(process_group_backend=_BACKENDS[kind], timeout=_PATIENCE)
    group = fabric.Fabric(accelerator=kind, devices=devices, num_nodes=nodes, strategy=strategy)
    group.launch()
    ranks.join(group.global_rank, group.world_size)
    if not ranks.first():
        sys.stdout = cast(TextIO, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - for the rest of the process
        logging.getLogger("supernas").setLevel(logging.ERROR)
    if group.local_rank:
        threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _fabric() -> Any:
    try:
        import lightning_fabric
    except ImportError:
        raise UserError(
            "several devices need Lightning Fabric, which is not installed: pip install lightning-fabric"
        ) from None
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    return lightning_fabric


def _end_with(parent: int) -> None:
    """Ends this process when its parent does: one that is killed cannot tell its children, who may wait for it."""
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)

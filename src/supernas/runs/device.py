"""Where a run computes, and in which precision."""

import os
from typing import Any

import torch

from supernas.core.errors import UserError, unknown
from supernas.core.spelling import assigned, option
from supernas.steps.compiling import compiled
from supernas.steps.precision import Precision

__all__ = ["check_compile", "check_precision", "choose_device", "set_arithmetic"]


def choose_device(name: str, *, float64: bool = False) -> torch.device:
    """The device of a name (`auto`, `cpu`, `cuda`, `cuda:1`, `mps`); `auto` is the fastest at hand.

    Args:
        name: of the device.
        float64: whether double precision is needed, which MPS does not have: `auto` then leaves it out.

    Raises:
        UserError: if the machine has no such device, or it does not compute what is needed.
    """
    here = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if here[device] and not (float64 and device == "mps"))
    kind, _, number = name.partition(":")
    if kind not in here or (number and kind != "cuda"):
        raise unknown("device", name, ["auto", *here, "cuda:0"])
    if not here[kind] or (number and int(number) >= torch.cuda.device_count()):
        there = " or ".join(option("device", device) for device in _present())
        raise UserError(f"this machine has no device '{name}'; use {there}")
    if float64 and kind == "mps":
        raise UserError(f"mps has no double precision, which this needs; use {option('device', 'cpu')}")
    return torch.device(name)


def _present() -> list[str]:
    """The names of all devices of this machine."""
    cards = [f"cuda:{number}" for number in range(torch.cuda.device_count())] if torch.cuda.is_available() else []
    return ["cpu", *cards, *(["mps"] if torch.backends.mps.is_available() else [])]


def check_precision(precision: Precision, device: torch.device, setting: str) -> None:
    """Whether a device computes in a precision.

    Args:
        precision: the precision.
        device: the device.
        setting: which asked for it.

    Raises:
        UserError: if it does not.
    """
    if precision == "float32":
        return
    there = torch.amp.is_autocast_available(device.type)
    if precision == "bfloat16" and device.type == "cuda":
        there = there and torch.cuda.is_bf16_supported(including_emulation=False)
    if not there:
        raise UserError(f"this {device.type} does not compute in {precision}; use {assigned(setting, 'float32')}")


def check_compile(device: torch.device, setting: str) -> None:
    """Whether PyTorch can compile for a device here, which takes a compiler: tried.

    Args:
        device: the device.
        setting: which asked for it.

    Raises:
        UserError: if it cannot.
    """
    compiled(torch.cos, setting)(torch.zeros(2, device=device))


def set_arithmetic(device: torch.device, tf32: bool, deterministic: bool, cudnn_benchmark: bool) -> None:
    """How PyTorch computes from now on, in this process.

    Args:
        device: where.
        tf32: whether float32 products of a GPU may be in TensorFloat-32.
        deterministic: whether only algorithms are taken that give the same bits every time.
        cudnn_benchmark: whether cuDNN tries which convolution is fastest.

    Raises:
        UserError: if the device has nothing of the kind.
    """
    for name, asked in {"tf32": tf32, "cudnn_benchmark": cudnn_benchmark}.items():
        if asked and device.type != "cuda":
            raise UserError(f"{name} is of NVIDIA's GPUs, and this run is on the {device.type}; leave it out")
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which cuBLAS refuses
    cudnn: Any = torch.backends.cudnn
    torch.use_deterministic_algorithms(deterministic)
    cudnn.deterministic, cudnn.benchmark = deterministic, cudnn_benchmark
    torch.backends.cuda.matmul.allow_tf32 = cudnn.allow_tf32 = tf32  # as PyTorch's exporter reads

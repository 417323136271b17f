"""Where a run computes, and in which precision."""

import torch

from supernas.core.errors import UserError, unknown
from supernas.core.spelling import assigned, option

__all__ = ["check_precision", "choose_device"]


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


def check_precision(precision: str, device: torch.device) -> None:
    """Whether a device computes in a precision.

    Raises:
        UserError: if it does not.
    """
    if precision == "bfloat16":
        there = torch.amp.is_autocast_available(device.type)
        if not there or (device.type == "cuda" and not torch.cuda.is_bf16_supported()):
            raise UserError(
                f"this {device.type} does not compute in bfloat16; use {assigned('train.precision', 'float32')}"
            )

"""Where a run computes, and in which precision."""

import torch

from supernas.core.errors import UserError, unknown
from supernas.core.spelling import assigned, option

__all__ = ["check_precision", "choose_device"]


def choose_device(name: str) -> torch.device:
    """The device of a name; `auto` is the fastest at hand.

    Raises:
        UserError: if the machine has no such device.
    """
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if here[device])
    if name not in here:
        raise unknown("device", name, ["auto", *here])
    if not here[name]:
        there = " or ".join(option("device", device) for device in here if here[device])
        raise UserError(f"this machine has no device '{name}'; use {there}")
    return torch.device(name)


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

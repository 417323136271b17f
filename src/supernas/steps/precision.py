"""In which precision networks compute while they are trained; weights, losses and steps are always in float32.

A matrix product or a convolution of half the bits is faster where the device knows it. bfloat16 has the range of
float32, so that nothing else changes. float16 has not: small gradients vanish unless the loss is scaled (`scaling.py`).
"""

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch

__all__ = ["Precision", "computing"]

Precision = Literal["float32", "bfloat16", "float16"]


def computing(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Where a forward pass computes in a precision; a context that does nothing for float32."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, getattr(torch, precision))

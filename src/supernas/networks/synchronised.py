"""Batch normalisation by the statistics of the whole batch, where several devices have a part of it each.

Every normalisation of a network, of whatever kind, ends in `F.batch_norm`: within `Synchronised` that asks all devices.
Unlike PyTorch's own it can be differentiated twice, and works on a processor too.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

from supernas.core.ranks import gathered, size

__all__ = ["Synchronised"]


class Synchronised(TorchFunctionMode):
    """Within it, what is normalised by the statistics of a batch is so by those of the batches of all devices."""

    def __torch_function__(
        self, function: Callable, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if function is F.batch_norm and size() > 1:
            return _batch_norm(*args, **(kwargs or {}))
        return function(*args, **(kwargs or {}))


def _batch_norm(
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """As `F.batch_norm`."""
    if not training:
        return torch.batch_norm(
            x, weight, bias, running_mean, running_var, training, momentum, eps, torch.backends.cudnn.enabled
        )
    dims = [dim for dim in range(x.ndim) if dim != 1]
    shape = [-1 if dim == 1 else 1 for dim in range(x.ndim)]
    own_mean = x.mean(dims)
    own_var = (x - own_mean.view(shape)).square().mean(dims)
    means, variances = gathered(torch.stack([own_mean, own_var])).unbind(1)
    mean = means.mean(0)
    var = variances.mean(0) + (means - mean).square().mean(0)
    if running_mean is not None and running_var is not None:
        count = x.numel() // x.shape[1] * size()
        with torch.no_grad():
            running_mean.lerp_(mean, momentum)
            running_var.lerp_(var * (count / max(count - 1, 1)), momentum)
    scale = (var + eps).rsqrt() if weight is None else (var + eps).rsqrt() * weight
    normalised = (x - mean.view(shape)) * scale.view(shape)
    return normalised if bias is None else normalised + bias.view(shape)

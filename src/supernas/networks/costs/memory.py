"""Whether a network can be trained here: what it needs is found on PyTorch's meta device, whose tensors are empty.

Weights, their gradients, the momentum and the copy that is saved are counted, and of one forward pass what its backward
pass needs. Methods may need more than that; what is refused here would fail anywhere.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from supernas.core.errors import UserError
from supernas.core.memory import check_memory
from supernas.networks.base import Network

__all__ = ["batch_shape", "check_trainable", "needed_bytes"]

_COPIES = 4  # of the weights
_FEW, _SOME = 3, 6  # cells of which networks are made, to know what a cell needs
_LARGEST = 2**62  # bytes; what cannot even be named


def batch_shape(batch: int, input_shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of a batch of images [batch, channels, height, width], or of one word of each text [1, batch]."""
    return (1, batch) if input_shape == (1,) else (batch, *input_shape)


def check_trainable(
    build: Callable[..., Network],
    settings: Mapping[str, Any],
    batch: int,
    input_shape: tuple[int, ...],
    dtype: torch.dtype,
    what: str,
) -> None:
    """Refuses a network that does not fit into memory, or whose inputs are too small for it. Nothing large is made.

    Args:
        build: makes the network of given settings.
        settings: the settings.
        batch: inputs at a time.
        input_shape: of one input.
        dtype: of the inputs.
        what: the network is called, for messages.

    Raises:
        UserError: if it cannot be trained.
    """
    fix = "take fewer channels or cells, or a smaller batch or resolution"
    needed = needed_bytes(build, settings, batch_shape(batch, input_shape), dtype, what)
    check_memory(needed, f"{what} and a batch of {batch:,}", fix)


def needed_bytes(
    build: Callable[..., Network],
    settings: Mapping[str, Any],
    shape: tuple[int, ...],
    dtype: torch.dtype,
    what: str,
) -> int:
    """Bytes that training needs at least; of many cells it is taken that each needs the same.

    Raises:
        UserError: if the inputs are too small for the network.
    """
    cells = settings.get("cells", 0)
    if cells <= _SOME:
        return _bytes(build, settings, shape, dtype, what)
    few, some = (_bytes(build, {**settings, "cells": number}, shape, dtype, what) for number in (_FEW, _SOME))
    return some + (some - few) * (cells - _SOME) // (_SOME - _FEW)


def _bytes(
    build: Callable[..., Network], settings: Mapping[str, Any], shape: tuple[int, ...], dtype: torch.dtype, what: str
) -> int:
    kept: dict[int, Tensor] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[id(tensor)] = tensor
        return tensor

    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            network = build(**settings)
            inputs = torch.zeros(shape, dtype=dtype)
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                network(inputs, active=_one_path(network))
    except (RuntimeError, ValueError, OverflowError) as error:
        if isinstance(error, UserError):
            raise
        if "too large" in str(error) or "overflow" in str(error):
            return _LARGEST
        reason = str(error).partition("\n")[0]
        raise UserError(f"{what} cannot take a batch of inputs of shape {list(shape)}: {reason}") from None
    weights = {id(parameter) for parameter in network.parameters()}
    activations = sum(tensor.nbytes for name, tensor in kept.items() if name not in weights)
    return activations + _COPIES * sum(parameter.nbytes for parameter in network.parameters())


def _one_path(network: Network) -> Any:
    """The first option that the network has at each choice."""
    first: dict[int, Any] = {}
    for choice, option in network.pairs:
        first.setdefault(choice, (choice, option))
    return tuple(first.values())

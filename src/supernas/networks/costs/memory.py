"""Whether a network fits into memory here: what it needs is found on PyTorch's meta device, whose tensors are empty.

The weights are counted in as many copies as there are at once (of a network that is trained: their gradients, the
momentum and what is saved), and of one forward pass what its backward pass needs, or else the largest tensor. More than
that may be needed; what is refused here would fail anywhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from supernas.core.architecture import Pair
from supernas.core.memory import check_memory
from supernas.networks.base import Mixture, Network, Weights
from supernas.spaces.base import Space

__all__ = ["Build", "Pass", "check_fits", "needed_bytes"]

_FEW, _SOME = 3, 6  # cells of which networks are made, to know what a cell needs
_LARGEST = 2**62  # bytes; what cannot even be named

Build = Callable[..., Network]
"""Makes the network of given settings."""


@dataclass(frozen=True)
class Pass:
    """A forward pass, as memory sees it.

    Attributes:
        batch: inputs at a time.
        input_shape: of one input: of an image [channels, height, width], of a word of a text [1].
        dtype: of the inputs.
        copies: of the weights that there are at once; by default those of a training.
        backward: whether a backward pass follows.
        mixture: whether all options run, weighted; else one at each choice.
        paths: among how many the inputs are shared out; the largest part counts, after the stem of all.
    """

    batch: int
    input_shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32
    copies: int = 4
    backward: bool = True
    mixture: bool = False
    paths: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a batch of images [batch, channels, height, width], or of one word of each text [1, batch]."""
        return (1, self.batch) if self.input_shape == (1,) else (self.batch, *self.input_shape)


def check_fits(build: Build, settings: Mapping[str, Any], run: Pass, what: str, processes: int = 1) -> None:
    """Refuses a network that does not fit into memory. Nothing large is made.

    Args:
        build: makes the network of given settings.
        settings: the settings.
        run: how it is run.
        what: the network and its inputs are called, in the plural.
        processes: each of which has a network of its own.

    Raises:
        UserError: if it needs more than is free.
    """
    needed = processes * needed_bytes(build, settings, run)
    fewer = "take fewer channels or cells, or a smaller batch or resolution"
    if processes > 1:
        check_memory(needed, f"{what} in {processes} processes", f"{fewer}, or fewer workers")
    else:
        check_memory(needed, what, fewer)


def needed_bytes(build: Build, settings: Mapping[str, Any], run: Pass) -> int:
    """Bytes that a network needs at least; of many cells it is taken that each needs the same.

    Args:
        build: makes the network of given settings.
        settings: the settings.
        run: how it is run.
    """
    cells = settings.get("cells", 0)
    if cells <= _SOME:
        return _bytes(build, settings, run)
    few, some = (_bytes(build, {**settings, "cells": number}, run) for number in (_FEW, _SOME))
    return some + (some - few) * (cells - _SOME) // (_SOME - _FEW)


def _bytes(build: Build, settings: Mapping[str, Any], run: Pass) -> int:
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"), torch.set_grad_enabled(run.backward):
            network = build(**settings)
            weights = sum(parameter.nbytes for parameter in network.parameters())
            return run.copies * weights + (_kept_bytes if run.backward else _largest_bytes)(network, run)
    except (RuntimeError, ValueError, OverflowError) as error:
        if "too large" in str(error) or "overflow" in str(error):
            return _LARGEST
        raise


def _kept_bytes(network: Network, run: Pass) -> int:
    """What is kept of a forward pass for its backward pass, beside the weights."""
    kept: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: Tensor) -> Tensor:  # what several operations keep, or parts of one tensor, is there once
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        _run(network, run)
    weights = {parameter.untyped_storage()._cdata for parameter in network.parameters()}
    return sum(storage.nbytes() for name, storage in kept.items() if name not in weights)


def _largest_bytes(network: Network, run: Pass) -> int:
    """The largest tensor that an operation of a forward pass makes."""
    with _Largest() as made:
        _run(network, run)
    return made.bytes


class _Largest(TorchDispatchMode):
    bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        self.bytes = max(self.bytes, *(one.nbytes for one in tree_leaves(made) if isinstance(one, Tensor)), 0)
        return made


def _run(network: Network, run: Pass) -> None:
    stem = network.embed(torch.zeros(run.shape, dtype=run.dtype))
    mixture = Mixture(_weights(network.space)) if run.mixture else Mixture(active=_one_path(network))
    network.after_stem(stem[: -(-len(stem) // run.paths)] if run.paths > 1 else stem, mixture)


def _weights(space: Space) -> Weights:
    return {kind: torch.ones(shape) for kind, shape in space.shapes.items()}


def _one_path(network: Network) -> tuple[Pair, ...]:
    """The first option that the network has at each choice."""
    first: dict[int, Pair] = {}
    for choice, option in network.pairs:
        first.setdefault(choice, (choice, option))
    return tuple(first.values())

"""Whether the networks of a space can take the inputs of a run, and fit into memory: asked before it is begun."""

from collections.abc import Mapping
from typing import Any

import torch

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.spelling import assigned
from supernas.data import Dataset
from supernas.data.datasets import ImageDataset
from supernas.networks.base import NetworkSettings
from supernas.networks.costs.memory import Build, Pass, check_fits
from supernas.networks.model_space import ModelSpace
from supernas.spaces.base import Space

__all__ = ["Batches", "check_fit", "check_room"]

Batches = Mapping[str, tuple[str, int]]
"""How many inputs of which part of the data are normalised together, by the setting that decides it."""


def check_fit(space: Space, size: NetworkSettings, data: Dataset, batches: Batches) -> None:
    """Refuses inputs that the networks of a space cannot take.

    Args:
        space: the space.
        size: the settings of its network.
        data: what it is to read.
        batches: that are normalised.

    Raises:
        UserError: saying which inputs the networks take, and what would make these fit.
    """
    kind, shape = space.network_class, data.input_shape
    if reason := kind.misfit(shape, size):
        given, remedy = f"{data.name} has images of {_sides(shape)}", _remedy(kind, size, data)
        raise UserError(f"{given}, and {space.name} {reason}; {remedy}")
    least = kind.smallest_batch(shape, size)
    for setting, (part, count) in batches.items():
        if count < least:
            size_of = f" of {_sides(shape)}" if len(shape) > 1 else ""
            how = assigned(setting, least) if data.count(part) >= least else f"more {data.examples}"
            raise UserError(
                f"a batch of {count} ({setting}): {space.name} normalises by the statistics of a batch, and needs "
                f"{least} {data.examples}{size_of} for that; give {how}"
            )


def check_room(
    space: Space, device: torch.device, build: Build, settings: Values, run: Pass, what: str, processes: int = 1
) -> None:
    """Refuses networks that do not fit into memory; not on other devices, which say so themselves, nor of a model of
    one's own, which may do anything.

    Args:
        space: the space.
        device: where they compute.
        build: makes a network of given settings.
        settings: the settings.
        run: how it is run.
        what: the network is called.
        processes: each of which has a network of its own.

    Raises:
        UserError: if they need more than is free.
    """
    if device.type == "cpu" and not isinstance(space, ModelSpace):
        check_fits(build, settings, run, f"this {what} and a batch of {run.batch:,}", processes)


def _remedy(kind: Any, size: NetworkSettings, data: Dataset) -> str:
    """What would fit: the largest smaller side."""
    shape = data.input_shape
    sides = (side for side in range(min(shape[1:]), 3, -1) if not kind.misfit((shape[0], side, side), size))
    fitting = next(sides, None)
    if fitting is None:
        return "take larger images"
    if isinstance(data, ImageDataset):
        return f"give {assigned('data.resolution', fitting)}"
    return f"give images of {fitting}x{fitting}"


def _sides(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape[1:]))

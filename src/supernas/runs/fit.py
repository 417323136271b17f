"""Whether the networks of a space can take the inputs of a run: asked before anything is written."""

from collections.abc import Mapping
from typing import Any

from supernas.core.errors import UserError
from supernas.core.spelling import assigned
from supernas.data import Dataset
from supernas.data.datasets import ImageDataset
from supernas.networks.base import NetworkSettings
from supernas.spaces.base import Space

__all__ = ["check_fit"]

Batches = Mapping[str, tuple[str, int]]


def check_fit(space: Space, size: NetworkSettings, data: Dataset, batches: Batches) -> None:
    """Refuses inputs that the networks of a space cannot take.

    Args:
        space: the space.
        size: the settings of its network.
        data: what it is to read.
        batches: how many inputs of which part of the data are normalised together, by the setting that decides it.

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

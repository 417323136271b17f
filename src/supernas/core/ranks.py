"""One run in several processes, each with a device: what a process must know of the others, and say to them.

Every process (*rank*) holds the whole state of the run and draws the same random numbers; of each batch it sees its own
rows. A loss of the run is the mean of the ranks' losses. So is its gradient: `averaged`. What is computed of a whole
batch, such as similarities within it, is made of `whole` ones. Both can be differentiated, as often as one likes: with

    <a, b> = mean over ranks of <a_r, b_r>

as the product of two things of which each rank has its own, the mean is its own adjoint, and that of gathering rows is
the sum of what all ranks say of one's own. So each rank differentiates its own loss, and the mean of what they get is
the gradient of the run's.

A process that belongs to no group is alone: rank 0 of 1, and all of this costs it a comparison.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from supernas.core.errors import UserError
from supernas.core.spelling import option

__all__ = [
    "LostRankError",
    "agreed",
    "anyone",
    "averaged",
    "first",
    "gathered",
    "gathered_objects",
    "in_turn",
    "join",
    "mine",
    "rank",
    "size",
    "whole",
]

T = TypeVar("T")
TensorT = TypeVar("TensorT", Tensor, Tensor | None)

_rank, _size = 0, 1


class LostRankError(UserError):
    """Another process of the run has ended, so that this one cannot go on."""


def join(rank: int, size: int) -> None:
    """Makes this process one of a group that `torch.distributed` has set up; from now on its runs are the group's."""
    global _rank, _size
    _rank, _size = rank, size


def rank() -> int:
    """The number of this process."""
    return _rank


def size() -> int:
    """How many processes there are; 1 alone."""
    return _size


def first() -> bool:
    """Whether this process is the one that writes and speaks."""
    return _rank == 0


# -- rows --------------------------------------------------------------------------------------------------------------


def mine(rows: Tensor, dim: int = 0) -> Tensor:
    """The rows of a batch that are this rank's: every `size`-th, so that it has its share of each part of a batch."""
    if _size == 1:
        return rows
    return rows[(slice(None),) * dim + (slice(_rank, None, _size),)]


def whole(rows: Tensor, dim: int = 0) -> Tensor:
    """The rows of all ranks in the order of the batch, of which each gave its own; differentiable."""
    if _size == 1:
        return rows
    return gathered(rows.transpose(0, dim)).transpose(0, 1).flatten(0, 1).transpose(0, dim)


def gathered(value: Tensor) -> Tensor:
    """What every rank has, [size, *shape]; differentiable."""
    return value[None] if _size == 1 else _Gather.apply(value)


# -- means -------------------------------------------------------------------------------------------------------------


def averaged(tensors: Sequence[TensorT]) -> tuple[TensorT, ...]:
    """The mean over ranks of each tensor, in one message for each type and place; differentiable.

    What is None must be so on every rank, and stays so.
    """
    if _size == 1:
        return tuple(tensors)
    means: list[Any] = [None] * len(tensors)
    alike: dict[tuple[torch.dtype, torch.device], list[int]] = {}
    for number, tensor in enumerate(tensors):
        if tensor is not None:
            alike.setdefault((tensor.dtype, tensor.device), []).append(number)
    for numbers in alike.values():
        given: list[Any] = [tensors[number] for number in numbers]
        joined: Tensor = _Mean.apply(torch.cat([tensor.flatten() for tensor in given]))
        parts = joined.split([tensor.numel() for tensor in given])
        for number, tensor, part in zip(numbers, given, parts, strict=True):
            means[number] = part.view(tensor.shape)
    return tuple(means)


class _Mean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        return _summed(value) / _size

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return cast(Tensor, _Mean.apply(gradients[0]))


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        value = value.contiguous()
        parts = [torch.empty_like(value) for _ in range(_size)]
        with _others():
            dist.all_gather(parts, value)
        return torch.stack(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return cast(Tensor, _Own.apply(gradients[0]))


class _Own(torch.autograd.Function):
    """What all ranks together say of one's own."""

    @staticmethod
    def forward(ctx: Any, said: Tensor) -> Tensor:
        return _summed(said)[_rank]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return cast(Tensor, _Gather.apply(gradients[0]))


def _summed(value: Tensor) -> Tensor:
    total = value.detach().clone(memory_format=torch.contiguous_format)
    with _others():
        dist.all_reduce(total)
    return total


# -- words -------------------------------------------------------------------------------------------------------------


def agreed(value: T) -> T:
    """The first rank's value, on every rank."""
    if _size == 1:
        return value
    told: list[Any] = [value]
    with _others():
        dist.broadcast_object_list(told, src=0)
    return told[0]


def gathered_objects(value: T) -> list[T]:
    """Every rank's value, in their order."""
    if _size == 1:
        return [value]
    told: list[Any] = [None] * _size
    with _others():
        dist.all_gather_object(told, value)
    return told


def anyone(says: bool) -> bool:
    """Whether one rank or more says so."""
    return says if _size == 1 else any(gathered_objects(says))


@contextmanager
def in_turn() -> Iterator[None]:
    """The first rank goes ahead, and the others follow when it is through."""
    if _size > 1 and _rank:
        agreed(None)
    yield
    if _size > 1 and not _rank:
        agreed(None)


@contextmanager
def _others() -> Iterator[None]:
    """Where this process waits for the others.

    Raises:
        LostRankError: if one of them is gone.
    """
    try:
        yield
    except RuntimeError as error:  # whatever the backend calls it
        raise LostRankError(
            f"a process of this run on {_size} devices has ended, and so do the others; go on from the last checkpoint "
            f"with {option('resume', True)}"
        ) from error

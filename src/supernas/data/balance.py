"""Random subsets in which the classes keep their balance."""

from bisect import bisect_right

import torch
from jaxtyping import Int64
from torch import Tensor

__all__ = ["even_quotas", "proportional_quotas", "split_indices"]


def proportional_quotas(counts: list[int], size: int) -> list[int]:
    """How many to take of each class so that `size` are taken and every class keeps its share (largest remainders).

    >>> proportional_quotas([5, 5, 2], 6)
    [3, 2, 1]
    """
    total = sum(counts)
    quotas = [count * size // total for count in counts]
    remainders = [count * size % total for count in counts]
    largest = sorted(range(len(counts)), key=lambda index: -remainders[index])
    for index in largest[: size - sum(quotas)]:
        quotas[index] += 1
    return quotas


def even_quotas(counts: list[int], size: int) -> list[int]:
    """How many to take of each class so that `size` are taken, equally many of each as far as the counts allow.

    >>> even_quotas([5, 5, 1], 8)
    [4, 3, 1]
    """
    level = bisect_right(range(1, max(counts) + 1), size, key=lambda level: sum(min(count, level) for count in counts))
    quotas = [min(count, level) for count in counts]
    unfilled = [index for index, count in enumerate(counts) if count > level]
    for index in unfilled[: size - sum(quotas)]:
        quotas[index] += 1
    return quotas


def split_indices(
    labels: Int64[Tensor, " n"], quotas: list[int], seed: int
) -> tuple[Int64[Tensor, " taken"], Int64[Tensor, " rest"]]:
    """Indices of `quotas[k]` random images of each class k, and of the rest; both in random order."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
    shuffled = labels[order]
    taken = torch.zeros(len(labels), dtype=torch.bool)
    for label, quota in enumerate(quotas):
        taken[(shuffled == label).nonzero().flatten()[:quota]] = True
    return order[taken], order[~taken]

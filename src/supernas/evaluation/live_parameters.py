"""Two scores of an architecture that need no search: its parameters, and those of the edges that can matter."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from supernas.core.architecture import Architecture, Pair
from supernas.spaces.base import Space

__all__ = ["pair_parameters", "parameter_scores"]


def pair_parameters(space: Space, **size: Any) -> dict[Pair, int]:
    """The learnable parameters that each (choice, option) pair adds to a network of that size in form `evaluation`.

    The skeleton, which all architectures share, is not counted.
    """

    def count(*pairs: Pair) -> int:
        with torch.device("meta"):
            network = space.supernet(pairs=pairs, form="evaluation", **size)
        return sum(parameter.numel() for parameter in network.parameters())

    first, last = space.pairs[0], space.pairs[-1]
    skeleton = count(first) + count(last) - count(first, last)
    return {pair: count(pair) - skeleton for pair in space.pairs}


def parameter_scores(
    space: Space, architectures: Sequence[Architecture], counts: Mapping[Pair, int]
) -> dict[str, np.ndarray]:
    """`parameters` and `live parameters` of each architecture [architectures], from those of its pairs."""
    everything = [sum(counts[pair] for pair in architecture.pairs) for architecture in architectures]
    live = [sum(counts[pair] for pair in space.live(architecture)) for architecture in architectures]
    return {"parameters": np.array(everything, dtype=float), "live parameters": np.array(live, dtype=float)}

"""How architecture parameters become a weights matrix `W` and the options that run."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from supernas.architecture import Architecture
from supernas.networks.base import Weights
from supernas.spaces.base import Space

__all__ = ["Relaxed", "straight_through"]


class Relaxed(NamedTuple):
    """`W` (kind -> Float[choices, options]) and the architecture whose options are active in the forward pass."""

    W: Weights
    architecture: Architecture


def straight_through(probabilities: Mapping[str, Tensor], space: Space, device: torch.device) -> Relaxed:
    """The likeliest architecture as a 0/1 `W` whose gradient is that of the probabilities.

    Args:
        probabilities: kind -> Float[choices, options], differentiable in the architecture parameters.
        space: says which architecture the probabilities mean.
        device: where the network is; the probabilities may be elsewhere.
    """
    architecture = space.derive({kind: p.detach().cpu().numpy() for kind, p in probabilities.items()})
    hard = space.matrices(architecture)
    W = {kind: (torch.as_tensor(hard[kind]).to(p) + (p - p.detach())).to(device) for kind, p in probabilities.items()}
    return Relaxed(W, architecture)

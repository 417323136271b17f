"""What a proxy measures of an architecture, and the best of many."""

import hashlib

import numpy as np
import torch

from supernas.core.architecture import Architecture
from supernas.core.documents import Values
from supernas.data import Batch
from supernas.proxies.base import Loss, Measures, Proxy
from supernas.spaces.base import Space

__all__ = ["measure_architecture", "place_of_best"]


def measure_architecture(
    proxy: Proxy, space: Space, architecture: Architecture, size: Values, batch: Batch, loss: Loss, seed: int
) -> Measures:
    """What a proxy measures of an architecture's network with initial weights of its own.

    The weights follow from `seed` and the architecture's text alone, so that a measure depends neither on what was
    measured before nor on who does it, and all proxies judge the same weights.

    Args:
        proxy: what measures.
        space: the search space.
        architecture: the architecture.
        size: settings of the network: `num_classes`, `in_channels`, `channels`, `cells`, ...
        batch: what it looks at.
        loss: of (prediction, target).
        seed: of initial weights and of what the proxy draws.
    """
    text = space.format(architecture)
    with torch.random.fork_rng([]):
        torch.manual_seed(_seed_of(seed, text, "weights"))
        network = space.standalone(architecture, **size)
    generator = torch.Generator().manual_seed(_seed_of(seed, text, "proxy"))
    return proxy.measure(network.to(batch.inputs.device), batch, loss, generator)


def place_of_best(proxy: Proxy, scores: np.ndarray) -> int:
    """Where the best of some scores is, the first of equals."""
    return int(np.argmax(proxy.rising(scores)))


def _seed_of(seed: int, text: str, purpose: str) -> int:
    digest = hashlib.sha256(f"{seed} {purpose} {text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

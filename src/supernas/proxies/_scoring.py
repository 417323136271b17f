"""An architecture's score, and the best of many."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Literal

import torch

from supernas.core.architecture import Architecture
from supernas.core.documents import Values
from supernas.data import Batch
from supernas.proxies.base import Loss, Proxy
from supernas.spaces.base import Space

__all__ = ["best_by_proxy", "score_architecture"]


def score_architecture(
    proxy: Proxy, space: Space, architecture: Architecture, size: Values, batch: Batch, loss: Loss, seed: int
) -> float:
    """The score of an architecture's network with initial weights of its own.

    The weights follow from `seed` and the architecture's text alone, so that a score depends neither on what was scored
    before nor on who scores it, and all proxies judge the same weights.

    Args:
        proxy: what scores.
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
    return proxy.score(network.to(batch.inputs.device), batch, loss, generator)


def best_by_proxy(
    architectures: Iterable[Architecture],
    score_of: Callable[[Architecture], float],
    direction: Literal["max", "min"] = "max",
) -> tuple[Architecture, dict[Architecture, float]]:
    """The architecture with the best score, the first of equals, and the score of each; repeats are scored once.

    Args:
        architectures: one or more.
        score_of: the score of an architecture.
        direction: the proxy's.
    """
    scores = {architecture: score_of(architecture) for architecture in dict.fromkeys(architectures)}
    best = max if direction == "max" else min
    return best(scores, key=lambda architecture: scores[architecture]), scores


def _seed_of(seed: int, text: str, purpose: str) -> int:
    digest = hashlib.sha256(f"{seed} {purpose} {text}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1

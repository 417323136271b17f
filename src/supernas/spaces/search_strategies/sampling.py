"""Uniform draws, and random search."""

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.spaces.base import Space
from supernas.spaces.search_strategies.strategy import Strategy

__all__ = ["draw", "random_search"]


def draw(space: Space, count: int, generator: np.random.Generator, least: int = 1) -> list[Architecture]:
    """`count` different architectures, drawn uniformly.

    Raises:
        UserError: if fewer than `least` are wanted, or the space has fewer.
    """
    if not least <= count <= space.size:
        raise UserError(f"{count} architectures wanted; {space.name} can give {least} to {space.size}")
    if count == space.size:
        return list(space)
    drawn: dict[Architecture, None] = {}
    while len(drawn) < count:
        drawn[space.sample(generator)] = None
    return list(drawn)


def random_search(space: Space, generator: np.random.Generator) -> Strategy:
    """Architectures drawn uniformly, each at most once.

    J. Bergstra and Y. Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012.
    """
    for architecture in space.shuffled(generator):  # noqa: UP028, any iterator, which is sent no scores
        yield architecture

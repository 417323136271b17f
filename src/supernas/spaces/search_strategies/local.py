"""Local search among neighbours."""

from collections.abc import Generator
from itertools import islice

import numpy as np

from supernas.core.architecture import Architecture
from supernas.spaces.base import Space
from supernas.spaces.search_strategies.strategy import Strategy

__all__ = ["local_search"]


def local_search(space: Space, generator: np.random.Generator, initial: int = 10) -> Strategy:
    """Hill climbing, LS: from the best of some draws to the best of its neighbours, until none is better; then again.

    C. White, S. Nolen and Y. Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, algorithm
    1: all neighbours are asked for before a move. None is asked for twice; from an optimum the search goes on with
    fresh draws, and it ends with the space.
    """
    scores: dict[Architecture, float] = {}
    fresh = (drawn for drawn in space.shuffled(generator) if drawn not in scores)
    while start := list(islice(fresh, initial)):
        for architecture in start:
            scores[architecture] = yield architecture
        here, before = max(start, key=scores.__getitem__), None
        while here != before:
            here, before = (yield from _best_around(space, here, scores, generator)), here


def _best_around(
    space: Space, here: Architecture, scores: dict[Architecture, float], generator: np.random.Generator
) -> Generator[Architecture, float, Architecture]:
    """The best of an architecture and its neighbours, whose scores are asked for in a random order; of equals it."""
    near = list(dict.fromkeys(space.neighbours(here)))
    for place in generator.permutation(len(near)):
        if near[place] not in scores:
            scores[near[place]] = yield near[place]
    return max([here, *near], key=scores.__getitem__)

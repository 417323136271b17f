"""Evolution of architectures."""

from collections import deque

import numpy as np

from supernas.core.architecture import Architecture
from supernas.spaces.base import Space
from supernas.spaces.search_strategies.strategy import Strategy

__all__ = ["regularised_evolution"]


def regularised_evolution(
    space: Space, generator: np.random.Generator, population: int = 10, sample: int = 10
) -> Strategy:
    """Regularised (aging) evolution, REA: the best of a sample has a child, and the oldest of the population dies.

    E. Real, A. Aggarwal, Y. Huang and Q. V. Le, "Regularized Evolution for Image Classifier Architecture Search",
    AAAI 2019, algorithm 1: the sample is drawn with replacement; a mutation changes one choice. A population and a
    sample of 10 suit a space of thousands of cells; the paper's are 100 and 25.
    """
    alive: deque[tuple[float, Architecture]] = deque()
    for _ in range(population):
        architecture = space.sample(generator)
        alive.append(((yield architecture), architecture))
    while True:
        drawn = [alive[int(place)] for place in generator.integers(population, size=sample)]
        _, parent = max(drawn, key=lambda member: member[0])
        neighbours = space.neighbours(parent)
        child = neighbours[int(generator.integers(len(neighbours)))]
        alive.append(((yield child), child))
        alive.popleft()

"""Ways to look for a good architecture by asking for scores, whatever gives them: a table, a supernet, a training.

A strategy is a generator: it yields what to score, and is sent the score. It knows neither where scores come from nor
what they cost.
"""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

import numpy as np

from supernas.architecture import Architecture
from supernas.errors import UserError
from supernas.spaces.base import Space

__all__ = ["Strategy", "best_found", "draw", "random_search", "regularised_evolution", "successive_halving"]

Strategy = Generator[Architecture, float, None]
T = TypeVar("T")


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
    for number in generator.permutation(len(space)):
        yield space[int(number)]


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


def best_found(
    strategy: Strategy, score: Callable[[Architecture], float], evaluations: int
) -> tuple[Architecture, float]:
    """Follows a strategy for so many evaluations (1 or more, fewer where it ends before): the best of all that it
    asked for, the first of equals, and its score.
    """
    asked = next(strategy)
    best, highest = asked, score(asked)
    last = highest
    for _ in range(evaluations - 1):
        try:
            asked = strategy.send(last)
        except StopIteration:
            break
        last = score(asked)
        if last > highest:
            best, highest = asked, last
    return best, highest


def successive_halving(candidates: Sequence[T], budget: int) -> Generator[tuple[list[T], int], Sequence[float], T]:
    """Asks for the scores of all candidates at a budget, keeps the better half (rounded up) and doubles the budget,
    until one is left, which it returns. Of equals the earlier one stays.

    K. Jamieson and A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS
    2016.

    Yields:
        (those to be scored, budget of each); wants their scores in that order.
    """
    standing = list(candidates)
    while len(standing) > 1:
        scores = yield list(standing), budget
        order = sorted(range(len(standing)), key=lambda place: -scores[place])
        standing = [standing[place] for place in order[: (len(standing) + 1) // 2]]
        budget *= 2
    return standing[0]

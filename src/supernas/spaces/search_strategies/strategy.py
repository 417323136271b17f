"""What a search strategy is: a generator that yields what to score, and is sent the score.

It knows neither where scores come from (a table, a supernet, a training) nor what they cost.
"""

from collections.abc import Callable, Generator

from supernas.core.architecture import Architecture

__all__ = ["Strategy", "best_found"]

Strategy = Generator[Architecture, float, None]


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

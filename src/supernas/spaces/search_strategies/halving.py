"""Successive halving: more and more effort for fewer and fewer candidates."""

from collections.abc import Generator, Sequence
from typing import TypeVar

__all__ = ["halving_cost", "successive_halving"]

T = TypeVar("T")


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


def halving_cost(candidates: int, budget: int) -> int:
    """The sum of all budgets that a halving of so many candidates asks for; 0 of one, who has nobody to beat."""
    if candidates <= 1:
        return 0
    return candidates * budget + halving_cost((candidates + 1) // 2, 2 * budget)

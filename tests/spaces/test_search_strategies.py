"""Strategies on planted scores."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.spaces.search_strategies import (
    best_found,
    draw,
    halving_cost,
    local_search,
    random_search,
    regularised_evolution,
    successive_halving,
)


def test_draw(space):
    drawn = draw(space, 300, np.random.default_rng(1))
    assert len(set(drawn)) == 300
    assert drawn == draw(space, 300, np.random.default_rng(1)) != draw(space, 300, np.random.default_rng(2))
    for count, least in ((0, 1), (2, 3), (15626, 1)):
        with pytest.raises(UserError, match=f"{count} architectures wanted; nas-bench-201 can give {least} to 15625"):
            draw(space, count, np.random.default_rng(1), least)


def test_evolution_finds_the_optimum_of_a_separable_function(space):
    worth = np.random.default_rng(0).normal(size=(6, 5))
    optimum = Architecture.of(int(option) for option in worth.argmax(axis=1))
    for seed in range(3):
        found, score = best_found(
            regularised_evolution(space, np.random.default_rng(seed)),
            lambda one: float(sum(worth[pair] for pair in one.pairs)),
            400,
        )
        assert found == optimum
        assert score == pytest.approx(worth.max(axis=1).sum())


def test_the_best_of_all_that_was_asked_is_found(space):
    asked = []
    scores = itertools.cycle([3.0, 7.0, 5.0, 7.0, 1.0])

    def score(architecture):
        asked.append(architecture)
        return next(scores)

    found, highest = best_found(random_search(space, np.random.default_rng(0)), score, 9)
    assert (len(asked), found, highest) == (9, asked[1], 7.0)
    assert best_found(iter_once(space[3]), lambda one: 2.0, 9) == (space[3], 2.0)


def iter_once(architecture):
    yield architecture


def halved(candidates, budget, score):
    """(what was asked in each round, who was left) of a halving; `score` is of (candidate, budget)."""
    halving, rounds = successive_halving(candidates, budget), []
    try:
        standing, budget = next(halving)
        while True:
            rounds.append(("".join(standing), budget))
            standing, budget = halving.send([score(one, budget) for one in standing])
    except StopIteration as end:
        return rounds, end.value


def test_halving_keeps_the_better_half_and_doubles_the_budget():
    planted = {"a": 1, "b": 6, "c": 3, "d": 6, "e": 2, "f": 5, "g": 4}
    rounds = [("abcdefg", 3), ("bdfg", 6), ("bd", 12)]
    assert halved("abcdefg", 3, lambda one, budget: planted[one]) == (rounds, "b")  # of equals the earlier one
    late = lambda one, budget: planted[one] - (one == "b" and budget == 12)  # noqa: E731
    assert halved("abcdefg", 3, late) == (rounds, "d")
    assert halved(["only"], 1, late) == ([], "only")


@pytest.mark.parametrize("count", range(1, 12))
def test_what_a_halving_costs(count):
    rounds, _ = halved("abcdefghijkl"[:count], 3, lambda one, budget: ord(one))
    assert halving_cost(count, 3) == sum(len(standing) * budget for standing, budget in rounds)


def test_local_search_climbs_by_best_neighbours_and_asks_for_none_twice(space):
    worth = np.random.default_rng(1).normal(size=(6, 5))
    rough = {one: float(np.random.default_rng(space.index(one)).normal(scale=2.0)) for one in space}
    score = lambda one: float(sum(worth[pair] for pair in one.pairs)) + rough[one]  # noqa: E731
    strategy, asked = local_search(space, np.random.default_rng(0), initial=4), []
    following = next(strategy)
    for _ in range(400):
        asked.append(following)
        following = strategy.send(score(following))
    assert len(set(asked)) == 400
    order = list(space.shuffled(np.random.default_rng(0)))
    assert asked[:4] == order[:4]
    # climbs one after another: all neighbours that are new, then on from the best; from an optimum to fresh draws
    place, starts = 0, 0
    while place < 350:
        start, seen = asked[place : place + 4], set(asked[:place])
        assert start == [one for one in order if one not in seen][:4]
        here, place, starts = max(start, key=score), place + 4, starts + 1
        while True:
            seen = set(asked[:place])
            near = set(space.neighbours(here))
            new = near - seen
            assert set(asked[place : place + len(new)]) == new or place + len(new) > 400
            place += len(new)
            best = max(near, key=score)
            if score(best) <= score(here):
                break
            here = best
    assert starts > 1


def test_local_search_ends_with_the_space(space):
    few = [one for one in space if set(one.options) <= {0, 1}]
    near = {one: [other for other in space.neighbours(one) if other in few] for one in few}
    small = SimpleNamespace(shuffled=lambda generator: iter(few), neighbours=near.__getitem__)
    strategy, asked = local_search(small, np.random.default_rng(0)), []
    found = best_found(strategy, lambda one: asked.append(one) or float(sum(one.options)), 1000)
    assert sorted(asked) == sorted(few)
    assert found == (Architecture.of([1] * 6), 6.0)


def test_a_random_order_of_a_large_space_and_of_one_within_a_budget(space):
    large = spaces.get("darts-cnn")
    first = list(itertools.islice(large.shuffled(np.random.default_rng(0)), 300))
    assert len(set(first)) == 300
    assert list(itertools.islice(random_search(large, np.random.default_rng(0)), 300)) == first
    order = list(space.shuffled(np.random.default_rng(0)))
    assert len(set(order)) == len(order) == space.size


def test_a_space_too_large_to_number_can_be_drawn_from():
    space = spaces.get("darts-cnn")
    drawn = draw(space, 3, np.random.default_rng(0))
    assert len(set(drawn)) == 3
    assert all(space.contains(one) for one in drawn)

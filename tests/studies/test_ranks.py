"""Mean ranks, Friedman's p and the critical difference, against the numbers of their paper and worked ones."""

import math

import numpy as np
import pytest

from supernas.studies.ranks import rank_test


def table(*rows):
    """Search -> block -> value, from rows of blocks."""
    return {f"S{place}": dict(enumerate(column)) for place, column in enumerate(np.transpose(rows).tolist())}


def test_the_critical_difference_is_the_published_one():
    """Demšar's example: four classifiers, 14 data sets, q = 2.569 and CD = 1.25; and for k = 2, q = 1.96."""
    found = rank_test(table(*np.random.default_rng(0).random((14, 4))))
    assert found.critical == pytest.approx(1.25, abs=0.005)
    assert rank_test(table(*[[0, 1]] * 6)).critical == pytest.approx(1.96 * math.sqrt(1 / 6), abs=1e-3)


def test_ranks_and_friedmans_p_are_those_worked_by_hand():
    found = rank_test(table([9, 8, 7], [9, 7, 7], [5, 6, 4], [8, 6, 5]))
    assert found.ranks == {"S0": 1.25, "S1": 1.875, "S2": 2.875}
    ranks = np.array([[1, 2, 3], [1, 2.5, 2.5], [2, 1, 3], [1, 2, 3]])
    ties = 1 - (2**3 - 2) / (4 * (3**3 - 3))
    statistic = (12 / (4 * 3 * 4) * (ranks.sum(axis=0) ** 2).sum() - 3 * 4 * 4) / ties
    assert found.p == pytest.approx(math.exp(-statistic / 2))  # chi-square with two degrees of freedom
    assert found.blocks == 4


def test_small_values_may_be_the_best():
    rows = [1.0, 2.0, 3.0], [1.0, 3.0, 2.0]
    assert list(rank_test(table(*rows)).ranks)[-1] == "S0"
    assert next(iter(rank_test(table(*rows), highest=False).ranks)) == "S0"


def test_only_blocks_that_all_have_count():
    values = {"a": {0: 1.0, 1: 2.0, 2: 9.0}, "b": {0: 2.0, 1: 3.0, 2: math.nan, 3: 0.0}}
    assert rank_test(values).blocks == 2
    assert rank_test({"a": {0: 1.0}, "b": {0: 1.0}}) is None
    assert rank_test({"a": {0: 1.0, 1: 1.0}}) is None
    assert rank_test({}) is None


def test_what_is_tied_is_alike_and_what_is_far_is_not():
    tied = rank_test(table([1, 1, 1], [1, 1, 1 + 1e-12]))
    assert (tied.p, tied.alike) == (1.0, (("S0", "S1", "S2"),))
    clear = rank_test(table(*[[3, 2, 1]] * 40))
    assert clear.alike == ()
    assert clear.p < 1e-6


def test_groups_overlap_and_none_is_within_another():
    rows = [[4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1], [4, 3, 2, 1]]  # CD 2.1: two steps go, three do not
    assert rank_test(table(*rows)).alike == (("S0", "S1", "S2"), ("S1", "S2", "S3"))

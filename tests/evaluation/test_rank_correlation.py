"""Rank statistics against brute force, scipy, and cases whose answer is known."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from supernas.core.errors import UserError
from supernas.evaluation.rank_correlation import bootstrap, rank, regret, rho, tau


@pytest.fixture
def scores():
    """(score with many ties, truth) of 60 architectures, correlated."""
    generator = np.random.default_rng(0)
    truth = generator.normal(90, 3, 60).round(1)
    return (truth + generator.normal(0, 3, 60)).round(0), truth


def test_tau_by_counting_pairs(scores):
    pairs = list(itertools.combinations(zip(*scores, strict=True), 2))
    signs = [(np.sign(a[0] - b[0]), np.sign(a[1] - b[1])) for a, b in pairs]
    untied = math.sqrt(sum(one != 0 for one, _ in signs) * sum(other != 0 for _, other in signs))
    assert tau(*scores) == pytest.approx(sum(one * other for one, other in signs) / untied)
    assert untied < len(pairs)


def test_rho_is_scipys(scores):
    assert rho(*scores) == pytest.approx(stats.spearmanr(*scores).statistic)
    assert math.isnan(rho(np.ones(5), np.arange(5.0)))
    assert math.isnan(tau(np.ones(5), np.arange(5.0)))


def test_regret_by_hand():
    generator = np.random.default_rng(0)
    truth = np.array([90.0, 94.0, 93.0, 10.0])
    score = np.array([4.0, 1.0, 3.0, 2.0])
    assert [regret(score, truth, k, generator) for k in (1, 2, 3, 4)] == [4.0, 1.0, 1.0, 0.0]
    assert [regret(truth, truth, k, generator) for k in (1, 2)] == [0.0, 0.0]


def test_ties_are_broken_at_random():
    generator = np.random.default_rng(0)
    drawn = [regret(np.zeros(4), np.array([0.0, 1.0, 2.0, 3.0]), 1, generator) for _ in range(400)]
    counts = [drawn.count(value) for value in (0.0, 1.0, 2.0, 3.0)]
    assert sum(counts) == 400
    assert min(counts) > 60


def test_the_interval_holds_the_estimate_and_shrinks_with_more_architectures():
    generator = np.random.default_rng(1)
    widths = []
    for count in (40, 360):
        truth = generator.normal(size=count)
        found = rank(truth + generator.normal(size=count), truth, seed=3)
        for one in (found.tau, found.rho, *found.regret.values()):
            assert one.low <= one.value <= one.high
        widths.append(found.tau.high - found.tau.low)
        assert found.tau.low > 0
    assert 1.5 < widths[0] / widths[1] < 6  # the square root of 9 is 3


def test_the_interval_is_the_normal_one_for_a_mean():
    values = np.random.default_rng(0).normal(size=400)
    found = bootstrap(lambda score, truth: float(score.mean()), values, values, seed=0, resamples=4000)
    half = 1.96 * values.std() / 20
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.006)


def test_a_ranking_is_the_same_for_a_seed(scores):
    assert rank(*scores, seed=1) == rank(*scores, seed=1)
    assert rank(*scores, seed=1).tau != rank(*scores, seed=2).tau
    record = rank(np.ones(20), np.arange(20.0)).record()
    assert record["tau"] == {"value": None, "low": None, "high": None}
    assert set(record["regret"]) == {"1", "5", "10"}


def test_two_architectures_are_too_few():
    with pytest.raises(UserError, match="compare 3 or more"):
        rank(np.arange(2.0), np.arange(2.0))

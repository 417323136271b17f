"""Numbers over seeds against what one finds by hand or by trying everything."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from supernas.studies.summary import best_of, paired, spread


def test_a_spread_by_hand():
    found = spread([90.0, 92.0, 97.0])
    assert (found.n, found.mean) == (3, 93.0)
    assert found.deviation == pytest.approx(math.sqrt((9 + 1 + 16) / 2))
    # each extreme mean has 1 of 27 resamples, 3.7 %, so both ends of the interval are extremes
    assert (found.low, found.high) == (90.0, 97.0)


def test_few_values_have_no_interval_and_one_no_deviation():
    two = spread([1.0, 3.0])
    assert (two.mean, two.deviation) == (2.0, math.sqrt(2))
    assert math.isnan(two.low)
    assert math.isnan(spread([5.0]).deviation)


def p_of_all_signs(differences):
    """The part of all sign patterns whose sums of positive ranks lie as far from the middle as the one seen."""
    ranks = rankdata(np.abs(differences))
    middle = ranks.sum() / 2
    seen = abs(ranks[np.asarray(differences) > 0].sum() - middle)
    sums = [sum(itertools.compress(ranks, signs)) for signs in itertools.product((0, 1), repeat=len(ranks))]
    return sum(abs(one - middle) >= seen - 1e-9 for one in sums) / len(sums)


@pytest.mark.parametrize(
    "differences",
    [(1, 2, 3, 4, 5), (1, 2, -3, 4, 5, 6), (0.1, 0.1, -0.1, 0.3, 0.2, 0.5), (2, -2, 2, -2, 2, 2, 2)],
    ids=str,
)
def test_p_is_that_of_all_sign_patterns(differences):
    theirs = dict.fromkeys(range(len(differences)), 90.0)
    ours = {seed: 90.0 + difference for seed, difference in enumerate(differences)}
    found = paired(ours, theirs)
    assert found.pairs == len(differences)
    assert found.p == pytest.approx(p_of_all_signs(np.array(differences)))
    assert paired(theirs, ours).p == pytest.approx(found.p)


def test_p_of_five_wins_and_of_less():
    theirs = dict.fromkeys(range(7), 1.0)
    wins = {seed: 2.0 + seed for seed in range(5)}
    assert paired(wins, theirs).p == 2 / 32
    assert paired({**wins, 8: 9.0, 9: math.nan}, {**theirs, 9: 3.0}).pairs == 5  # only seeds and values of both
    four = paired({**wins, 0: 1.0}, theirs)  # one pair does not differ
    assert four.pairs == 5
    assert math.isnan(four.p)
    assert math.isnan(paired({}, theirs).p)


def best_of_every_draw(score, truth, n):
    """Mean and deviation over every draw of n, each architecture of equal best score with equal part."""
    part: dict[int, Fraction] = dict.fromkeys(range(len(score)), Fraction(0))
    for draw in itertools.product(range(len(score)), repeat=n):
        best = max(score[one] for one in draw)
        equal = [one for one in draw if score[one] == best]
        for one in equal:
            part[one] += Fraction(1, len(equal) * len(score) ** n)
    mean = sum(float(part[one]) * truth[one] for one in part)
    return mean, math.sqrt(sum(float(part[one]) * (truth[one] - mean) ** 2 for one in part))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 100)), min_size=1, max_size=4),
    st.integers(1, 4),
)
def test_the_best_of_n_is_that_of_every_draw(population, n):
    score, truth = (np.array(one, dtype=float) for one in zip(*population, strict=True))
    found = best_of(score, truth, n)
    assert (found.mean, found.deviation) == pytest.approx(best_of_every_draw(score, truth, n), abs=1e-6)


def test_the_best_of_one_is_any_and_of_very_many_the_best():
    truth = np.array([3.0, 5.0, 10.0])
    assert best_of(truth, truth, 1).mean == pytest.approx(6.0)
    assert best_of(truth, truth, 1).deviation == pytest.approx(truth.std())
    assert best_of(-truth, truth, 1000).mean == pytest.approx(3.0)

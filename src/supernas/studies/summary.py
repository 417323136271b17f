"""What a few numbers say together: over the seeds of one search, of two searches, and over random architectures.

Intervals are percentiles over bootstrap resamples of the seeds; of few seeds they are too narrow. Two searches are
compared by the signed-rank test over the seeds that both have (F. Wilcoxon, "Individual Comparisons by Ranking
Methods", Biometrics Bulletin 1945), two-sided; pairs that do not differ are left out, as there.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from supernas.evaluation.rank_correlation import bootstrap

__all__ = ["LEAST_PAIRS", "Paired", "Spread", "best_of", "paired", "spread"]

LEAST_PAIRS = 5
"""Of fewer pairs that differ, no outcome has a p below 0.1."""

_LEAST_FOR_INTERVAL = 3
_TIED = 9  # decimals to which differences count: those of equal accuracies are not exactly equal


@dataclass(frozen=True)
class Spread:
    """Mean, sample deviation (NaN for one value), and 95 % interval of the mean (NaN for less than three values)."""

    n: int
    mean: float
    deviation: float = math.nan
    low: float = math.nan
    high: float = math.nan


@dataclass(frozen=True)
class Paired:
    """How many seeds two searches share, and the p of their differences (NaN where it is not worth giving)."""

    pairs: int
    p: float


def spread(values: Sequence[float], seed: int = 0) -> Spread:
    """Mean, deviation and interval of one or more values; `seed` is that of the resamples."""
    array = np.asarray(values, dtype=float)
    deviation = float(array.std(ddof=1)) if len(array) > 1 else math.nan
    if len(array) < _LEAST_FOR_INTERVAL:
        return Spread(len(array), float(array.mean()), deviation)
    estimate = bootstrap(lambda values, _: float(values.mean()), array, array, seed)
    return Spread(len(array), estimate.value, deviation, estimate.low, estimate.high)


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Paired:
    """Compares two searches, each seed -> value; NaN values are left out."""
    from scipy import stats

    both = [seed for seed in ours if seed in theirs and not math.isnan(ours[seed] - theirs[seed])]
    differences = np.round([ours[seed] - theirs[seed] for seed in both], _TIED)
    differing = differences[differences != 0]
    p = float(stats.wilcoxon(differing).pvalue) if len(differing) >= LEAST_PAIRS else math.nan
    return Paired(len(both), p)


def best_of(score: np.ndarray, truth: np.ndarray, n: int) -> Spread:
    """The truth of the best by score of n architectures that are drawn uniformly, with replacement: exactly.

    The best is in the group of architectures with one score with probability F(s)^n - F(s-)^n, where F is the part of
    the population that scores no higher; within the group any of them is as likely.

    Args:
        score: of each architecture of the population [architectures].
        truth: the same [architectures].
        n: how many are drawn.

    Returns:
        Mean and deviation over draws; `n` is 1, the number of architectures that one draw gives.
    """
    _, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    reached = np.cumsum(sizes) / len(score)
    probability = np.diff(reached**n, prepend=0.0) / sizes
    weights = probability[group]
    mean = float(weights @ truth)
    return Spread(1, mean, math.sqrt(max(0.0, float(weights @ (truth - mean) ** 2))))

"""Several searches at once: mean ranks over seeds, Friedman's test, and Nemenyi's critical difference.

J. Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 2006 (section 3.2): with r the ranks
of k searches in each of N blocks, 1 the best and means for ties, Friedman's test asks whether the mean ranks differ at
all; if so, two of them differ where they are farther apart than

    CD = q_alpha sqrt(k (k + 1) / (6 N)),     q_alpha the studentised range over sqrt(2).

A block is here a seed that all have, so what is said holds for other seeds of the same searches, and not for other
data. Friedman's p is that of the chi-square distribution, which is rough for few blocks.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["LEAST_BLOCKS", "RankTest", "rank_test"]

LEAST_BLOCKS = 2
_TIED = 9  # decimals to which values count: those of equal accuracies are not exactly equal


@dataclass(frozen=True)
class RankTest:
    """What the ranks say.

    Attributes:
        ranks: mean rank of each search, the best first.
        blocks: N.
        p: Friedman's; NaN for two searches, of which it is not defined.
        critical: the critical difference of mean ranks.
        alike: the largest groups of searches, by name, whose mean ranks do not differ by as much.
    """

    ranks: dict[str, float]
    blocks: int
    p: float
    critical: float
    alike: tuple[tuple[str, ...], ...]


def rank_test(
    values: Mapping[str, Mapping[int, float]], *, highest: bool = True, alpha: float = 0.05
) -> RankTest | None:
    """Compares searches, each block -> value, over the blocks that all have; NaN is no value.

    Args:
        values: of each search by its name.
        highest: whether the highest value is the best.
        alpha: level of the critical difference.

    Returns:
        None for fewer than two searches, or fewer than two common blocks.
    """
    from scipy import stats

    known = [{block for block, value in own.items() if not math.isnan(value)} for own in values.values()]
    blocks = sorted(set.intersection(*known)) if known else []
    if len(values) < 2 or len(blocks) < LEAST_BLOCKS:
        return None
    table = np.round([[own[block] for own in values.values()] for block in blocks], _TIED)
    ranks = stats.rankdata(-table if highest else table, axis=1)  # [blocks, searches]
    mean = dict(sorted(zip(values, map(float, ranks.mean(axis=0)), strict=True), key=lambda pair: pair[1]))
    searches = len(mean)
    quantile = stats.studentized_range.ppf(1 - alpha, searches, math.inf) / math.sqrt(2)
    critical = float(quantile * math.sqrt(searches * (searches + 1) / (6 * len(blocks))))
    return RankTest(mean, len(blocks), _friedman(ranks), critical, _alike(mean, critical))


def _friedman(ranks: np.ndarray) -> float:
    from scipy import stats

    if ranks.shape[1] < 3:
        return math.nan
    if (ranks == ranks[0, 0]).all():  # nothing differs anywhere, of which the statistic is 0 / 0
        return 1.0
    return float(stats.friedmanchisquare(*ranks.T).pvalue)


def _alike(mean: Mapping[str, float], critical: float) -> tuple[tuple[str, ...], ...]:
    """Runs of neighbours by rank; those within another one are left out."""
    names, ranks = list(mean), list(mean.values())
    groups: list[tuple[int, int]] = []
    for first in range(len(names)):
        last = max(place for place in range(first, len(names)) if ranks[place] - ranks[first] < critical)
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return tuple(tuple(names[first : last + 1]) for first, last in groups)

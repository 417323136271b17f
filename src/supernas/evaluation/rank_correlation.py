"""How well one ranking of architectures predicts another: tau, rho and top-k regret, with bootstrap intervals.

Kendall's tau-b and Spearman's rho allow for ties, of which accuracies on a few hundred images have many. The regret of
k is what a search loses that trains the k best by score and keeps the best of them: the largest truth of all compared
architectures minus the largest among those k. Ties in the score are broken at random, by the seed.

Intervals are percentiles over resamples of the architectures (B. Efron, "Bootstrap Methods: Another Look at the
Jackknife", Annals of Statistics 1979): what another sample of architectures could have given with the same supernet.
They say nothing of how another search would come out.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from supernas.core.documents import Document
from supernas.core.errors import UserError

__all__ = ["Estimate", "Ranking", "bootstrap", "rank", "regret", "rho", "tau"]

TOP = (1, 5, 10)
"""The k of the regrets."""

_PAIRS_DRAWN = 2_000_000  # architectures in all resamples together: 1,000 resamples of up to 2,000 each
_MOST, _LEAST = 1000, 200

Statistic = Callable[[np.ndarray, np.ndarray], float]


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % bootstrap interval; NaN where it is not defined (all scores equal)."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if math.isnan(self.value):
            return "undefined"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"

    def record(self) -> dict[str, float | None]:
        """As JSON: value, low, high."""
        return {name: None if math.isnan(value) else value for name, value in vars(self).items()}


@dataclass(frozen=True)
class Ranking:
    """How well a score ranks `count` architectures. Regrets are in the unit of the truth, by k."""

    count: int
    tau: Estimate
    rho: Estimate
    regret: dict[int, Estimate]

    def record(self) -> Document:
        """As JSON."""
        regrets = {str(k): estimate.record() for k, estimate in self.regret.items()}
        return {"count": self.count, "tau": self.tau.record(), "rho": self.rho.record(), "regret": regrets}


def tau(score: np.ndarray, truth: np.ndarray) -> float:
    """Kendall's tau-b of two arrays [architectures]; NaN if one of them is constant."""
    from scipy import stats

    return float(stats.kendalltau(score, truth, variant="b").statistic)


def rho(score: np.ndarray, truth: np.ndarray) -> float:
    """Spearman's rho of two arrays [architectures]; NaN if one of them is constant."""
    from scipy import stats

    if np.ptp(score) == 0 or np.ptp(truth) == 0:
        return math.nan
    return float(np.corrcoef(stats.rankdata(score), stats.rankdata(truth))[0, 1])


def regret(score: np.ndarray, truth: np.ndarray, k: int, generator: np.random.Generator) -> float:
    """The largest truth minus the largest among the k best by score, ties broken at random."""
    order = np.lexsort((generator.permutation(len(score)), -score))
    return float(truth.max() - truth[order[:k]].max())


def bootstrap(
    statistic: Statistic, score: np.ndarray, truth: np.ndarray, seed: int, resamples: int | None = None
) -> Estimate:
    """A statistic with its 95 % percentile interval over resamples of the architectures.

    Args:
        statistic: of (score, truth).
        score: the score of each architecture [architectures].
        truth: its truth [architectures].
        seed: of the resamples.
        resamples: how many; by default 1,000, and fewer (down to 200) for more than 2,000 architectures.
    """
    generator = np.random.default_rng(seed)
    count = resamples or min(_MOST, max(_LEAST, _PAIRS_DRAWN // len(score)))
    drawn = [generator.integers(len(score), size=len(score)) for _ in range(count)]
    values = np.array([statistic(score[resample], truth[resample]) for resample in drawn])
    values = values[~np.isnan(values)]
    low, high = np.percentile(values, (2.5, 97.5)) if len(values) else (math.nan, math.nan)
    return Estimate(statistic(score, truth), float(low), float(high))


def rank(score: np.ndarray, truth: np.ndarray, seed: int = 0) -> Ranking:
    """How well `score` ranks architectures by `truth` (both [architectures], larger is better).

    Raises:
        UserError: if there are fewer than three architectures.
    """
    score, truth = np.asarray(score, dtype=float), np.asarray(truth, dtype=float)
    if len(score) < 3:
        raise UserError(f"{len(score)} architectures have no rank correlation worth the name; compare 3 or more")
    ties = np.random.default_rng(seed)
    regrets = {
        k: bootstrap(lambda s, t, k=k: regret(s, t, k, ties), score, truth, seed)  # type: ignore[misc]
        for k in TOP
        if k < len(score)
    }
    return Ranking(len(score), bootstrap(tau, score, truth, seed), bootstrap(rho, score, truth, seed), regrets)

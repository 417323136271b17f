r"""What every option is worth on average, from the metrics of some architectures: a fit in which options add up.

With r_i the rank of architecture i's metric (from 0 to 1, equals share one; ranks, so that a few networks that compute
nothing do not decide) and X its indicators of what it is made of, the worths are those of a ridge regression,

    b = X^T (X X^T + ridge I)^{-1} (r - mean r),

the posterior mean of a Bayesian linear model in which worths have a prior variance of 1 / ridge times the noise's. What
two options do together is not seen.

An additive surrogate is the simplest of those in C. White et al., "How Powerful are Performance Predictors in Neural
Architecture Search?", NeurIPS 2021; here its targets are inherited metrics.
"""

from collections.abc import Collection, Sequence

import numpy as np

from supernas.core.architecture import Pair

__all__ = ["additive_fit", "additive_worths"]


def additive_worths(made_of: Sequence[Collection[Pair]], merits: np.ndarray, ridge: float) -> dict[Pair, float]:
    """The worth of every (choice, option) pair, or (gene, value) pair, the better the higher.

    Args:
        made_of: of n architectures, the pairs that each has.
        merits: theirs [n], the better the higher.
        ridge: above 0.

    Returns:
        Of every pair that one of them has, in parts of the ranks from 0 to 1.
    """
    from scipy.stats import rankdata  # slow to import, and the front door must not wait for it

    pairs = sorted({pair for one in made_of for pair in one})
    column = {pair: number for number, pair in enumerate(pairs)}
    X = np.zeros((len(made_of), len(pairs)))
    for row, one in enumerate(made_of):
        X[row, [column[pair] for pair in one]] = 1.0
    ranks = (rankdata(merits) - 0.5) / len(merits)
    b = X.T @ np.linalg.solve(X @ X.T + ridge * np.eye(len(ranks)), ranks - ranks.mean())
    return dict(zip(pairs, b.tolist(), strict=True))


def additive_fit(made_of: Sequence[Collection[Pair]], merits: np.ndarray, ridge: float) -> np.ndarray:
    """Of the architectures themselves the fitted ranks less the mean [n], from about -1/2 to 1/2: sums of worths."""
    worth = additive_worths(made_of, merits, ridge)
    return np.array([sum(worth[pair] for pair in one) for one in made_of])

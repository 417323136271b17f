r"""The best of some architectures by a fit of inherited accuracies in which options add up.

The inherited accuracy of one architecture is noisy: its path's weights were last moved by other paths. What an option
is worth on average over many architectures is less so. With r_i the rank of architecture i's inherited accuracy (from 0
to 1, equals share one; ranks, so that a few networks that compute nothing do not decide) and X its indicators of
(choice, option) pairs, the scores are those of a ridge regression,

    s = X X^T (X X^T + ridge I)^{-1} (r - mean r),

the posterior mean of a Bayesian linear model whose options have a prior variance of 1 / ridge times the noise's. The
same architectures are fitted and compared. What two options do together is not seen.

An additive surrogate is the simplest of those in C. White et al., "How Powerful are Performance Predictors in Neural
Architecture Search?", NeurIPS 2021; here its targets are inherited accuracies.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import Question, Selection, Selector, Source

__all__ = ["Additive", "fitted"]


@settings
class Additive(Selector):
    """The best of some architectures by a fit of their inherited accuracies in which options add up."""

    candidates: int = setting(100, "architectures that are fitted and compared", ge=2)
    source: Source = setting("uniform", "uniform draws, or the latest that the search visited")
    ridge: float = setting(1.0, "how far the worth of options is drawn to 0", gt=0)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks the supernet about all of them."""
        architectures = question.candidates(self.source, self.candidates)
        accuracies = question.accuracies(architectures)
        scores = fitted(architectures, accuracies, self.ridge)
        best, *_ = question.ranked(architectures, scores)
        texts = [question.config.space.format(one) for one in architectures]
        details = {"candidates": texts, "accuracies": accuracies.tolist(), "scores": scores.tolist()}
        judged = f"fitted rank of {len(texts)} by inherited accuracy, 0 the mean"
        return Selection(architectures[best], float(scores[best]), judged, details)


def fitted(architectures: Sequence[Architecture], accuracies: np.ndarray, ridge: float) -> np.ndarray:
    """Scores of architectures, the better the higher, from the ridge regression of their accuracies' ranks.

    Args:
        architectures: n of them.
        accuracies: theirs [n].
        ridge: above 0.

    Returns:
        Scores [n], from about -1/2 to 1/2.
    """
    from scipy.stats import rankdata  # slow to import, and the front door must not wait for it

    pairs = sorted({pair for one in architectures for pair in one.pairs})
    column = {pair: number for number, pair in enumerate(pairs)}
    X = np.zeros((len(architectures), len(pairs)))
    for row, one in enumerate(architectures):
        X[row, [column[pair] for pair in one.pairs]] = 1.0
    ranks = (rankdata(accuracies) - 0.5) / len(accuracies)
    kernel = X @ X.T
    scores: np.ndarray = kernel @ np.linalg.solve(kernel + ridge * np.eye(len(ranks)), ranks - ranks.mean())
    return scores

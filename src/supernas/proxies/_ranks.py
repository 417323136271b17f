"""Several columns of scores as one: sums of ranks."""

from typing import Literal

import numpy as np

__all__ = ["RankSum", "rank_sum"]

RankSum = Literal["linear", "logarithmic"]


def rank_sum(columns: np.ndarray, kind: RankSum) -> np.ndarray:
    """The sum over columns of r, or of log(r / m), with r the rank in the column among m candidates: 1 is the lowest.

    Equals share the mean of their ranks. What is not defined is below all that is; minus infinity where nothing is.

    Args:
        columns: scores [candidates, columns], larger is better; NaN or minus infinity where not defined.
        kind: `linear` for r, `logarithmic` for log(r / m).
    """
    from scipy.stats import rankdata  # slow to import, and the front door must not wait for it

    columns = np.where(np.isnan(columns), -np.inf, columns)
    ranks = rankdata(columns, axis=0)
    terms = ranks if kind == "linear" else np.log(ranks / len(columns))
    return np.where(np.isneginf(columns).all(1), -np.inf, terms.sum(1))

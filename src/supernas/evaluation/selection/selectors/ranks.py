"""The smallest sum of the ranks by inherited accuracy and by a zero-cost proxy."""

import math
from pathlib import Path

import numpy as np

from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import SOURCES, Question, Selection, Selector, Source
from supernas.evaluation.selection.selectors._scoring import Scoring, scores_of

__all__ = ["Ranks"]


@settings
class Ranks(Scoring, Selector):
    """The smallest sum of the ranks by inherited accuracy and by a zero-cost proxy; of equals the more accurate."""

    candidates: int = setting(100, "architectures that are compared", ge=1)
    source: Source = setting("uniform", SOURCES)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks the supernet about all, and scores untrained networks."""
        from scipy.stats import rankdata  # slow to import, and the front door must not wait for it

        architectures = question.candidates(self.source, self.candidates)
        accuracies = question.accuracies(architectures)
        proxy, scores = scores_of(self, question, architectures)
        ranks = rankdata(-accuracies) + rankdata(-proxy.rising(scores))
        unusable = np.array([not question.usable(one) for one in architectures])
        best = int(np.lexsort((-accuracies, ranks, unusable))[0])
        texts = [question.config.space.format(one) for one in architectures]
        details = {
            "candidates": texts,
            "accuracies": [float(one) for one in accuracies],
            "scores": [float(one) if math.isfinite(one) else None for one in scores],
        }
        judged = f"mean rank of {len(texts)} by inherited accuracy and {self.proxy}"
        return Selection(architectures[best], float(ranks[best] / 2), judged, details)

"""Of architectures drawn from what the search has learnt, the best by a zero-cost proxy; the supernet is not asked.

BaLeNAS-TF: M. Zhang et al., "BaLeNAS: Differentiable Architecture Search via the Bayesian Learning Rule", CVPR 2022
(section 3.3).
"""

import math
from collections import Counter
from pathlib import Path
from typing import ClassVar, Literal

from supernas import proxies
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import Question, Selection, Selector
from supernas.evaluation.selection.selectors._scoring import Scoring, scores_of

__all__ = ["ByProxy"]


@settings
class ByProxy(Scoring, Selector):
    """The best by a zero-cost proxy of architectures drawn from the distribution with which the search ended, or of
    those that it visited.
    """

    asks_many: ClassVar[bool] = False
    draws: int = setting(
        100, "architectures that are drawn, repeats included, each scored once; or the latest visited", ge=1
    )
    source: Literal["learnt", "visited"] = setting("learnt", "the distribution of the search, or what it visited")

    @property
    def asks_supernet(self) -> bool:
        """Never."""
        return False

    def choose(self, question: Question, runs: Path) -> Selection:
        """Scores untrained networks."""
        counts = Counter(self._drawn(question))
        drawn = list(counts)
        proxy, scores = scores_of(self, question, drawn)
        best = proxies.place_of_best(proxy, scores)
        if not math.isfinite(scores[best]):
            raise UserError(f"{self.proxy} is not defined for any of the {len(counts)} architectures that were drawn")
        space = question.config.space
        details = {
            "drawn": {space.format(one): times for one, times in counts.items()},
            "scores": [float(score) if math.isfinite(score) else None for score in scores],
        }
        return Selection(drawn[best], float(scores[best]), f"{self.proxy} of the untrained network", details)

    def _drawn(self, question: Question) -> list[Architecture]:
        return question.learnt(self.draws) if self.source == "learnt" else question.candidates("visited", self.draws)

r"""The best of some architectures by a fit of inherited accuracies in which options add up.

The inherited accuracy of one architecture is noisy: its path's weights were last moved by other paths. What an option
is worth on average over many architectures is less so (`spaces/search_strategies/additive.py` has the fit). The same
architectures are fitted and compared. An additive surrogate is the simplest of those in C. White et al., "How Powerful
are Performance Predictors in Neural Architecture Search?", NeurIPS 2021; here its targets are inherited accuracies.
"""

from pathlib import Path

from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import SOURCES, Question, Selection, Selector, Source
from supernas.spaces.search_strategies import additive_fit

__all__ = ["Additive"]


@settings
class Additive(Selector):
    """The best of some architectures by a fit of their inherited accuracies in which options add up."""

    candidates: int = setting(100, "architectures that are fitted and compared", ge=2)
    source: Source = setting("uniform", SOURCES)
    ridge: float = setting(1.0, "how far the worth of options is drawn to 0", gt=0)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks the supernet about all of them."""
        architectures = question.candidates(self.source, self.candidates)
        accuracies = question.accuracies(architectures)
        scores = additive_fit([one.pairs for one in architectures], accuracies, self.ridge)
        best, *_ = question.ranked(architectures, scores)
        texts = [question.config.space.format(one) for one in architectures]
        details = {"candidates": texts, "accuracies": accuracies.tolist(), "scores": scores.tolist()}
        judged = f"fitted rank of {len(texts)} by inherited accuracy, 0 the mean"
        return Selection(architectures[best], float(scores[best]), judged, details)

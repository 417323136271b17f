"""The best of some drawn architectures by inherited accuracy (L. Li and A. Talwalkar, "Random Search and
Reproducibility for Neural Architecture Search", UAI 2019).

`source=visited` takes what the search visited instead, if it remembers that; `source=learnt` draws from the
distribution with which it ended.
"""

from pathlib import Path

from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import SOURCES, Question, Selection, Selector, Source

__all__ = ["BestSampled"]


@settings
class BestSampled(Selector):
    """The best of some architectures by inherited accuracy, the first of equals."""

    candidates: int = setting(100, "architectures that are compared", ge=1)
    source: Source = setting("uniform", SOURCES)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks about all of them."""
        architectures = question.candidates(self.source, self.candidates)
        accuracies = question.accuracies(architectures)
        best, *_ = question.ranked(architectures, accuracies)
        return Selection(architectures[best], float(accuracies[best]))

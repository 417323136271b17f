"""The best of some drawn architectures by inherited accuracy."""

from pathlib import Path

from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import Question, Selection, Selector

__all__ = ["Example"]


@settings
class Example(Selector):
    """The best of some drawn architectures by the supernet's accuracy."""

    candidates: int = setting(20, "architectures that are compared", ge=1)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks the supernet about all of them."""
        architectures = question.candidates("uniform", self.candidates)
        accuracies = question.accuracies(architectures)
        best, *_ = question.ranked(architectures, accuracies)
        return Selection(architectures[best], float(accuracies[best]))

"""Regularised evolution with inherited accuracy as fitness.

E. Real, A. Aggarwal, Y. Huang and Q. V. Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI
2019; the evolutionary choice of M. Zhang et al., "Overcoming Multi-Model Forgetting in One-Shot NAS with Diversity
Maximization", CVPR 2020 (section 4.4).
"""

import math
from pathlib import Path
from typing import ClassVar

from supernas.core.architecture import Architecture
from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import Question, Selection, Selector
from supernas.evaluation.supernet_accuracy import one_by_one
from supernas.spaces.search_strategies import best_found, regularised_evolution

__all__ = ["Evolution"]


@settings
class Evolution(Selector):
    """Regularised evolution by inherited accuracy; the best of all that it visited, the first of equals."""

    asks_many: ClassVar[bool] = False
    candidates: int = setting(200, "architectures that are visited, repeats included", ge=1)
    population: int = setting(10, "architectures that are alive", ge=1)
    sample: int = setting(10, "draws from the living, of which the best becomes the parent", ge=1)

    def choose(self, question: Question, runs: Path) -> Selection:
        """Asks about one after another: each depends on those before."""
        strategy = regularised_evolution(question.space, question.generator, self.population, self.sample)
        report, asked = question.on_progress or (lambda done, of: None), 0
        with one_by_one(question.folder, question.evaluation, device=question.device) as accuracy:

            def fitness(architecture: Architecture) -> float:
                nonlocal asked
                value, asked = accuracy(architecture), asked + 1
                report(asked, self.candidates)
                return value if question.usable(architecture) else -math.inf

            return Selection(*best_found(strategy, fitness, self.candidates))

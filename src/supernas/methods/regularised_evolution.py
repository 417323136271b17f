"""Regularised evolution, REA (AmoebaNet), over trained architectures.

E. Real, A. Aggarwal, Y. Huang and Q. V. Le, "Regularized Evolution for Image Classifier Architecture Search", AAAI
2019, algorithm 1:

    population <- P uniform architectures, trained
    repeat      parent = the best of S draws from the population, with replacement
                child  = the parent with one choice changed; it is trained and joins, and the oldest member dies
    answer      = the best of all that were trained

Published: P = 100, S = 25, and 20,000 models of 25 epochs each. Ours by default: P = S = 10, for budgets of some
dozens of trainings; a search of fewer than P is a random search. Deviations: a mutation changes one gene of the space
to another value, drawn uniformly over all such changes (published: an operation or an input, or nothing in one of 20
cases); one training after another, where 450 workers took turns; all candidates begin with the same weights.
"""

from typing import ClassVar

import numpy as np

from supernas.core.documents import Document
from supernas.core.settings import setting, settings
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import Strategy, regularised_evolution
from supernas.steps.candidates import TrainsCandidates

__all__ = ["RegularisedEvolution"]


@settings
class RegularisedEvolution(TrainsCandidates):
    """The best of a sample has a child, which is trained, and the oldest of the population dies."""

    published: ClassVar[Document] = {
        "method": {"trains": 25, "population": 100, "sample": 25},
        "search": {"epochs": 500_000},
    }

    population: int = setting(10, "architectures that live at a time", equation="P", ge=1)
    sample: int = setting(10, "draws of which the best has a child", equation="S", ge=1)

    def strategy(self, space: Space, generator: np.random.Generator) -> Strategy:
        """Aging evolution."""
        return regularised_evolution(space, generator, self.population, self.sample)

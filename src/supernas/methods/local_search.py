"""Local search over trained architectures: hill climbing.

C. White, S. Nolen and Y. Savani, "Exploring the Loss Landscape in Neural Architecture Search", UAI 2021, algorithm 1:

    a = the best of `initial` uniform architectures, trained
    repeat    train all neighbours of a;  a <- the best of them, if it is better
    answer    = the best of all that were trained

Published on tables of trained architectures, so without a number of epochs. Deviations: neighbours differ in one gene
of the space; they come in a random order, since the epochs may end before all are trained; from an optimum the search
goes on with fresh draws; none is trained twice; all candidates begin with the same weights.
"""

import numpy as np

from supernas.core.settings import setting, settings
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import Strategy, local_search
from supernas.steps.candidates import TrainsCandidates

__all__ = ["LocalSearch"]


@settings
class LocalSearch(TrainsCandidates):
    """From the best of some draws to the best of its neighbours, each trained alone, until none is better."""

    initial: int = setting(10, "uniform architectures, the best of which it begins at", ge=1)

    def strategy(self, space: Space, generator: np.random.Generator) -> Strategy:
        """Hill climbing."""
        return local_search(space, generator, self.initial)

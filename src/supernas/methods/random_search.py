"""Random search over trained architectures: what every method has to beat at equal cost.

J. Bergstra and Y. Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 2012; for architectures H. Liu, K.
Simonyan and Y. Yang, "DARTS", ICLR 2019 (table 1: the best of 24 by validation after 100 epochs each), and, with
successive halving, L. Li and A. Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI
2019:

    a_1 .. a_n ~ Uniform(space), each once,    answer = the best of them after `trains` epochs of training each.

Deviations: n is what the epochs allow. The halving, where `finalists` asks for it, is synchronous, and each of its
rounds trains from the start with a whole schedule; Li and Talwalkar's is asynchronous, goes on from where it was and
keeps a quarter. All candidates begin with the same weights.
"""

from typing import ClassVar

import numpy as np

from supernas.core.documents import Document
from supernas.core.settings import settings
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import Strategy, random_search
from supernas.steps.candidates import TrainsCandidates

__all__ = ["RandomSearch"]


@settings
class RandomSearch(TrainsCandidates):
    """Uniform architectures, each trained alone; the best by validation."""

    published: ClassVar[Document] = {"method": {"trains": 100}, "search": {"epochs": 2_400}}

    def strategy(self, space: Space, generator: np.random.Generator) -> Strategy:
        """Uniform draws."""
        return random_search(space, generator)

"""BANANAS: Bayesian optimisation of architectures with an ensemble of neural predictors, over trained architectures.

C. White, W. Neiswanger and Y. Savani, "BANANAS: Bayesian Optimization with Neural Architectures for Neural Architecture
Search", AAAI 2021, algorithm 1:

    train `initial` uniform architectures
    repeat    fit M networks f_1 .. f_M to all accuracies so far
              for each of many mutations a of the best so far: draw s(a) ~ N(mean_m f_m(a), var_m f_m(a))
              train the `batch` of the largest s                                  (independent Thompson sampling)
    answer    = the best of all that were trained

Published: 10 architectures at first and 10 in every round, M = 5, 100 mutations; in the space of DARTS 100 trainings
of 50 epochs. Deviations:

- An architecture is encoded by its genes, one-hot; the published path encoding is of cells with one operation a node.
- Each predictor has two hidden layers of 20 units and is fitted by L-BFGS to standardised scores under squared error
  with a small decay (published: 10 layers of 20 units, Adam, a percentage error against a lower bound). The members
  differ in their initial weights, as published.
- Mutations are drawn from the neighbours of the `parents` best that were not trained yet; where there are too few,
  uniform draws fill up. All candidates begin with the same weights.
"""

import warnings
from collections.abc import Iterator
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.settings import setting, settings
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import Strategy
from supernas.steps.candidates import TrainsCandidates

__all__ = ["BANANAS"]

_HIDDEN, _DECAY, _STEPS = (20, 20), 0.01, 200


@settings
class BANANAS(TrainsCandidates):
    """An ensemble predicts accuracy; mutations of the best are trained that a draw from its prediction favours."""

    published: ClassVar[Document] = {"method": {"trains": 50}, "search": {"epochs": 5_000}}

    initial: int = setting(10, "uniform architectures that are trained before the first prediction", ge=1)
    batch: int = setting(10, "architectures that are trained for each fit of the predictors", ge=1)
    ensemble: int = setting(5, "predictors", equation="M", ge=2)
    mutations: int = setting(100, "mutations of which the batch is taken", ge=1)
    parents: int = setting(10, "so many of the best are mutated", ge=1)

    def strategy(self, space: Space, generator: np.random.Generator) -> Strategy:
        """Rounds of predictions and trainings, until the space has no more."""
        scores: dict[Architecture, float] = {}
        fresh = (drawn for drawn in space.shuffled(generator) if drawn not in scores)
        batch = list(islice(fresh, self.initial))
        while batch:
            for architecture in batch:
                scores[architecture] = yield architecture
            batch = self._next_batch(space, scores, fresh, generator)

    def _next_batch(
        self,
        space: Space,
        scores: dict[Architecture, float],
        fresh: Iterator[Architecture],
        generator: np.random.Generator,
    ) -> list[Architecture]:
        near = self._mutations(space, scores, generator)
        if len(near) < self.batch:
            near = list(dict.fromkeys([*near, *islice(fresh, self.batch - len(near))]))
        if len(near) <= self.batch:
            return near
        drawn = self.draw_scores(space, scores, near, generator)
        return [near[place] for place in np.argsort(-drawn, kind="stable")[: self.batch]]

    def _mutations(
        self, space: Space, scores: dict[Architecture, float], generator: np.random.Generator
    ) -> list[Architecture]:
        """Neighbours of the best that have no score yet, drawn uniformly."""
        best = sorted(scores, key=lambda one: -scores[one])[: self.parents]
        near = list(dict.fromkeys(other for one in best for other in space.neighbours(one) if other not in scores))
        return [near[place] for place in generator.permutation(len(near))[: self.mutations]]

    def draw_scores(
        self,
        space: Space,
        scores: dict[Architecture, float],
        candidates: list[Architecture],
        generator: np.random.Generator,
    ) -> np.ndarray:
        """A draw from the ensemble's prediction for each candidate, in standard deviations of the known scores."""
        known, inputs = _standardised(np.array(list(scores.values()))), encoded(space, list(scores))
        asked = encoded(space, candidates)
        predictions = np.array([_fitted(inputs, known, generator).predict(asked) for _ in range(self.ensemble)])
        return generator.normal(predictions.mean(axis=0), predictions.std(axis=0, ddof=1))


def encoded(space: Space, architectures: list[Architecture]) -> np.ndarray:
    """Their genes, one-hot: float64 [architectures, values of all genes]."""
    genes = [space.genes(architecture) for architecture in architectures]
    columns = [np.eye(size)[[one[place] for one in genes]] for place, size in enumerate(space.gene_sizes)]
    return np.concatenate(columns, axis=1)


def _standardised(scores: np.ndarray) -> np.ndarray:
    spread = float(scores.std())
    return (scores - scores.mean()) / spread if spread else np.zeros_like(scores)


def _fitted(inputs: np.ndarray, scores: np.ndarray, generator: np.random.Generator) -> Any:
    from sklearn.exceptions import ConvergenceWarning  # a second, that only this method takes
    from sklearn.neural_network import MLPRegressor

    seed = int(generator.integers(2**31))
    predictor = MLPRegressor(
        hidden_layer_sizes=_HIDDEN, solver="lbfgs", alpha=_DECAY, max_iter=_STEPS, random_state=seed
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it need not come to its end
        return predictor.fit(inputs, scores)

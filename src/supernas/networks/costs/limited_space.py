"""A space within a budget: what it samples, derives and decodes is never over it.

Where an architecture is over the budget it is brought within by single decisions, each the one that loses least for
what it saves: of a relaxation the logarithm of its weights, otherwise nothing, so that the most saving one is taken.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.documents import Values
from supernas.core.graphs import Graph
from supernas.networks.costs.budget import Budget
from supernas.spaces.base import Space

__all__ = ["limited"]

_DRAWS = 50  # before a draw is brought within the budget
_TINY = 1e-12


def limited(space: Space, budget: Budget) -> Space:
    """The space, of whose architectures only those within a budget come up."""
    kind = type(space)
    made = copy.copy(space)
    # a subclass of the space's own class, so that whatever it overrides goes on to hold
    object.__setattr__(made, "__class__", type(kind.__name__, (_Limited, kind), {"__module__": kind.__module__}))
    object.__setattr__(made, "budget", budget)
    return made


class _Limited(Space):
    """Asks the space without limits, and brings what it answers within the budget. Complements and sets that take
    every option are not limited: they only train weights.
    """

    budget: Budget

    def sample(self, generator: np.random.Generator) -> Architecture:
        """An architecture drawn uniformly from those within the budget, if one comes up within a number of draws."""
        for _ in range(_DRAWS):
            drawn = self.budget.space.sample(generator)
            if not self.budget.excess(drawn):
                return drawn
        return self._within(drawn)

    def shuffled(self, generator: np.random.Generator) -> Iterator[Architecture]:
        """The architectures within the budget in a random order, as draws bring them up."""
        yield from self._drawn_once(generator)

    def from_genes(self, genes: Sequence[int]) -> Architecture:
        """The architecture of the genes, brought within the budget."""
        return self._within(self.budget.space.from_genes(genes))

    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The architecture of the graphs, brought within the budget."""
        return self._within(self.budget.space.from_graphs(graphs))

    def derive(self, weights: Mapping[str, np.ndarray]) -> Architecture:
        """The derived architecture, brought within the budget at the least loss of weight."""
        return self._within(self.budget.space.derive(weights), weights)

    def likeliest(self, probabilities: Mapping[str, np.ndarray], count: int) -> list[Architecture]:
        """The likeliest architectures, those over the budget brought within it: fewer, where several become one."""
        likeliest = self.budget.space.likeliest(probabilities, count)
        return list(dict.fromkeys(self._within(architecture, probabilities) for architecture in likeliest))

    def neighbours(self, architecture: Architecture) -> list[Architecture]:
        """The neighbours within the budget; the architecture itself, if there are none."""
        near = self.budget.space.neighbours(architecture)
        return [neighbour for neighbour in near if not self.budget.excess(neighbour)] or [architecture]

    def complement(self, current: Architecture, previous: Architecture, generator: np.random.Generator) -> Architecture:
        """A complement, whatever it costs."""
        return self.budget.space.complement(current, previous, generator)

    def latin(self, generator: np.random.Generator, without: Architecture | None = None) -> list[Architecture]:
        """Architectures that take every option, whatever they cost."""
        return self.budget.space.latin(generator, without)

    def _within(self, architecture: Architecture, weights: Mapping[str, np.ndarray] | None = None) -> Architecture:
        excess = self.budget.excess
        while (over := excess(architecture)) > 0:
            score = _score(self, architecture, weights)
            lower = [(near, over - excess(near)) for near in self.budget.space.neighbours(architecture)]
            saving = [(near, saved) for near, saved in lower if saved > _TINY]
            if not saving:
                return self.budget.fallback
            architecture = min(saving, key=lambda each: self._loss(score, each[0], min(each[1], over), weights))[0]
        return architecture

    def _loss(
        self, score: float, near: Architecture, saved: float, weights: Mapping[str, np.ndarray] | None
    ) -> tuple[float, float]:
        """What is minimised: weight lost for what is saved of the excess."""
        if weights is None:
            return (-saved, 0.0)
        return (max(score - _score(self, near, weights), 0.0) / saved, -saved)


def _score(space: Space, architecture: Architecture, weights: Values | None) -> float:
    """The sum of the logarithms of an architecture's weights."""
    if weights is None:
        return 0.0
    total = 0.0
    for choice, option in architecture.pairs:
        kind = space.choices[choice].kind
        total += float(np.log(max(float(weights[kind][choice - space.kinds[kind].start][option]), _TINY)))
    return total

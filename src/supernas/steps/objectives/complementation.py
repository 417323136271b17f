r"""Architecture complementation against forgetting.

M. Zhang et al., "Differentiable Neural Architecture Search in Equivalent Space with Exploration Enhancement",
NeurIPS 2020, section 3.2, Eq. 7:

    L_c(w_i) = (1 - epsilon) L(w_i) + epsilon (L(w_i^c) + L(w_{i-1})) + eta R(w_i)

with w_i the current path, w_{i-1} the previous one, and w_i^c a complement: it shares no operation with the previous
path, and both together contain the current one. R is the weight decay of the optimiser.

Where the paper and its released code differ: the code turns the two extra losses into plain numbers, so they never
reach a gradient; here all three are real. The code also halves their weights (`weighting="released"`). The paper's
weights sum to 1 + epsilon, which multiplies the learning rate; `normalise` divides by the sum. At the first step there
is no previous path and the loss is the plain one. `previous="step"` is the path of the step before, which is the
current one whenever the architecture has not moved, so that Eq. 7 has two paths; `"distinct"` is the last that differs.

One complement leaves out most of what the previous path leaves out. `complements="all"` trains as many as together with
the previous path take every option of every choice once (each still shares no operation with it), with the weight of
the one: L(w_i^c) becomes a mean over the set. Where every choice has two options the set is the complement of Eq. 7.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.settings import Unused, setting, settings
from supernas.core.state import UNSAVED, State
from supernas.networks.base import Network
from supernas.spaces.base import Space
from supernas.steps.contracts import Chosen, needs_paths, needs_whole
from supernas.steps.objectives.base import PathSum, WeightedPath

__all__ = ["Complementation"]


@dataclass
class Remembered(State):
    """The last path, the last path that differed from it, and the generator of the complements."""

    space: Space = field(metadata=UNSAVED)
    generator: np.random.Generator
    last: Architecture | None = None
    before: Architecture | None = None


@settings
class Complementation(PathSum[Remembered]):
    """Trains the current path together with the previous and a complementary one (Eq. 7)."""

    epsilon: float = setting(0.5, "trade-off between the current path and the two others", equation="Eq. 7", ge=0, le=1)
    previous: Literal["step", "distinct"] = setting(
        "step", "the previous path: of the step before, or the last that differs from the current one"
    )
    weighting: Literal["paper", "released"] = setting(
        "paper", "weight of each extra path: epsilon (paper) or epsilon / 2 (released code)", equation="Eq. 7"
    )
    complements: Literal[1, "all"] = setting(
        1, "one complement (paper), or those that with the previous path take every option once", equation="Eq. 7"
    )
    normalise: bool = setting(True, "divide the loss by the sum of its weights")

    def unused(self) -> Iterator[Unused]:
        """All that is about other paths, where none has a weight."""
        if self.epsilon == 0:
            names = ("previous", "weighting", "complements", "normalise")
            yield Unused(names, "epsilon=0", "epsilon above 0")

    def refuses(self, chosen: Chosen) -> str:
        """Methods of mixtures, and batches that are shared out and cannot be."""
        refusal = needs_paths(chosen, "a complement shares no operation with the previous path")
        if not refusal and self.epsilon == 0:
            refusal = needs_whole(chosen, "epsilon=0 trains one path")
        return refusal or super().refuses(chosen)

    def most_paths(self, space: Space) -> int:
        """Current, previous and complements, of which all are as many as the largest gene has other values."""
        if self.epsilon == 0:
            return 1
        return 2 + (max(space.gene_sizes) - 1 if self.complements == "all" else 1)

    def init(self, network: Network, space: Space, seed: int) -> Remembered:
        """Nothing visited yet."""
        return Remembered(space, np.random.default_rng([seed, 7]))

    def paths(self, state: Remembered, architecture: Architecture) -> list[WeightedPath]:
        """Current, previous and complements; the current one alone if epsilon is 0 or nothing was visited before."""
        previous = state.last
        if self.previous == "distinct" and previous == architecture:
            previous = state.before
        if architecture != state.last:
            state.before, state.last = state.last, architecture
        return self._weighted(state, architecture, previous)

    def _weighted(self, state: Remembered, current: Architecture, previous: Architecture | None) -> list[WeightedPath]:
        if self.epsilon == 0.0 or previous is None:
            return [WeightedPath(current, 1.0, "current")]
        extra = self.epsilon if self.weighting == "paper" else self.epsilon / 2
        if self.complements == "all":
            complements = state.space.latin(state.generator, without=previous)
        else:
            complements = [state.space.complement(current, previous, state.generator)]
        return [
            WeightedPath(current, 1.0 - self.epsilon, "current"),
            WeightedPath(previous, extra, "previous"),
            *(WeightedPath(complement, extra / len(complements), "complement") for complement in complements),
        ]

"""A loss over the current path and one random other path.

L(w) + weight * L(w'), with w' drawn uniformly.
"""

from dataclasses import dataclass, field

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED, State
from supernas.networks.base import Network
from supernas.spaces.base import Space
from supernas.steps.contracts import Chosen, needs_paths
from supernas.steps.objectives.base import PathSum, WeightedPath

__all__ = ["Example"]


@dataclass
class Drawing(State):
    """Where other paths come from."""

    space: Space = field(metadata=UNSAVED)
    generator: np.random.Generator


@settings
class Example(PathSum[Drawing]):
    """Trains the current path together with a random one."""

    weight: float = setting(0.5, "of the random path's loss", ge=0)
    normalise: bool = setting(True, "divide the loss by the sum of its weights")

    def refuses(self, chosen: Chosen) -> str:
        """Methods whose weight step trains no single paths."""
        return needs_paths(chosen, "it adds a second path") or super().refuses(chosen)

    def most_paths(self, space: Space) -> int:
        """The current one and the random one."""
        return 2

    def init(self, network: Network, space: Space, seed: int) -> Drawing:
        """A generator of its own."""
        return Drawing(space, np.random.default_rng([seed, 11]))

    def paths(self, state: Drawing, architecture: Architecture) -> list[WeightedPath]:
        """The paths of a step, with the weights of their losses."""
        other = state.space.sample(state.generator)
        return [WeightedPath(architecture, 1.0, "current"), WeightedPath(other, self.weight, "other")]

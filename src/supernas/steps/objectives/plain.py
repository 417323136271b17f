"""The plain objective: the loss of the current path and nothing else."""

from dataclasses import dataclass

from supernas.core.architecture import Architecture
from supernas.core.settings import settings
from supernas.core.state import State
from supernas.networks.base import Network, Output
from supernas.spaces.base import Space
from supernas.steps.contracts import Chosen, Metrics, Objective, RunPath, needs_rows

__all__ = ["Plain"]


@dataclass
class Nothing(State):
    """The state of an objective that remembers nothing."""


@settings
class Plain(Objective[Nothing]):
    """L(w) of the current path."""

    def refuses(self, chosen: Chosen) -> str:
        """Batches that are shared out among paths, unless the method has a set of current ones."""
        return needs_rows(chosen) if chosen.method.trains_path_sets else super().refuses(chosen)

    def init(self, network: Network, space: Space, seed: int) -> Nothing:
        """Nothing to remember."""
        return Nothing()

    def backward(self, state: Nothing, architecture: Architecture, run: RunPath) -> tuple[Metrics, Output]:
        """One path, one backward pass."""
        loss, output = run(architecture)
        loss.backward()
        return {"loss": loss.detach()}, output

"""Stops once the derived architecture has been the same for some epochs."""

from dataclasses import dataclass

from supernas.core.architecture import Architecture
from supernas.core.settings import setting, settings
from supernas.core.state import State
from supernas.steps.contracts import EpochView, StopDecision, Stopping

__all__ = ["Example"]


@dataclass
class Seen(State):
    """The architecture of the last epoch, and for how many epochs it has been the same."""

    architecture: Architecture | None = None
    epochs: int = 0


@settings
class Example(Stopping[Seen]):
    """Stops once the derived architecture stays the same."""

    patience: int = setting(5, "epochs for which it has to be the same", ge=1)

    def init(self) -> Seen:
        """Nothing seen yet."""
        return Seen()

    def check(self, state: Seen, view: EpochView) -> StopDecision:
        """Counts the epochs; the answer is the architecture of this one."""
        state.epochs = state.epochs + 1 if view.architecture == state.architecture else 1
        state.architecture = view.architecture
        stops = state.epochs >= self.patience
        return StopDecision({"epochs_the_same": float(state.epochs)}, view.epoch if stops else None)

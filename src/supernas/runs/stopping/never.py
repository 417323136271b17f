"""No rule: a search runs all its epochs."""

from dataclasses import dataclass

from supernas.core.settings import settings
from supernas.core.state import State
from supernas.steps.contracts import EpochView, StopDecision, Stopping

__all__ = ["Never"]


@dataclass
class _Nothing(State):
    """The state of a rule that remembers nothing."""


@settings
class Never(Stopping[_Nothing]):
    """All epochs are run."""

    def init(self) -> _Nothing:
        """Nothing to remember."""
        return _Nothing()

    def check(self, state: _Nothing, view: EpochView) -> StopDecision:
        """Goes on."""
        return StopDecision()

"""No rule: a search runs all its epochs."""

from dataclasses import dataclass
from typing import Any

from supernas.core.settings import settings
from supernas.core.state import State
from supernas.steps.contracts import Finding, Look, Stopping

__all__ = ["Never"]


@dataclass
class _Nothing(State):
    """The state of a rule that remembers nothing."""


@settings
class Never(Stopping):
    """All epochs are run."""

    def init(self) -> State:
        """Nothing to remember."""
        return _Nothing()

    def check(self, state: Any, look: Look) -> Finding:
        """Goes on."""
        return Finding()

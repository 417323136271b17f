"""No regulariser: weights and alpha move along the gradients of the losses alone."""

from dataclasses import dataclass

from supernas.core.settings import settings
from supernas.core.state import State
from supernas.steps.contracts import Chosen, Regulariser, SearchContext

__all__ = ["Unregularised"]


@dataclass
class _Nothing(State):
    """The state of what remembers nothing."""


@settings
class Unregularised(Regulariser[_Nothing]):
    """Gradients are left as they are."""

    def refuses(self, chosen: Chosen) -> str:
        """Goes with every method."""
        return ""

    def init(self, context: SearchContext) -> _Nothing:
        """Nothing to remember."""
        return _Nothing()

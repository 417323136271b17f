"""Holds the architecture parameters near 0: the gradient of weight / 2 times their squares is added to theirs."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from supernas.core.settings import setting, settings
from supernas.core.state import State
from supernas.steps.contracts import Regulariser, SearchContext, StepView

__all__ = ["Example"]


@dataclass
class Nothing(State):
    """The state of what remembers nothing."""


@settings
class Example(Regulariser[Nothing]):
    """Pulls the architecture parameters towards 0."""

    weight: float = setting(0.1, "of half the sum of squares", ge=0)

    def init(self, context: SearchContext) -> Nothing:
        """Nothing to remember."""
        return Nothing()

    def of_alpha(self, state: Nothing, view: StepView, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Adds weight times alpha."""
        pairs = zip(view.alpha.values(), gradients, strict=True)
        return [gradient + self.weight * alpha.detach() for alpha, gradient in pairs]

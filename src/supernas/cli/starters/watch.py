"""How many different operations the derived architecture takes."""

from supernas.core.settings import settings
from supernas.spaces.base import Space
from supernas.steps.contracts import Diagnostic, EpochView

__all__ = ["Example"]


@settings
class Example(Diagnostic):
    """Different operations of the derived architecture."""

    def names(self, space: Space) -> tuple[str, ...]:
        """One number."""
        return ("operations",)

    def measure(self, view: EpochView) -> dict[str, float]:
        """Counts them."""
        taken = view.context.space.operation_counts(view.architecture)
        return {"operations": float(len(taken))}

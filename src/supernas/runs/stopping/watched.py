"""A threshold on anything that is watched (`--watch`, section `watch`).

The number is averaged over a moving window. What is compared with the threshold is that average (`of="value"`), or the
quotient of the average now and `window` epochs ago (`of="ratio"`), where both are positive. As it is by default, with
`hessian` watched, it is the rule of R-DARTS (A. Zela et al., "Understanding and Robustifying Differentiable
Architecture Search", ICLR 2020) in another guise: 1 / 0.75 = 4 / 3, and the answer lies five epochs back.
"""

from dataclasses import dataclass, field
from typing import Literal

from supernas.core.errors import unknown
from supernas.core.settings import setting, settings
from supernas.core.spelling import option
from supernas.core.state import State
from supernas.steps.contracts import Chosen, EpochView, StopDecision, Stopping

__all__ = ["Watched"]


@dataclass
class Seen(State):
    """The number in every epoch so far."""

    values: list[float] = field(default_factory=list)


@settings
class Watched(Stopping[Seen]):
    """Stops where a watched number passes a threshold."""

    quantity: str = setting("hessian.eigenvalue", "the watched number, as in the record: diagnostic.number")
    of: Literal["value", "ratio"] = setting("ratio", "its average over the window, or that over the one before it")
    when: Literal["above", "below"] = setting("above", "the side of the threshold on which the search stops")
    threshold: float = setting(4 / 3, "the threshold")
    window: int = setting(5, "epochs of the moving average, and how far the ratio looks back", ge=1)
    back: int = setting(5, "epochs from the one that stops the search back to the answer", ge=0)

    def refuses(self, chosen: Chosen) -> str:
        """A number that is not watched, or that the diagnostic does not have."""
        name = self.quantity.partition(".")[0]
        if name not in chosen.watch:
            return f"judges {self.quantity}, and {name} is not watched; add {option('watch', name)}"
        known = [f"{name}.{number}" for number in chosen.watch[name].names(chosen.space)]
        return "" if self.quantity in known else f"judges an {unknown('watched number', self.quantity, known)}"

    def init(self) -> Seen:
        """Nothing seen yet."""
        return Seen()

    def check(self, state: Seen, view: EpochView) -> StopDecision:
        """Compares, once the window (or both) is full."""
        state.values.append(view.watched[self.quantity])
        compared = self._compared(state.values)
        if compared is None:
            return StopDecision()
        passed = compared > self.threshold if self.when == "above" else compared < self.threshold
        return StopDecision({"watched": compared}, max(0, view.epoch - self.back) if passed else None)

    def _compared(self, values: list[float]) -> float | None:
        """What is compared with the threshold; None where it is not defined yet."""
        k = self.window
        if len(values) < (k if self.of == "value" else 2 * k):
            return None
        now = sum(values[-k:]) / k
        if self.of == "value":
            return now
        before = sum(values[-2 * k : -k]) / k
        return now / before if now > 0 and before > 0 else None

"""A threshold on anything that is watched (`--watch`, section `watch`).

The number is averaged over a moving window. What is compared with the threshold is that average (`of="value"`), or the
quotient of the average now and `window` epochs ago (`of="ratio"`), where both are positive. As it is by default, with
`hessian` watched, it is the rule of R-DARTS (A. Zela et al., "Understanding and Robustifying Differentiable
Architecture Search", ICLR 2020) in another guise: 1 / 0.75 = 4 / 3, and the answer lies five epochs back.
"""

from dataclasses import dataclass, field
from typing import Literal

from supernas.core.settings import setting, settings
from supernas.core.state import State
from supernas.steps.contracts import Finding, Look, Stopping

__all__ = ["Watched"]


@dataclass
class Seen(State):
    """The number in every epoch so far."""

    values: list[float] = field(default_factory=list)


@settings
class Watched(Stopping):
    """Stops where a watched quantity passes a threshold."""

    quantity: str = setting("hessian.eigenvalue", "the watched number, as in the record: quantity.number")
    of: Literal["value", "ratio"] = setting("ratio", "its average over the window, or that over the one before it")
    when: Literal["above", "below"] = setting("above", "the side of the threshold on which the search stops")
    threshold: float = setting(4 / 3, "the threshold")
    window: int = setting(5, "epochs of the moving average, and how far the ratio looks back", ge=1)
    back: int = setting(5, "epochs from the one that stops the search back to the answer", ge=0)

    @property
    def watches(self) -> tuple[str, ...]:
        """The number that it judges."""
        return (self.quantity,)

    def init(self) -> Seen:
        """Nothing seen yet."""
        return Seen()

    def check(self, state: Seen, look: Look) -> Finding:
        """Compares, once the window (or both) is full."""
        state.values.append(look.watched[self.quantity])
        compared = self._compared(state.values)
        if compared is None:
            return Finding()
        passed = compared > self.threshold if self.when == "above" else compared < self.threshold
        return Finding({"watched": compared}, max(0, look.epoch - self.back) if passed else None)

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

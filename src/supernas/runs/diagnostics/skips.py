"""How many skip connections the derived architecture has.

A search that drifts towards them is the failure that DARTS+ (H. Liang et al., "DARTS+: Improved Differentiable
Architecture Search with Early Stopping", 2019) stops at and that R-DARTS (A. Zela et al., "Understanding and
Robustifying Differentiable Architecture Search", ICLR 2020) explains. Counted for each kind of cell, and as
a part of the operations that the kind takes, `none` included where it is taken.
"""

from supernas.core.errors import unknown
from supernas.core.settings import setting, settings
from supernas.spaces.base import Space
from supernas.steps.contracts import Chosen, Diagnostic, EpochView

__all__ = ["SkipConnections"]

SKIPS = ("skip_connect", "identity")  # what spaces call it


@settings
class SkipConnections(Diagnostic):
    """Number and part of skip connections in the derived architecture."""

    operations: tuple[str, ...] = setting(SKIPS, "the operations that are counted, by name", min_length=1)

    def names(self, space: Space) -> tuple[str, ...]:
        """Two for each kind of cell."""
        return tuple(name for kind in space.kinds for name in (kind, f"{kind}_part"))

    def refuses(self, chosen: Chosen) -> str:
        """An operation that is neither the space's nor another space's name of a skip connection, or all of them."""
        options = {option for choice in chosen.space.choices for option in choice.options}
        strange = [name for name in self.operations if name not in options]
        wrong = strange if len(strange) == len(self.operations) else [name for name in strange if name not in SKIPS]
        return "" if not wrong else f"counts an {unknown('operation (watch.skips.operations)', wrong[0], options)}"

    def measure(self, view: EpochView) -> dict[str, float]:
        """Counts in the derived architecture."""
        space, counts = view.context.space, {}
        for kind, where in space.kinds.items():
            taken = [space.choices[c].options[o] for c, o in view.architecture.pairs if c in where]
            count = sum(name in self.operations for name in taken)
            counts[kind] = float(count)
            counts[f"{kind}_part"] = count / len(taken) if taken else 0.0
        return counts

"""How deep the derived cell is: the edges of its longest way from an input to the output.

Counted over live operations (`Space.live`: those on a way from input to output, never `none`); a skip connection is an
edge like any other, and what joins the inner nodes to an output without a choice (the concatenation of DARTS cells) is
none. Shallow and wide cells train fastest and win early for that reason alone: Y. Shu, W. Wang and S. Cai,
"Understanding Architectures Learnt by Cell-based Neural Architecture Search", ICLR 2020.
"""

from supernas.core.architecture import Architecture
from supernas.core.settings import settings
from supernas.spaces.base import Space
from supernas.steps.contracts import Diagnostic, EpochView

__all__ = ["Depth", "depth"]


@settings
class Depth(Diagnostic):
    """Edges on the longest way through the derived cell."""

    def names(self, space: Space) -> tuple[str, ...]:
        """One for each kind of cell."""
        return tuple(space.kinds)

    def measure(self, view: EpochView) -> dict[str, float]:
        """The depth of each kind of cell."""
        space = view.context.space
        return {kind: float(depth(space, view.architecture, kind)) for kind in space.kinds}


def depth(space: Space, architecture: Architecture, kind: str) -> int:
    """Edges on the longest way through a kind of cell; 0 where no input reaches the output."""
    arcs = [arc for arc in space.arcs(architecture, kind) if arc.live]
    longest: dict[int, int] = {}
    for source, target, operation, _ in sorted(arcs, key=lambda arc: arc.target):  # nodes are in topological order
        longest[target] = max(longest.get(target, 0), longest.get(source, 0) + bool(operation))
    return max(longest.values(), default=0)

"""How deep the derived cell is: the edges of its longest way from an input to the output.

Counted over live operations (`Space.live`: those on a way from input to output, never `none`); a skip connection is an
edge like any other, and what joins the inner nodes to an output without a choice (the concatenation of DARTS cells) is
none. Shallow and wide cells train fastest and win early for that reason alone: Y. Shu, W. Wang and S. Cai,
"Understanding Architectures Learnt by Cell-based Neural Architecture Search", ICLR 2020.
"""

from supernas.core.architecture import Architecture
from supernas.core.settings import settings
from supernas.spaces.base import Space
from supernas.steps.contracts import Look, Quantity

__all__ = ["Depth", "depth"]


@settings
class Depth(Quantity):
    """Edges on the longest way through the derived cell."""

    def names(self, space: Space) -> tuple[str, ...]:
        """One for each kind of cell."""
        return tuple(space.kinds)

    def measure(self, look: Look) -> dict[str, float]:
        """The depth of each kind of cell."""
        space = look.problem.space
        return {kind: float(depth(space, look.architecture, kind)) for kind in space.kinds}


def depth(space: Space, architecture: Architecture, kind: str) -> int:
    """Edges on the longest way through a kind of cell; 0 where no input reaches the output."""
    edges = [space.ends(choice) for choice, _ in space.live(architecture) if choice in space.kinds[kind]]
    longest: dict[int, int] = {}
    for source, target in sorted(edges, key=lambda edge: edge[1]):  # nodes are in topological order
        longest[target] = max(longest.get(target, 0), longest.get(source, 0) + 1)
    return max(longest.values(), default=0)

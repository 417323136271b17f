"""DARTS+: stop once the derived cell has two skip connections.

H. Liang et al., "DARTS+: Improved Differentiable Architecture Search with Early Stopping", 2019 (section 3.2, criterion
1): "the search procedure stops when there are two or more than two skip-connects in one normal cell". The answer is the
architecture of that epoch. Here any kind of cell may be named; by default the first of the space is looked at, which is
the normal cell where there are two.
"""

from dataclasses import dataclass
from typing import Any

from supernas.core.errors import unknown
from supernas.core.settings import setting, settings
from supernas.core.state import State
from supernas.spaces.base import Space
from supernas.steps.contracts import Finding, Look, Stopping

__all__ = ["Skips"]


@dataclass
class _Nothing(State):
    """The state of a rule that remembers nothing."""


@settings
class Skips(Stopping):
    """Stops once the derived cell has two skip connections (DARTS+)."""

    most: int = setting(2, "skip connections at which the search stops", ge=1)
    operation: str = setting("skip_connect", "the operation that is counted")
    kind: str = setting("", "kind of cell in which they are counted; the space's first by default")

    def init(self) -> State:
        """Nothing to remember."""
        return _Nothing()

    def refuses(self, space: Space) -> str:
        """The kind of cell, or the operation in it."""
        if self.kind and self.kind not in space.kinds:
            return str(unknown("kind of cell (stopping.kind)", self.kind, space.kinds))
        options = {option for choice in self._choices(space) for option in space.choices[choice].options}
        if self.operation not in options:
            return str(unknown("operation (stopping.operation)", self.operation, options))
        return ""

    def check(self, state: Any, look: Look) -> Finding:
        """Counts the operation in the derived cell."""
        space = look.problem.space
        where = self._choices(space)
        count = [space.choices[c].options[o] for c, o in look.architecture.pairs if c in where].count(self.operation)
        return Finding({"skips": float(count)}, look.epoch if count >= self.most else None)

    def _choices(self, space: Space) -> range:
        """The choices of the kind of cell that is looked at."""
        return space.kinds[self.kind or next(iter(space.kinds))]

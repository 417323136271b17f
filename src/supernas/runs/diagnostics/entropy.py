"""How decided the search is: the mean entropy of a choice in the method's mean relaxation.

For each kind of cell: the mean over its choices of -sum p ln p, in nats, where p is the row of W divided by its sum;
and the mean of that as a part of ln(options), 1 where all options weigh the same and 0 where one has all the weight.
Options are those that the network holds; a choice with one option decides nothing and is left out.
"""

import math
from typing import ClassVar

import torch

from supernas.core.settings import settings
from supernas.spaces.base import Space
from supernas.steps.contracts import Differentiable, Look, Quantity
from supernas.steps.relaxations import held_options

__all__ = ["Entropy"]


@settings
class Entropy(Quantity):
    """Mean entropy of a choice: in nats, and as a part of the largest."""

    needs_alpha: ClassVar[str] = "it is about the weights that alpha gives to the options"

    def names(self, space: Space) -> tuple[str, ...]:
        """Two for each kind of cell."""
        return tuple(name for kind in space.kinds for name in (kind, f"{kind}_part"))

    def measure(self, look: Look) -> dict[str, float]:
        """Entropies of the mean relaxation at alpha."""
        method, network = look.method, look.problem.network
        assert isinstance(method, Differentiable)
        with torch.no_grad():
            W = method.relax(look.state, method.alpha(look.state))
        held = held_options(look.problem.space, network.pairs, torch.device("cpu"))
        found: dict[str, float] = {}
        for kind, matrix in W.items():
            options = held[kind].sum(dim=-1).double()
            open_rows = options > 1
            p = matrix.detach().cpu().double()[open_rows]
            p = p / p.sum(dim=-1, keepdim=True)
            entropies = torch.special.entr(p).sum(dim=-1)
            parts = entropies / options[open_rows].log()
            found[kind] = _mean(entropies)
            found[f"{kind}_part"] = _mean(parts)
        return found


def _mean(values: torch.Tensor) -> float:
    """The mean; 0 where every choice is decided."""
    mean = float(values.mean()) if len(values) else 0.0
    return 0.0 if math.isclose(mean, 0.0, abs_tol=1e-12) else mean

r"""PC-DARTS: partial channel connections, with edge normalisation.

Y. Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020 (Eq. 2-3):

    f(x) = sum_o softmax(alpha)[o] o(S * x) + (1 - S) * x           S: one of every K channels, the others pass by
    W[edge] = softmax over the edges entering the node (beta)[edge] * softmax(alpha[edge])

so an edge's weight multiplies what passes by as well: the supernet (`partial`) multiplies the bypass by the sum of
the edge's row of W. Afterwards the channels of a node are shuffled, so that all take part in turn.

- Weights and alpha alternate as in first-order DARTS; alpha and beta wait for the first 15 of 50 epochs.
- The derived architecture has the largest entries of W, edge normalisation included.
- Published: batch 256, learning rate 0.1 to 0, Adam at 6e-4 (98 steps in each of 35 epochs: a movement of 2.1).
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from supernas.core.settings import setting, settings
from supernas.methods.base import AlphaMethod, AlphaState
from supernas.networks.base import Weights
from supernas.spaces.base import Space
from supernas.steps.contracts import Problem, Stage
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import softmax

__all__ = ["PCDARTS"]

_EDGES = " edges"  # after the name of a kind: beta, the logits of its edges


@settings
class PCDARTS(AlphaMethod):
    """First-order DARTS on a part of the channels, with normalised edges."""

    published: ClassVar[dict[str, Any]] = {
        "search": {"epochs": 50, "batch_size": 256},
        "weights": {"lr": 0.1, "lr_min": 0.0, "weight_decay": 3e-4},
    }

    adam: AdamSettings = setting(AdamSettings(movement=2.1), "how alpha and beta are moved")
    waits: float = setting(0.3, "part of the search before alpha moves", ge=0, lt=1)
    partial: int = setting(4, "K: one of every K channels goes through the options", equation="Eq. 2", ge=1)
    edge_normalisation: bool = setting(True, "whether edges are weighted by beta", equation="Eq. 3")

    def stages(self) -> tuple[Stage, ...]:
        """One stage with partial channels."""
        return (Stage(1.0, {"partial": self.partial}),)

    def parameters(self, problem: Problem, generator: torch.Generator) -> dict[str, Tensor]:
        """Logits of the options, and of the edges."""
        made = super().parameters(problem, generator)
        if self.edge_normalisation:
            for kind, (choices, _) in problem.space.shapes.items():
                made[kind + _EDGES] = torch.randn(choices, generator=generator) * self.start
        return made

    def relax(self, state: AlphaState, alpha: Mapping[str, Tensor]) -> Weights:
        """The softmax over options, times that over the edges that enter the same node."""
        space = state.problem.space
        W = softmax({kind: alpha[kind] for kind in space.shapes}, state.held)
        if not self.edge_normalisation:
            return W
        return {kind: matrix * edge_weights(space, kind, alpha[kind + _EDGES])[:, None] for kind, matrix in W.items()}


def edge_weights(space: Space, kind: str, beta: Tensor) -> Tensor:
    """The softmax of beta [choices] over the choices that enter the same node."""
    targets = torch.tensor([space.ends(choice)[1] for choice in space.kinds[kind]], device=beta.device)
    together = targets[:, None] == targets[None, :]
    return torch.diagonal(beta.expand_as(together).masked_fill(~together, -torch.inf).softmax(dim=-1))

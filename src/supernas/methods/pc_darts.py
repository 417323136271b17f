r"""PC-DARTS: partial channel connections, with edge normalisation.

Y. Xu et al., "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture Search", ICLR 2020 (Eq. 2-3):

    f(x) = sum_o softmax(alpha)[o] o(S * x) + (1 - S) * x           S: one of every K channels, the others pass by
    W[edge] = softmax over the edges entering the node (beta)[edge] * softmax(alpha[edge])

so an edge's weight multiplies what passes by as well: the supernet (`partial`) multiplies the bypass by the sum of
the edge's row of W. Afterwards the channels of a node are shuffled, so that all take part in turn.

- Weights and alpha alternate as in first-order DARTS; alpha and beta wait for the first 15 of 50 epochs.
- The derived architecture has the largest entries of W, edge normalisation included.
- Published: batch 256, learning rate 0.1 to 0, Adam at 6e-4 (98 steps in each of 35 epochs: lr times steps is 2.1).
"""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from supernas.core.documents import Document
from supernas.core.settings import setting, settings
from supernas.methods.base import FirstOrder, edges_of
from supernas.steps.contracts import Stage
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import Matrices, Relaxation, Softmax, Support, softmax

__all__ = ["PCDARTS"]


@dataclass(frozen=True)
class EdgeNormalised(Relaxation):
    """The softmax over options, times that over the edges that enter the same node (Eq. 3)."""

    edges: ClassVar[bool] = True

    def mean(self, alpha: Matrices, support: Support) -> dict[str, Tensor]:
        """W[edge] = softmax(beta)[edge] softmax(alpha[edge])."""
        edges = {kind: edge_weights(alpha[edges_of(kind)], same) for kind, same in support.same_node.items()}
        return {kind: matrix * edges[kind][:, None] for kind, matrix in softmax(alpha, support.option_mask).items()}


@settings
class PCDARTS(FirstOrder):
    """First-order DARTS on a part of the channels, with normalised edges."""

    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {
        "search": {"epochs": 50, "batch_size": 256},
        "weights": {"lr": 0.1, "lr_min": 0.0, "weight_decay": 3e-4},
    }
    weights_on, alpha_on = "mean", "mean"

    adam: AdamSettings = setting(
        AdamSettings(lr_times_steps=2.1, published_steps=3_430), "how alpha and beta are moved"
    )
    partial: int = setting(4, "K: one of every K channels goes through the options", equation="Eq. 2", ge=1)
    edge_normalisation: bool = setting(True, "whether edges are weighted by beta", equation="Eq. 3")

    @property
    def relaxation(self) -> Relaxation:
        """W, with or without beta."""
        return EdgeNormalised() if self.edge_normalisation else Softmax()

    def stages(self) -> tuple[Stage, ...]:
        """One stage with partial channels."""
        return (Stage(1.0, {"partial": self.partial}, alpha_warmup=0.3),)


def edge_weights(beta: Tensor, same_node: Tensor) -> Tensor:
    """The softmax of beta [choices] over the choices that enter the same node (bool[choices, choices])."""
    return torch.diagonal(beta.expand_as(same_node).masked_fill(~same_node, -torch.inf).softmax(dim=-1))

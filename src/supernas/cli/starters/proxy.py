"""The length of the loss's gradient in all weights.

score = ||dL/dw||_2, with w the weights of convolutions and linear layers.
"""

import torch
from torch import Tensor

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients, weights

__all__ = ["Example"]


@settings
class Example(Proxy):
    """The Euclidean norm of the loss's gradient."""

    needs = "labels"
    live_only = True  # what no path reaches has no gradient
    reference = "A. Author, 2026"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One forward and one backward pass of the untrained network."""
        slopes = gradients(loss(network(batch.inputs), batch.targets), weights(network))
        return torch.stack([slope.double().norm() for slope in slopes]).norm()

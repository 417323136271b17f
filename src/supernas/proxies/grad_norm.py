"""Gradient norm: the length of the loss's gradient, layer by layer.

M. Abdelfattah, A. Mehrotra, L. Dudziak and N. Lane, "Zero-Cost Proxies for Lightweight NAS", ICLR 2021 (section 3.1):

    score = sum over layers of ||dL/dW||_2.

0 where no weight reaches the loss.
"""

import torch
from torch import Tensor

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients, weights

__all__ = ["GradNorm"]


@settings
class GradNorm(Proxy):
    """Sum over layers of the Euclidean norm of the loss's gradient."""

    needs = "labels"
    live_only = True
    reference = "Abdelfattah et al., ICLR 2021"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One forward and one backward pass."""
        slopes = gradients(loss(network(batch.inputs), batch.targets), weights(network))
        return torch.stack([g.double().norm() for g in slopes]).sum()

"""SNIP: how much the loss depends on the weights being there.

N. Lee, T. Ajanthan and P. Torr, "SNIP: Single-shot Network Pruning based on Connection Sensitivity", ICLR 2019 (Eq. 4),
summed over a network as in M. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021:

    score = sum_w |dL/dw * w|.

0 where no weight reaches the loss.
"""

import torch
from torch import Tensor

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients, weights

__all__ = ["SNIP"]


@settings
class SNIP(Proxy):
    """Sum of |weight * gradient| of the loss."""

    needs = "labels"
    live_only = True
    reference = "Lee, Ajanthan and Torr, ICLR 2019"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One forward and one backward pass."""
        mine = weights(network)
        slopes = gradients(loss(network(batch.inputs), batch.targets), mine)
        return torch.stack([(w * g).abs().double().sum() for w, g in zip(mine, slopes, strict=True)]).sum()

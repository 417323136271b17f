"""GraSP: how the length of the gradient changes when the weights are taken away.

C. Wang, G. Zhang and R. Grosse, "Picking Winning Tickets Before Training by Preserving Gradient Flow", ICLR 2020
(Eq. 8), summed over a network as in M. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021:

    score = - sum_w w * (H g)_w,    g = dL/dw,  H = d2L/dw2.

0 where no weight reaches the loss. (The released code divides logits by a temperature, whose value there is 1.)
"""

import torch
from torch import Tensor

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients, weights

__all__ = ["GraSP"]


@settings
class GraSP(Proxy):
    """Minus the sum of weight * (Hessian times gradient) of the loss."""

    needs = "labels"
    live_only = True
    reference = "Wang, Zhang and Grosse, ICLR 2020"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """H g is the gradient of <g, g'> in the weights, with g' = g held fixed."""
        mine = weights(network)
        slopes = gradients(loss(network(batch.inputs), batch.targets), mine, graph=True)
        product = torch.stack([(g * g.detach()).sum() for g in slopes]).sum()
        bent = gradients(product, mine)
        return -torch.stack([(w * h).double().sum() for w, h in zip(mine, bent, strict=True)]).sum()

"""Multiply-adds: the other baseline that a proxy should beat.

C. White et al., "A Deeper Look at Zero-Cost Proxies for Lightweight NAS", ICLR blog track 2022. Dead
edges count.
"""

import torch

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.networks.costs.cost import cost
from supernas.proxies.base import Loss, Proxy

__all__ = ["FLOPs"]


@settings
class FLOPs(Proxy):
    """Multiply-adds for one image; a baseline."""

    needs = "shape"
    live_only = False
    reference = "baseline"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> float:
        """Counted as in `supernas show`, at the batch's resolution."""
        return cost(network, tuple(batch.inputs.shape[1:]), dtype=batch.inputs.dtype).multiply_adds

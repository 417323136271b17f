"""Parameters: the baseline that a proxy should beat.

N. Ning et al., "Evaluating Efficient Performance Estimators of Neural Architectures", NeurIPS 2021, and C. White et
al., "A Deeper Look at Zero-Cost Proxies for Lightweight NAS", ICLR blog track 2022, find few proxies that do. Dead
edges count.
"""

import torch

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.networks.costs.cost import cost
from supernas.proxies.base import Loss, Proxy

__all__ = ["Parameters"]


@settings
class Parameters(Proxy):
    """Learnable parameters; a baseline."""

    needs = "shape"
    live_only = False
    reference = "baseline"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> float:
        """Counted as in `supernas show`."""
        return cost(network, tuple(batch.inputs.shape[1:]), dtype=batch.inputs.dtype).parameters

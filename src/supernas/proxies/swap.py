"""SWAP: how many different answers the rectified linear units of a network give to some images.

Y. Peng, A. Song, H. Fayek, V. Ciesielski and X. Chang, "SWAP-NAS: Sample-Wise Activation Patterns for Ultra-fast NAS",
ICLR 2024 (Definitions 3.2 and 3.3, Eq. 3 and 4): with p_v the pattern of unit v, on which of the S images it is on,

    score = |{p_v : units v}|,

and regularised by the size Theta of the network (Definitions 3.4 and 3.5, Eq. 5 and 6),

    score' = score * exp(- (Theta - mu)^2 / sigma).

Theta is in thousands of parameters, as in the released code; without `mu` there is no regularisation. Far from `mu` the
factor underflows, and all such networks are equal. As released: weights are drawn from a normal distribution of
deviation 1, and counts are averaged over draws. As everywhere here, the network normalises by the batch.
"""

import math
from collections.abc import Iterator

import numpy as np
import torch

from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.networks.costs.cost import cost
from supernas.proxies._relus import ReLUs
from supernas.proxies.base import Loss, Proxy, weights

__all__ = ["SWAP"]


@settings
class SWAP(Proxy):
    """Different patterns of units over images, and how near the network is to a wanted size."""

    needs = "images"
    live_only = False  # units that lead nowhere count
    reference = "Peng et al., ICLR 2024"

    images: int = setting(16, "images of the batch that are taken", equation="S", ge=2)
    repeats: int = setting(4, "draws of weights, whose counts are averaged (released: 32)", ge=1)
    mu: float | None = setting(None, "wanted size, in thousands of parameters; None: any", equation="mu", ge=0)
    sigma: float | None = setting(None, "how far from it a network may be, squared", equation="sigma", gt=0)

    def __post_init__(self) -> None:
        if (self.mu is None) != (self.sigma is None):
            raise ValueError("mu and sigma belong together; give both, or none")

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> float:
        """One forward pass a draw."""
        factor = self._nearness(network, batch)
        counts = []
        for _ in range(self.repeats):
            with torch.no_grad(), ReLUs() as relus:
                for weight in weights(network):
                    weight.copy_(torch.randn(*weight.shape, generator=generator).to(weight))
                network(batch.inputs[: self.images])
            counts.append(len(set(_patterns(relus))))
        return factor * sum(counts) / len(counts)

    def _nearness(self, network: Standalone, batch: Batch) -> float:
        """The factor of Eq. 5."""
        if self.mu is None or self.sigma is None:
            return 1.0
        thousands = cost(network, tuple(batch.inputs.shape[1:]), dtype=batch.inputs.dtype).parameters / 1000
        return math.exp(-((thousands - self.mu) ** 2) / self.sigma)


def _patterns(relus: ReLUs) -> Iterator[bytes]:
    """The pattern of each unit: one bit an image."""
    for on, _ in relus.patterns():
        packed = np.packbits(on.cpu().numpy(), axis=0).T
        yield from (row.tobytes() for row in packed)

"""NASWOT: how differently a network's rectified linear units answer to different images.

J. Mellor, J. Turner, A. Storkey and E. Crowley, "Neural Architecture Search without Training", ICML 2021 (Eq. 2): with
c_n the binary code of image n (which units are on) and d_H the Hamming distance of codes of N_A units,

    score = log |det K|,    K_nm = N_A - d_H(c_n, c_m).

The lowest where K is singular: two images with the same code.
"""

import torch
from torch import Tensor

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies._relus import ReLUs
from supernas.proxies.base import Loss, Proxy

__all__ = ["NASWOT"]


@settings
class NASWOT(Proxy):
    """Log determinant of how many units agree between images."""

    needs = "images"
    live_only = False  # units that lead nowhere count
    reference = "Mellor et al., ICML 2021"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One forward pass: units agree that are both on or both off."""
        with torch.no_grad(), ReLUs() as relus:
            network(batch.inputs)
        count = len(batch.inputs)
        kernel = torch.zeros(count, count, dtype=torch.float64, device=batch.inputs.device)
        for on, times in relus.patterns():
            units = on.float()
            kernel += times * (units @ units.T + (1 - units) @ (1 - units).T).double()
        return torch.linalg.slogdet(kernel).logabsdet

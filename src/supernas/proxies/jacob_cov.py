"""Jacobian covariance: how differently a network's outputs depend on different images.

J. Mellor, J. Turner, A. Storkey and E. Crowley, "Neural Architecture Search without Training", first version, 2020
(section 3); released with M. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021. With v the
eigenvalues of the correlation matrix of the rows J_n = d(sum of outputs)/d(image n),

    score = - sum_i [log(v_i + k) + 1 / (v_i + k)],    k = 1e-5.

The lowest where some image has no influence, or the same on each of its pixels.
"""

import torch
from torch import Tensor

from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients

__all__ = ["JacobCov"]


@settings
class JacobCov(Proxy):
    """How little the gradients in different images are correlated."""

    needs = "images"
    live_only = True
    reference = "Mellor et al., 2020 (version 1)"

    k: float = setting(1e-5, "added to each eigenvalue", equation="k", gt=0)

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One forward and one backward pass, to the images."""
        images = batch.inputs.detach().clone().requires_grad_()
        (jacobian,) = gradients(network(images).sum(), [images])
        rows = jacobian.flatten(1).double()
        rows = rows - rows.mean(1, keepdim=True)
        rows = rows / rows.norm(dim=1, keepdim=True)
        correlation = rows @ rows.T
        if not bool(correlation.isfinite().all()):
            return correlation.sum()
        eigenvalues = torch.linalg.eigvalsh(correlation) + self.k
        return -(eigenvalues.log() + 1 / eigenvalues).sum()

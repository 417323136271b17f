"""NTK: the condition number of the neural tangent kernel, of which a small one trains easily.

W. Chen, X. Gong and Z. Wang, "Neural Architecture Search on ImageNet in Four GPU Hours: A Theoretically Inspired
Perspective" (TE-NAS), ICLR 2021 (section 3.1.1): with J_n the gradient of image n's summed logits in all weights,

    score = lambda_max(K) / lambda_min(K),    K_nm = <J_n, J_m>.

Images meet in the normalisation, so there is a backward pass for each image over the whole batch, as in the released
code (of 64 images). Where a network ends in a normalisation and an average, as many DARTS cells do, all J_n then sum to
0 whatever the weights: K is singular and the score the lowest (infinite), where the released code, in single precision,
gives a number of either sign. With `statistics="fixed"` the normalisations take those of the whole batch as constants:
the network is a function of one image, and a pass of one image is enough for its J_n.
"""

import math
from collections.abc import Iterable
from typing import Literal

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, weights

__all__ = ["NTK"]

_ROUNDING = 1e-13  # of the largest eigenvalue, in double precision


@settings
class NTK(Proxy):
    """Condition number of the neural tangent kernel."""

    direction = "min"
    needs = "images"
    live_only = True
    reference = "Chen, Gong and Wang, ICLR 2021"

    images: int = setting(16, "images of the batch that are taken; with batch statistics the cost is quadratic", ge=2)
    statistics: Literal["batch", "fixed"] = setting("batch", "what normalises: the batch, or its statistics held fixed")

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor | float:
        """One forward pass, and a backward pass for each image."""
        images = batch.inputs[: self.images]
        if self.statistics == "fixed":
            _fix(network, images)
            outputs: Iterable[Tensor] = (network(image[None]).sum() for image in images)
        else:
            outputs = network(images).sum(1)
        jacobian = torch.stack([_flat(output, weights(network)) for output in outputs]).double()
        kernel = jacobian @ jacobian.T
        if not bool(kernel.isfinite().all()):
            return math.nan
        eigenvalues = torch.linalg.eigvalsh(kernel)
        smallest, largest = eigenvalues[0], eigenvalues[-1]
        return largest / smallest if smallest > _ROUNDING * largest else math.nan


def _flat(output: Tensor, tensors: list[Tensor]) -> Tensor:
    gradients = torch.autograd.grad(output, tensors, retain_graph=True, allow_unused=True, materialize_grads=True)
    return torch.cat([part.flatten() for part in gradients])


def _fix(network: Standalone, images: Tensor) -> None:
    """Puts the network in evaluation mode, with the statistics of these images."""
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            module.momentum = None  # the mean over all batches since, which is one
    with torch.no_grad():
        network(images)
    network.eval()

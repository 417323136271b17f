"""ZiCo: how large the loss's gradient is beside how much it differs between batches.

G. Li, Y. Yang, K. Bhardwaj and R. Marculescu, "ZiCo: Zero-shot NAS via Inverse Coefficient of Variation on Gradients",
ICLR 2023 (Eq. 15): with g_i the gradient of the loss of batch i in weight w of layer l, over N batches,

    score = sum_l log sum_{w in l} mean_i |g_i| / sqrt(var_i |g_i|).

The batch that a proxy sees is cut into N parts (published: two batches of 128). As in the released code a weight whose
gradient does not vary is left out, and so is a layer with no other; the lowest where no layer is left. The released
code departs from the equation: it never clears gradients, so that g_i is the sum of those of the batches up to i, and
it takes the deviation of g_i itself, not of its magnitude. `form="released"` does both.
"""

from typing import Literal

import torch
from torch import Tensor

from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients, weights

__all__ = ["ZiCo"]


@settings
class ZiCo(Proxy):
    """Sum over layers of the logarithm of mean over deviation of gradients, between batches."""

    needs = "labels"
    live_only = True
    reference = "Li et al., ICLR 2023"

    batches: int = setting(2, "parts that the batch is cut into", equation="N", ge=2)
    form: Literal["published", "released"] = setting("published", "Eq. 15, or what the released code computes")

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One forward and one backward pass a part."""
        if len(batch.inputs) < self.batches:
            raise UserError(
                f"zico.batches = {self.batches}: wanted at most the {len(batch.inputs)} images of the batch"
            )
        parts = zip(batch.inputs.tensor_split(self.batches), batch.targets.tensor_split(self.batches), strict=True)
        found = [gradients(loss(network(inputs), targets), weights(network)) for inputs, targets in parts]
        sums = torch.stack([self._of_layer(torch.stack(layer).double()) for layer in zip(*found, strict=True)])
        return sums[sums > 0].log().sum() if bool((sums > 0).any()) else sums.new_tensor(torch.nan)

    def _of_layer(self, slopes: Tensor) -> Tensor:
        """The sum over weights, from their gradients [batches, ...]."""
        if self.form == "released":
            slopes = slopes.cumsum(0)
        varying = slopes if self.form == "released" else slopes.abs()
        deviation = varying.std(0, correction=0)
        ratio = slopes.abs().mean(0) / deviation
        return ratio[deviation > 0].sum()

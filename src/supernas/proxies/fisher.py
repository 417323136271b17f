"""Fisher: how much the loss depends on each channel being there.

L. Theis, I. Korshunova, A. Tejani and F. Huszar, "Faster gaze prediction with dense networks and Fisher pruning", 2018
(Eq. 8), for architectures in J. Turner et al., "BlockSwap: Fisher-guided Block Substitution for Network Compression on
a Budget", ICLR 2020. For channel c of a convolution's or linear layer's output a, over images n and pixels p,

    Delta_c = 1/2 mean_n (sum_p a_ncp * dL/da_ncp)^2,

and as in M. Abdelfattah et al., "Zero-Cost Proxies for Lightweight NAS", ICLR 2021, every weight that makes a channel
has the channel's Delta: score = sum over layers and channels of Delta_c * (weights of the channel). Where nothing leads
from the input to the output, only the classifier's bias is left to score.
"""

from typing import Any

import torch
from torch import Tensor

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients, weighted_layers

__all__ = ["Fisher"]


@settings
class Fisher(Proxy):
    """Sum over weights of their channel's squared activation times gradient."""

    needs = "labels"
    live_only = True
    reference = "Theis et al., 2018; Turner et al., ICLR 2020"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One forward and one backward pass, to the outputs of layers."""
        outputs: list[Tensor] = []
        made: list[int] = []  # the weights of each of their channels

        def keep(module: Any, inputs: Any, output: Tensor) -> None:
            outputs.append(output)
            made.append(module.weight[0].numel())

        for layer in weighted_layers(network):
            layer.register_forward_hook(keep)
        slopes = gradients(loss(network(batch.inputs), batch.targets), outputs)
        total = torch.zeros((), dtype=torch.float64)
        for output, slope, count in zip(outputs, slopes, made, strict=True):
            of_image = (output.detach() * slope).double().flatten(2).sum(2) if output.ndim > 2 else output * slope
            total = total + count * (of_image.double() ** 2).mean(0).sum().detach().cpu() / 2
        return total

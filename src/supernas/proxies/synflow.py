"""SynFlow: how much flows through a network of positive weights. It looks at no data.

H. Tanaka, D. Kunin, D. Yamins and S. Ganguli, "Pruning neural networks without any data by iteratively conserving
synaptic flow", NeurIPS 2020 (Eq. 2), summed over a network as in M. Abdelfattah et al., "Zero-Cost Proxies for
Lightweight NAS", ICLR 2021: with all weights |w|, one input of ones and R the sum of the outputs,

    score = log sum_w |w * dR/dw|.

Normalisation is taken out, and everything is in double precision. The published score is the sum itself, of which
networks of ordinary size have 1e30 and more: the logarithm ranks the same and overflows in no table. Where nothing
leads from the input to the output the sum is 0 and the score is the lowest.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from supernas.core.settings import settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, gradients, weights

__all__ = ["SynFlow"]


class _Nothing(nn.Module):
    """What stands where a normalisation stood."""

    def forward(self, x: Tensor, weight: Tensor | None = None) -> Tensor:
        return x

    def after(self, conv: nn.Conv2d, x: Tensor, weight: Tensor | None = None) -> Tensor:
        return conv(x)


@settings
class SynFlow(Proxy):
    """Logarithm of the synaptic flow: sum of |weight * gradient| of the summed outputs, all weights positive."""

    needs = "shape"
    live_only = True
    reference = "Tanaka et al., NeurIPS 2020"

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """One pass over one input of ones.

        The flow is linear in the input and in what the outputs are multiplied by: where it overflows in double
        precision both are made small, and their logarithms added again.
        """
        for parent, name in list(_norms(network)):
            setattr(parent, name, _Nothing())
        network.double()
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.abs_()
        ones = torch.ones(1, *batch.inputs.shape[1:], dtype=torch.float64, device=batch.inputs.device)
        score = self._flow(network, ones, 1.0).log()
        if score.isfinite() or score < 0:
            return score
        small = torch.tensor(1e-150, dtype=torch.float64)
        return self._flow(network, ones, float(small)).log() - 2 * small.log()

    def _flow(self, network: Standalone, ones: Tensor, scale: float) -> Tensor:
        mine: Any = weights(network)
        slopes = gradients(network(ones * scale).sum() * scale, mine)
        return torch.stack([(w * g).abs().sum() for w, g in zip(mine, slopes, strict=True)]).sum().detach()


def _norms(network: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """(module, name of a normalisation in it)."""
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, _BatchNorm):
                yield module, name

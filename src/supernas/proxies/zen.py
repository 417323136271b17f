"""Zen-score: how much a network's features move when its input moves a little. It looks at no data.

M. Lin, P. Wang, Z. Sun, H. Chen, X. Sun, Q. Qian, H. Li and R. Jin, "Zen-NAS: A Zero-Shot NAS for High-Performance
Image Recognition", ICCV 2021 (Algorithm 1): with all weights and inputs normal, f the last feature map before pooling,

    score = log E ||f(x) - f(x + alpha e)||_1 + sum over normalisations of log sqrt(mean_c var_c),

where var_c is the variance of channel c as it enters a normalisation: what normalisation takes away is given back.

Published for chains of convolutions, whose shortcuts are taken out; in a cell there is no chain to take them out of, so
all stays. A normalisation that nothing but zeros enters has nothing to give back. The lowest where nothing leads from
the input to the features.
"""

from typing import Any

import torch
from torch import Tensor, nn

from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.proxies.base import Loss, Proxy, weights

__all__ = ["Zen"]


@settings
class Zen(Proxy):
    """Logarithm of how far features move with the input, without the help of normalisation."""

    needs = "shape"
    live_only = False  # normalisations that lead nowhere count
    reference = "Lin et al., ICCV 2021"

    alpha: float = setting(0.01, "how far the input moves", equation="alpha", gt=0)
    images: int = setting(16, "random images of a draw", ge=2)
    repeats: int = setting(4, "draws of weights and images, whose scores are averaged (published: 32)", ge=1)

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor:
        """The mean score of the draws."""
        watch = _Watch(network)
        shape = (self.images, *batch.inputs.shape[1:])

        def noise(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator).to(batch.inputs)

        scores = []
        with torch.no_grad():
            for _ in range(self.repeats):
                for weight in weights(network):
                    weight.copy_(noise(*weight.shape))
                x = noise(*shape)
                features = watch.run(network, x)
                given_back = torch.stack(watch.logarithms).sum() if watch.logarithms else torch.zeros(())
                moved = watch.run(network, x + self.alpha * noise(*shape))
                distance = (features - moved).double().abs().flatten(1).sum(1).mean()
                scores.append(distance.log() + given_back)
        return torch.stack(scores).mean()


class _Watch:
    """What a network shows while it runs: its last feature map, and log deviations where it normalises."""

    def __init__(self, network: Standalone) -> None:
        self.features: Tensor
        self.logarithms: list[Tensor] = []
        for module in network.modules():
            module.register_forward_hook(self._keep)
            if isinstance(module, nn.BatchNorm2d):
                module.register_forward_pre_hook(self._measure)

    def run(self, network: Standalone, x: Tensor) -> Tensor:
        """The last feature map [batch, channels, height, width]."""
        self.logarithms = []
        network(x)
        return self.features

    def _keep(self, module: Any, inputs: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            self.features = output

    def _measure(self, module: Any, inputs: Any) -> None:
        variance = inputs[0].double().var(dim=(0, 2, 3)).mean()
        if variance > 0:
            self.logarithms.append(variance.log() / 2)

"""AZ-NAS: four proxies of one pass, and the sum of the logarithms of their ranks.

J. Lee and B. Ham, "AZ-NAS: Assembling Zero-Cost Proxies for Network Architecture Search", CVPR 2024 (section 3.1, Eq.
1-11; section 3.2, Eq. 12). Primary blocks l = 0 .. L are the stem and every cell or reduction behind it; f_l is the
feature map of one, of C_l channels, on normal noise:

    expressivity    s_E = sum_l e_l,    e_l = - sum_i p_li log(p_li + 1e-8),    p_l = v_l / sum_i v_li,
    progressivity   s_P = min_l (e_l - e_l-1),
    trainability    s_T = mean_l (2 - sigma_l - 1 / (sigma_l + 1e-6)),    sigma_l = ||E[g_l-1 g_l^T]||_2,
    complexity      s_C = multiply-adds,

where v_l are the eigenvalues of the covariance of f_l's channels over images and pixels, g_l is drawn from {-1, +1} in
every place, and g_l-1 is the gradient of <g_l, f_l> in f_l-1, whose pixels under one of f_l count as its channels. A
block that is the identity (g_l-1 = g_l) makes s_T minus infinity, as in the released code. Among m candidates,

    score = sum over the four of log(rank / m),    rank 1 the lowest, m the best.

As released, weights are Kaiming normal over the inputs (variance 2 / fan-in). What is not defined has the lowest rank.
Two things are our own: eigenvalues are in double precision and those below 0 by rounding are 0; where the sides of a
feature map do not divide, it is padded with zeros.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas.networks.costs.cost import cost
from supernas.proxies._ranks import rank_sum
from supernas.proxies.base import Loss, Proxy, Value, weights

__all__ = ["AZNAS"]


@settings
class AZNAS(Proxy):
    """Sum of the logarithms of ranks by expressivity, progressivity, trainability and complexity."""

    needs = "shape"
    live_only = False  # multiply-adds that lead nowhere count
    reference = "Lee and Ham, CVPR 2024"
    parts = ("expressivity", "progressivity", "trainability", "complexity")

    images: int = setting(64, "random images", ge=2)

    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Sequence[Value]:
        """One forward pass, and a backward pass through each block."""
        shape = tuple(batch.inputs.shape[1:])
        spent = cost(network, shape, dtype=batch.inputs.dtype).multiply_adds

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator).to(batch.inputs)

        with torch.no_grad():
            for weight in weights(network):
                weight.copy_(normal(*weight.shape) * math.sqrt(2 / weight[0].numel()))
        features = _features(network, normal(self.images, *shape))
        entropies = torch.stack([_entropy(feature.detach()) for feature in features])
        last_first = reversed(list(pairwise(features)))  # the graph of each is gone once it is used
        sound = [_trainability(before, after, generator) for before, after in last_first]
        return entropies.sum(), entropies.diff().min(), sum(sound) / len(sound), spent

    def scores(self, measures: np.ndarray) -> np.ndarray:
        """Eq. 12."""
        return rank_sum(measures, "logarithmic")


def _features(network: Standalone, images: Tensor) -> list[Tensor]:
    """What each primary block gives, with its graph."""
    blocks = network.network.blocks
    if len(blocks) < 2:
        raise UserError(
            "az-nas compares blocks of a network that follow one another, and this space's has none; take another proxy"
        )
    features: list[Tensor] = []

    def keep(module: Any, inputs: Any, output: Tensor) -> None:
        features.append(output.requires_grad_())  # zeros that nothing enters have no graph of their own

    for block in blocks:
        block.register_forward_hook(keep)
    network(images)
    return features


def _entropy(feature: Tensor) -> Tensor:
    """e_l of a feature map [images, channels, height, width]."""
    points = feature.double().transpose(0, 1).flatten(1)
    points = points - points.mean(1, keepdim=True)
    covariance = points @ points.T / points.shape[1]
    if not bool(covariance.isfinite().all()):
        return covariance.sum()
    values = torch.linalg.eigvalsh(covariance).clamp(min=0)
    p = values / values.sum()
    return -(p * (p + 1e-8).log()).sum()


def _trainability(before: Tensor, after: Tensor, generator: torch.Generator) -> float:
    """The term of s_T of a block, from its input and output [images, channels, height, width]."""
    signs = (torch.randint(2, after.shape, generator=generator) * 2 - 1).to(after)
    (slope,) = torch.autograd.grad(after, before, signs, allow_unused=True, materialize_grads=True)
    if slope.shape == signs.shape and torch.equal(slope, signs):
        return -math.inf
    stride = -(-before.shape[-1] // after.shape[-1])
    height, width = (side * stride for side in after.shape[-2:])
    slope = F.pad(slope, (0, width - slope.shape[-1], 0, height - slope.shape[-2]))
    rows = F.pixel_unshuffle(slope, stride).transpose(0, 1).flatten(1).double()
    columns = signs.transpose(0, 1).flatten(1).double()
    sigma = float(torch.linalg.matrix_norm(rows @ columns.T / columns.shape[1], 2))
    return 2 - sigma - 1 / (sigma + 1e-6)

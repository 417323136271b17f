r"""SNAS: stochastic neural architecture search.

S. Xie, H. Zheng, C. Liu and L. Lin, "SNAS: Stochastic Neural Architecture Search", ICLR 2019 (Eq. 6-8):

    Z = softmax((alpha + g) / tau),  g ~ Gumbel              a soft draw: all options run, weighted by Z
    w     <- w - grad_w L_train(w, Z)
    alpha <- alpha - grad_alpha L_val(w, Z)                  with the gradient of the reparameterised draw

tau falls linearly from 10 to 1. The derived architecture has the largest alpha.

- The paper trains weights and alpha together on all training images; as in every later comparison (and in DrNAS's code)
  they alternate here between two halves. Its resource penalty is not used in these comparisons.
- The weights are trained on a draw, as in the paper; `weights_on="mean"` takes softmax(alpha) instead.
- Published in the comparisons: 100 epochs with Adam at 3e-4 (39,100 steps: a movement of 11.7).
"""

from typing import Any, ClassVar

import torch

from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.methods.base import AlphaState, DrawnMixture
from supernas.networks.base import Weights
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import gumbel

__all__ = ["SNAS"]


@settings
class SNAS(DrawnMixture):
    """Stochastic search with a soft Gumbel-softmax draw of all options."""

    published: ClassVar[dict[str, Any]] = {"search": {"epochs": 100}, "weights": {"weight_decay": 3e-4}}

    adam: AdamSettings = setting(AdamSettings(movement=11.7), "how alpha is moved")
    temperature: float = setting(10.0, "tau at the start", equation="Eq. 6", gt=0)
    temperature_end: float = setting(1.0, "tau at the end; it falls linearly", equation="Eq. 6", gt=0)

    def draw(self, state: AlphaState, progress: Progress, generator: torch.Generator) -> Weights:
        """A soft draw at the temperature of this moment."""
        tau = self.temperature + (self.temperature_end - self.temperature) * progress.fraction
        return gumbel(state.alpha, state.held, tau, generator)

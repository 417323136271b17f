r"""SNAS: stochastic neural architecture search.

S. Xie, H. Zheng, C. Liu and L. Lin, "SNAS: Stochastic Neural Architecture Search", ICLR 2019 (Eq. 6-8):

    Z = softmax((alpha + g) / tau),  g ~ Gumbel              a soft draw: all options run, weighted by Z
    w     <- w - grad_w L_train(w, Z)
    alpha <- alpha - grad_alpha L_val(w, Z)                  with the gradient of the reparameterised draw

tau falls linearly from 10 to 1. The derived architecture has the largest alpha.

- The paper trains weights and alpha together on all training images; as in every later comparison (and in DrNAS's code)
  they alternate here between two halves. Its resource penalty is not used in these comparisons.
- The weights are trained on a draw, as in the paper; `weights_on="mean"` takes softmax(alpha) instead.
- Published in the comparisons: 100 epochs with Adam at 3e-4 (39,100 steps: lr times steps is 11.7).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.methods.base import AlphaState, FirstOrder, drawn_architecture
from supernas.networks.base import Mixture
from supernas.steps.contracts import Distribution
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import Matrices, RandomRelaxation, Support, gumbel, softmax

__all__ = ["SNAS"]


@dataclass(frozen=True)
class SoftGumbel(RandomRelaxation):
    """Z = softmax((alpha + g) / tau), with tau falling linearly from `temperature` to `temperature_end`."""

    temperature: float
    temperature_end: float

    def mean(self, alpha: Matrices, support: Support) -> dict[str, Tensor]:
        """softmax(alpha)."""
        return softmax(alpha, support.option_mask)

    def draw(self, alpha: Matrices, support: Support, progress: Progress, generator: torch.Generator) -> Mixture:
        """Z at the temperature of this moment."""
        tau = self.temperature + (self.temperature_end - self.temperature) * progress.fraction
        return Mixture(gumbel(alpha, support.option_mask, tau, generator))


@settings
class SNAS(FirstOrder, Distribution):
    """Stochastic search with a soft Gumbel-softmax draw of all options."""

    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {"search": {"epochs": 100}, "weights": {"weight_decay": 3e-4}}
    alpha_on = "draw"

    weights_on: Literal["draw", "mean"] = setting("draw", "the mixture that the weights are trained on")
    adam: AdamSettings = setting(AdamSettings(lr_times_steps=11.7, published_steps=39_100), "how alpha is moved")
    temperature: float = setting(10.0, "tau at the start", equation="Eq. 6", gt=0)
    temperature_end: float = setting(1.0, "tau at the end; it falls linearly", equation="Eq. 6", gt=0)

    @property
    def relaxation(self) -> SoftGumbel:
        """Z."""
        return SoftGumbel(self.temperature, self.temperature_end)

    def draw_architecture(self, state: AlphaState, generator: torch.Generator) -> Architecture:
        """The architecture of the largest entries of a draw."""
        return drawn_architecture(self.relaxation, state, generator)

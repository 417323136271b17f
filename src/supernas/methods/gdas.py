r"""GDAS: gradient-based search over a differentiable architecture sampler.

X. Dong and Y. Yang, "Searching for a Robust Neural Architecture in Four GPU Hours", CVPR 2019 (Eq. 3-7):

    P = softmax((alpha + g) / tau),  g ~ Gumbel;   W = onehot(argmax P) in the forward pass, dW = dP in the backward
    w     <- w - grad_w L_train(w, argmax P)             one sampled path, with any objective
    alpha <- alpha - grad_alpha L_val(w, W)              another sampled path

tau falls linearly from 10 to 0.1. The derived architecture has the largest alpha.

- The paper adds Gumbel noise to log softmax(alpha); the softmax over options is the same with alpha itself.
- How gradient reaches the options that were not sampled is coded in three ways in public (`unselected`): `scalar`, the
  released code, adds their weights (whose value is 0) to the node as bare numbers, so that each gets the sum of the
  node's gradient; `run` runs them without a graph and gives each the product of the node's gradient with its output,
  the straight-through estimator as it is usually understood; `skip` gives them none.
- The released code draws again where noise or probabilities are not finite; the draws here are always finite.
- `noise=0` is GDAS-A, an ablation of E2NAS: the argmax of alpha, no Gumbel noise.
- Published: 250 epochs with Adam at 3e-4 (97,750 steps: lr times steps is 29.3).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.methods.base import AlphaState, FirstOrder, drawn_architecture
from supernas.networks.base import Mixture, Unselected
from supernas.steps.contracts import Distribution
from supernas.steps.relaxations import Matrices, RandomRelaxation, Support, gumbel, softmax, straight_through

__all__ = ["GDAS"]


@dataclass(frozen=True)
class HardGumbel(RandomRelaxation):
    """W = onehot(argmax P), dW = dP, with tau falling linearly from `temperature` to `temperature_end`."""

    on_host: ClassVar[bool] = True  # a draw says which path runs

    temperature: float
    temperature_end: float
    noise: float
    unselected: Unselected

    def mean(self, alpha: Matrices, support: Support) -> dict[str, Tensor]:
        """softmax(alpha)."""
        return softmax(alpha, support.option_mask)

    def draw(self, alpha: Matrices, support: Support, progress: Progress, generator: torch.Generator) -> Mixture:
        """A path at the temperature of this moment, with gradient to alpha."""
        tau = self.temperature + (self.temperature_end - self.temperature) * progress.fraction
        P = gumbel(alpha, support.option_mask, tau, generator, self.noise)
        W, path = straight_through(P, support.space)
        return Mixture(W, path.pairs, self.unselected)


@settings
class GDAS(FirstOrder, Distribution):
    """Gradient-based search with a hard Gumbel-softmax sample: one path forward, soft gradients back."""

    trains_paths: ClassVar[bool] = True
    weights_on, alpha_on = "draw", "draw"

    temperature: float = setting(10.0, "tau at the start", equation="Eq. 5", gt=0)
    temperature_end: float = setting(0.1, "tau at the end; it falls linearly", equation="Eq. 5", gt=0)
    noise: Literal[0, 1] = setting(1, "0 leaves the Gumbel noise out (GDAS-A)", equation="Eq. 5")
    unselected: Unselected = setting("scalar", "how gradient reaches options that were not sampled", equation="Eq. 6")

    @property
    def relaxation(self) -> HardGumbel:
        """W."""
        return HardGumbel(self.temperature, self.temperature_end, self.noise, self.unselected)

    def draw_architecture(self, state: AlphaState, generator: torch.Generator) -> Architecture:
        """A sampled path; always the same without noise."""
        return drawn_architecture(self.relaxation, state, generator)

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
- Published: 250 epochs with Adam at 3e-4 (97,750 steps: a movement of 29.3).
"""

from typing import ClassVar, Literal

import torch

from supernas.core.architecture import Architecture
from supernas.core.progress import END, Progress
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.methods.base import AlphaMethod, AlphaState, Mixture
from supernas.networks.base import Unselected
from supernas.steps.contracts import Distribution, Metrics
from supernas.steps.relaxations import Relaxed, gumbel, straight_through

__all__ = ["GDAS"]


@settings
class GDAS(AlphaMethod, Distribution):
    """Gradient-based search with a hard Gumbel-softmax sample: one path forward, soft gradients back."""

    trains_paths: ClassVar[bool] = True

    temperature: float = setting(10.0, "tau at the start", equation="Eq. 5", gt=0)
    temperature_end: float = setting(0.1, "tau at the end; it falls linearly", equation="Eq. 5", gt=0)
    noise: Literal[0, 1] = setting(1, "0 leaves the Gumbel noise out (GDAS-A)", equation="Eq. 5")
    unselected: Unselected = setting("scalar", "how gradient reaches options that were not sampled", equation="Eq. 6")

    def train(self, state: AlphaState, batch: Batch, progress: Progress) -> Metrics:
        """A sampled path."""
        return state.trainer.step(batch, self.sample(state, progress, state.generator).architecture, progress)

    def judged(self, state: AlphaState, progress: Progress, generator: torch.Generator) -> Mixture:
        """Another sampled path, with gradient to alpha."""
        drawn = self.sample(state, progress, generator)
        return Mixture(drawn.W, drawn.architecture.pairs, self.unselected)

    def sample(self, state: AlphaState, progress: Progress, generator: torch.Generator) -> Relaxed:
        """A hard sample at the temperature of this moment."""
        tau = self.temperature + (self.temperature_end - self.temperature) * progress.fraction
        P = gumbel(state.alpha, state.held, tau, generator, self.noise)
        device = next(state.problem.network.parameters()).device
        return straight_through(P, state.problem.space, device)

    def draw_architecture(self, state: AlphaState, generator: torch.Generator) -> Architecture:
        """A sampled path; always the same without noise."""
        with torch.no_grad():
            return self.sample(state, END, generator).architecture

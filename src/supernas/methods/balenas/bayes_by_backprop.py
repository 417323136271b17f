r"""Bayes by backprop: a mean-field Gaussian learnt by plain gradients of the evidence bound.

C. Blundell, J. Cornebise, K. Kavukcuoglu and D. Wierstra, "Weight Uncertainty in Neural Networks", ICML 2015; Eq. 6-7
of BaLeNAS. The bound for each of N examples, with theta = mu + sigma noise and the prior N(0, 1 / delta), is

    E l(theta) + KL / N,   KL = sum of (delta (sigma^2 + mu^2) - 1 - log(delta sigma^2)) / 2
    gradient in mu:     g + (delta / N) mu
    gradient in sigma:  g noise + (delta sigma - 1 / sigma) / N              each averaged over the draws

Both are descended by Adam, sigma as softplus(rho), so that it stays positive.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from supernas.core.documents import Document
from supernas.methods.balenas.vadam import Drawn, Posterior, PosteriorSettings

__all__ = ["BayesByBackprop"]


class BayesByBackprop(Posterior):
    """Twice the parameters: a mean and a rho for each coordinate.

    Attributes:
        rho: sigma = softplus(rho).
        adam: the optimiser of both.
    """

    def __init__(self, mean: Sequence[Tensor], options: PosteriorSettings, steps: float, examples: int) -> None:
        super().__init__(mean, options, steps, examples)
        start = math.log(math.expm1(options.initial_precision**-0.5))
        self.rho = [torch.full_like(mu, start, requires_grad=True) for mu in self.mean]
        self.adam = torch.optim.Adam([*self.mean, *self.rho], lr=self.lr, betas=self.betas)

    def deviations(self) -> list[Tensor]:
        """Sigma = softplus(rho)."""
        return [F.softplus(rho.detach()) for rho in self.rho]

    @torch.no_grad()
    def step(self, draws: Sequence[Drawn]) -> None:
        """One step of Adam along the gradient of the bound."""
        delta, examples = self.options.prior_precision, self.examples
        for number, (mu, rho, sigma) in enumerate(zip(self.mean, self.rho, self.deviations(), strict=True)):
            gradients = torch.stack([drawn.gradient[number] for drawn in draws])
            noise = torch.stack([drawn.noise[number] for drawn in draws])
            mu.grad = gradients.mean(0) + delta / examples * mu
            in_sigma = (gradients * noise).mean(0) + (delta * sigma - 1 / sigma) / examples
            rho.grad = in_sigma * rho.sigmoid()
        self.adam.step()

    def state_dict(self) -> Document:
        """Rho and the optimiser."""
        return {"rho": [rho.detach() for rho in self.rho], "adam": self.adam.state_dict()}

    def load_state_dict(self, state: Document) -> None:
        """Restores them."""
        with torch.no_grad():
            for mine, saved in zip(self.rho, state["rho"], strict=True):
                mine.copy_(saved)
        self.adam.load_state_dict(state["adam"])

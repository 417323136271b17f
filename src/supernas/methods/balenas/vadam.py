r"""Mean-field Gaussians learnt by natural-gradient variational inference: VAdam, Vprop with momentum, VON.

M. E. Khan, D. Nielsen, V. Tangkaratt, W. Lin, Y. Gal and A. Srivastava, "Fast and Scalable Bayesian Deep Learning by
Weight-Perturbation in Adam", ICML 2018; in the letters of BaLeNAS (Eq. 5, 13-18). The
posterior of parameters theta given N examples with mean loss l, under the prior N(0, 1 / delta), is approximated by
q = N(mu, sigma^2), with d = delta / N:

    sigma^2 = 1 / (N (s + d)),   s_0 = (initial precision - delta) / N
    g = mean over M draws theta ~ q of grad l(theta)

    VAdam (`sqrt`):     m  <- beta1 m + (1 - beta1) (g + d mu)
                        s  <- beta2 s + (1 - beta2) h
                        mu <- mu - lr [m / (1 - beta1^t)] / (sqrt(e / (1 - beta2^t) + beta2^t s_0) + d)
    Eq. 17 (`sqrt=False`):  s' = beta2 s + (1 - beta2) h
                        mu <- mu - lr (g + d mu) / (s' + d) + beta1 (s + d) / (s' + d) (mu - mu_before)

s = e + beta2^t s_0 has two parts: an average e of what was seen, which begins at 0 and is divided by its bias as in
Adam, and what is left of the start, which has none. (Khan's code divides both by e's bias: with an initial precision
above the prior's the first steps are then divided by sqrt(s_0 / (1 - beta2)), and mu stands still.)

h stands for the curvature. `magnitude`: squares of gradients, over the draws their mean (Khan's code) or the square of
the mean (Eq. 15, 18). `exact` (VON, Eq. 14): the diagonal of the Hessian, averaged over the draws. A minimum of a
convex loss has h >= 0 there; elsewhere a negative h would make a width imaginary and counts as 0.

What to know of the widths: where l is quadratic with curvature a and its gradient is that of all N examples, squares of
gradients settle at s = a^2 sigma^2, so sigma is N^(1/4) times the posterior's; VON has the posterior's own. The mean is
right in both (tests).
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from supernas.core.documents import Document
from supernas.core.settings import setting, settings
from supernas.steps.optimisers import decay_over

__all__ = ["Drawn", "Posterior", "PosteriorSettings", "VAdam"]

Curvature = Literal["magnitude", "exact"]
Squares = Literal["mean-of-squares", "square-of-mean"]


@settings
class PosteriorSettings:
    """A Gaussian over architecture parameters, and how it is learnt."""

    lr_times_steps: float = setting(5.9, "learning rate times steps: the farthest that an Adam can move a mean", gt=0)
    beta1: float = setting(
        0.5, "momentum, in a run of published_steps; gamma where sqrt is false", equation="Eq. 17", ge=0, lt=1
    )
    beta2: float = setting(
        0.999, "decay of the curvature, 1 - beta, in a run of published_steps", equation="Eq. 18", ge=0, lt=1
    )
    published_steps: float = setting(
        19_550, "steps of the run that the decays are for; in another they remember the same part of it", gt=0
    )
    prior_precision: float = setting(1.0, "delta: the prior is N(0, 1 / delta)", equation="Eq. 5", gt=0)
    initial_precision: float = setting(1.0, "1 / sigma^2 at the start", gt=0)
    curvature: Curvature = setting("magnitude", "squared gradients, or the Hessian's diagonal", equation="Eq. 14-15")
    squares: Squares = setting("mean-of-squares", "of several draws' gradients: Khan's code, or Eq. 15 and 18")
    sqrt: bool = setting(True, "whether the curvature's root divides (VAdam), or itself", equation="Eq. 17")

    def __post_init__(self) -> None:
        if self.initial_precision < self.prior_precision:
            raise ValueError(
                f"initial_precision is {self.initial_precision:g}, less than prior_precision "
                f"({self.prior_precision:g}); wanted at least as much: data only add to it"
            )
        if self.curvature == "exact" and self.sqrt:
            raise ValueError("curvature=exact is Newton's and takes no root; give sqrt=false with it")
        if self.curvature == "exact" and self.squares != "mean-of-squares":
            raise ValueError("squares is about squared gradients; curvature=exact has none")


@dataclass(frozen=True)
class Drawn:
    """What one draw from a Gaussian gave.

    Attributes:
        noise: the standard normal numbers that it was made of, in the shapes of the mean.
        gradient: of the mean loss at the draw.
        curvature: the diagonal of the Hessian there, where it is wanted.
    """

    noise: Sequence[Tensor]
    gradient: Sequence[Tensor]
    curvature: Sequence[Tensor] | None = None


class Posterior(ABC):
    """A mean-field Gaussian over tensors.

    Attributes:
        mean: mu, leaf tensors, changed in place.
        options: how it is learnt.
        lr: the learning rate.
        betas: both decays, a step of this run (`decay_over`).
        examples: N.
    """

    def __init__(self, mean: Sequence[Tensor], options: PosteriorSettings, steps: float, examples: int) -> None:
        self.mean = list(mean)
        self.options = options
        self.lr = options.lr_times_steps / steps
        first, second = (decay_over(beta, options.published_steps, steps) for beta in (options.beta1, options.beta2))
        self.betas = first, second
        self.examples = examples

    @abstractmethod
    def deviations(self) -> list[Tensor]:
        """Sigma, in the shapes of the mean."""

    @abstractmethod
    def step(self, draws: Sequence[Drawn]) -> None:
        """Moves mean and deviations along what one or more draws gave."""

    @abstractmethod
    def state_dict(self) -> Document:
        """All that changes, apart from the mean."""

    @abstractmethod
    def load_state_dict(self, state: Document) -> None:
        """Restores it."""

    def noise(self, generator: torch.Generator) -> list[Tensor]:
        """Standard normal numbers in the shapes of the mean."""
        return [torch.randn(mu.shape, generator=generator, dtype=mu.dtype).to(mu.device) for mu in self.mean]

    def at(self, noise: Sequence[Tensor]) -> list[Tensor]:
        """Theta = mu + sigma noise, differentiable in the mean."""
        return [mu + sigma * drawn for mu, sigma, drawn in zip(self.mean, self.deviations(), noise, strict=True)]


class VAdam(Posterior):
    """Natural-gradient inference with an optimiser's cost: one curvature for each coordinate.

    Attributes:
        taken: steps so far.
        momentum: m with the root, the last displacement of the mean without.
        start: s_0.
        seen: e, the average of h.
    """

    def __init__(self, mean: Sequence[Tensor], options: PosteriorSettings, steps: float, examples: int) -> None:
        super().__init__(mean, options, steps, examples)
        self.taken = 0
        self.damping = options.prior_precision / examples
        self.start = (options.initial_precision - options.prior_precision) / examples
        self.momentum = [torch.zeros_like(mu, requires_grad=False) for mu in self.mean]
        self.seen = [torch.zeros_like(mu, requires_grad=False) for mu in self.mean]

    def deviations(self) -> list[Tensor]:
        """Sigma = 1 / sqrt(N (s + d))."""
        return [(self.examples * (s + self.damping)).rsqrt() for s in self.curvature]

    @property
    def curvature(self) -> list[Tensor]:
        """S = e + beta2^t s_0."""
        return [seen + self._left(self.taken) for seen in self.seen]

    def _left(self, steps: int) -> float:
        """What is left of the start after so many steps."""
        return self.start * self.betas[1] ** steps

    @torch.no_grad()
    def step(self, draws: Sequence[Drawn]) -> None:
        """One step along the mean gradient of the draws."""
        self.taken += 1
        update = self._adam if self.options.sqrt else self._newton
        for number, mu in enumerate(self.mean):
            gradient = torch.stack([drawn.gradient[number] for drawn in draws]).mean(0)
            update(number, gradient + self.damping * mu, self._look(draws, number))

    def _look(self, draws: Sequence[Drawn], number: int) -> Tensor:
        """h: what the draws say of the curvature."""
        if self.options.curvature == "exact":
            diagonals = [drawn.curvature[number] for drawn in draws if drawn.curvature is not None]
            return torch.stack(diagonals).mean(0).clamp_min(0)
        gradients = torch.stack([drawn.gradient[number] for drawn in draws])
        if self.options.squares == "square-of-mean":
            return gradients.mean(0).square()
        return gradients.square().mean(0)

    def _adam(self, number: int, direction: Tensor, h: Tensor) -> None:
        beta1, beta2 = self.betas
        m, seen = self.momentum[number], self.seen[number]
        m.lerp_(direction, 1 - beta1)
        seen.mul_(beta2).add_(h, alpha=1 - beta2)
        scale = (seen / (1 - beta2**self.taken) + self._left(self.taken)).sqrt() + self.damping
        self.mean[number].sub_(self.lr * (m / (1 - beta1**self.taken)) / scale)

    def _newton(self, number: int, direction: Tensor, h: Tensor) -> None:
        beta1, beta2 = self.betas
        moved, seen = self.momentum[number], self.seen[number]
        before = seen + self._left(self.taken - 1) + self.damping
        seen.mul_(beta2).add_(h, alpha=1 - beta2)
        after = seen + self._left(self.taken) + self.damping
        moved.mul_(beta1 * before / after).sub_(self.lr * direction / after)
        self.mean[number].add_(moved)

    def state_dict(self) -> Document:
        """Steps, momentum, and what was seen of the curvature."""
        return {"taken": self.taken, "momentum": self.momentum, "seen": self.seen}

    def load_state_dict(self, state: Document) -> None:
        """Restores them."""
        self.taken = state["taken"]
        with torch.no_grad():
            for mine, saved in zip(self.momentum + self.seen, state["momentum"] + state["seen"], strict=True):
                mine.copy_(saved)

r"""R-DARTS's early stop: before the validation loss becomes sharp in alpha.

A. Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020 (section 4.3, DARTS-ES):
with lambda(i) the dominant eigenvalue of the Hessian of the validation loss in alpha after epoch i, smoothed over a
window of k = 5 epochs, the search stops when

    lambda(i - k) / lambda(i) < 0.75

and its answer is the architecture of epoch i - k.

The loss is that of the relaxation's mean on the first `images` validation images, as they are, in evaluation mode, the
same in every epoch.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from supernas.core.settings import setting, settings
from supernas.core.state import State
from supernas.runs.diagnostics.base import loss_in_alpha, undisturbed
from supernas.steps.contracts import Finding, Look, Stopping
from supernas.steps.curvature import dominant_eigenvalue, hessian_product

__all__ = ["Eigenvalue"]


@dataclass
class Seen(State):
    """The dominant eigenvalue of every epoch so far."""

    eigenvalues: list[float] = field(default_factory=list)


@settings
class Eigenvalue(Stopping):
    """Stops when the dominant Hessian eigenvalue in alpha grows too fast, and goes back (R-DARTS)."""

    needs_alpha: ClassVar[str] = "it looks at the Hessian of the validation loss in alpha"

    window: int = setting(5, "k: epochs of the moving average, and how far it looks back", ge=1)
    ratio: float = setting(0.75, "smallest quotient of the average k epochs ago and now", gt=0)
    images: int = setting(256, "validation images (of a text: windows) of the loss: the first so many, at most", ge=1)
    iterations: int = setting(12, "Hessian-vector products for an eigenvalue (Lanczos)", ge=2)

    def init(self) -> Seen:
        """Nothing seen yet."""
        return Seen()

    def check(self, state: Seen, look: Look) -> Finding:
        """Computes the eigenvalue and compares the averages."""
        state.eigenvalues.append(self.eigenvalue(look))
        metrics = {"hessian_eigenvalue": state.eigenvalues[-1]}
        k = self.window
        if len(state.eigenvalues) < 2 * k:
            return Finding(metrics)
        before, now = sum(state.eigenvalues[-2 * k : -k]) / k, sum(state.eigenvalues[-k:]) / k
        sharp = now > 0 and before / now < self.ratio
        return Finding(metrics, look.epoch - k if sharp else None)

    def eigenvalue(self, look: Look) -> float:
        """The eigenvalue of largest magnitude of the Hessian of the validation loss in alpha."""
        generator = torch.Generator().manual_seed(look.problem.seed)
        with undisturbed(look.problem.network):
            loss, point = loss_in_alpha(look, self.images)
            return dominant_eigenvalue(hessian_product(loss, point), point, generator, self.iterations)

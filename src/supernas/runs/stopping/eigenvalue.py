r"""R-DARTS's early stop: before the validation loss becomes sharp in alpha.

A. Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020 (section 4.3, DARTS-ES):
with lambda(i) the dominant eigenvalue of the Hessian of the validation loss in alpha after epoch i, smoothed over a
window of k = 5 epochs, the search stops when

    lambda(i - k) / lambda(i) < 0.75

and its answer is the architecture of epoch i - k. Both averages must be positive: the eigenvalue is that of largest
magnitude, and where one of them is that of a saddle, their quotient says nothing about sharpness.

The loss is that of the relaxation's mean on the first `images` validation images, as they are, in evaluation mode, the
same in every epoch.
"""

from dataclasses import dataclass, field

import torch

from supernas.core.settings import setting, settings
from supernas.core.state import State
from supernas.runs.diagnostics.base import loss_in_alpha, undisturbed
from supernas.steps.contracts import Chosen, EpochView, StopDecision, Stopping, needs_alpha
from supernas.steps.curvature import dominant_eigenvalue, hessian_product

__all__ = ["Eigenvalue"]


@dataclass
class Seen(State):
    """The dominant eigenvalue of every epoch so far."""

    eigenvalues: list[float] = field(default_factory=list)


@settings
class Eigenvalue(Stopping[Seen]):
    """Stops when the dominant Hessian eigenvalue in alpha grows too fast, and goes back (R-DARTS)."""

    window: int = setting(5, "k: epochs of the moving average, and how far it looks back", ge=1)
    ratio: float = setting(0.75, "smallest quotient of the average k epochs ago and now", gt=0)
    images: int = setting(256, "validation images (of a text: windows) of the loss: the first so many, at most", ge=1)
    iterations: int = setting(12, "Hessian-vector products for an eigenvalue (Lanczos)", ge=2)

    def refuses(self, chosen: Chosen) -> str:
        """Methods without alpha."""
        return needs_alpha(chosen, "it looks at the Hessian of the validation loss in alpha")

    def init(self) -> Seen:
        """Nothing seen yet."""
        return Seen()

    def check(self, state: Seen, view: EpochView) -> StopDecision:
        """Computes the eigenvalue and compares the averages."""
        state.eigenvalues.append(self.eigenvalue(view))
        metrics = {"hessian_eigenvalue": state.eigenvalues[-1]}
        k = self.window
        if len(state.eigenvalues) < 2 * k:
            return StopDecision(metrics)
        before, now = sum(state.eigenvalues[-2 * k : -k]) / k, sum(state.eigenvalues[-k:]) / k
        sharp = before > 0 and now > 0 and before / now < self.ratio
        return StopDecision(metrics, view.epoch - k if sharp else None)

    def eigenvalue(self, view: EpochView) -> float:
        """The eigenvalue of largest magnitude of the Hessian of the validation loss in alpha."""
        generator = torch.Generator().manual_seed(view.context.seed)
        with undisturbed(view.context.network):
            loss, point = loss_in_alpha(view, self.images)
            return dominant_eigenvalue(hessian_product(loss, point), point, generator, self.iterations)

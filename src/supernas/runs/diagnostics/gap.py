"""What deriving costs: the validation loss of the derived architecture's path against that of the mixture.

Both with the supernet's weights, on the first `images` validation images, as they are, in evaluation mode. The mixture
is the method's mean relaxation at alpha; the path runs the derived architecture's options, each weighed by one. Their
difference is what R-DARTS (A. Zela et al., ICLR 2020, section 4) looks at as the drop by discretisation.
"""

from typing import ClassVar

import torch

from supernas.core.settings import setting, settings
from supernas.runs.diagnostics.base import loss_in_alpha, undisturbed
from supernas.spaces.base import Space
from supernas.steps.contracts import Look, Quantity

__all__ = ["Gap"]


@settings
class Gap(Quantity):
    """Validation losses of the mixture and of the derived path, and how much more the path has."""

    needs_alpha: ClassVar[str] = "it compares with the mixture at alpha"

    images: int = setting(256, "validation images (of a text: windows) of the losses: the first so many, at most", ge=1)

    def names(self, space: Space) -> tuple[str, ...]:
        """Three."""
        return ("mixture", "path", "difference")

    def measure(self, look: Look) -> dict[str, float]:
        """Two forward passes."""
        problem, batch = look.problem, look.valid(self.images)
        with undisturbed(problem.network), torch.no_grad():
            loss, alpha = loss_in_alpha(look, self.images)
            mixture = float(loss(alpha))
            output = problem.network(batch.inputs, active=look.architecture.pairs)
            path = float(problem.task.loss(output.prediction, batch.targets))
        return {"mixture": mixture, "path": path, "difference": path - mixture}

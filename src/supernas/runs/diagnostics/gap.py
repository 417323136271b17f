"""What deriving costs: the validation loss of the derived architecture's path against that of the mixture.

Both with the supernet's weights, on the first `images` validation images, as they are, in evaluation mode. The mixture
is the method's mean relaxation at alpha; the path runs the derived architecture's options, each weighed by one. Their
difference is what R-DARTS (A. Zela et al., "Understanding and Robustifying Differentiable Architecture
Search", ICLR 2020, section 4) looks at as the drop by discretisation.
"""

import torch

from supernas.core.settings import setting, settings
from supernas.runs.diagnostics.base import loss_in_alpha, undisturbed
from supernas.spaces.base import Space
from supernas.steps.contracts import Chosen, Diagnostic, EpochView, needs_alpha

__all__ = ["Gap"]


@settings
class Gap(Diagnostic):
    """Validation losses of the mixture and of the derived path, and how much more the path has."""

    images: int = setting(256, "validation images (of a text: windows) of the losses: the first so many, at most", ge=1)

    def refuses(self, chosen: Chosen) -> str:
        """Methods without alpha."""
        return needs_alpha(chosen, "it compares with the mixture at alpha")

    def names(self, space: Space) -> tuple[str, ...]:
        """Three."""
        return ("mixture", "path", "difference")

    def measure(self, view: EpochView) -> dict[str, float]:
        """Two forward passes."""
        context, batch = view.context, view.valid(self.images)
        with undisturbed(context.network), torch.no_grad():
            loss, alpha = loss_in_alpha(view, self.images)
            mixture = float(loss(alpha))
            output = context.network(batch.inputs, active=view.architecture.pairs)
            path = float(context.task.loss(output.prediction, batch.targets))
        return {"mixture": mixture, "path": path, "difference": path - mixture}

"""How sharp the validation loss is in alpha: dominant eigenvalue and trace of its Hessian.

A. Zela et al., "Understanding and Robustifying Differentiable Architecture Search", ICLR 2020 (section 4): where the
dominant eigenvalue grows, what is derived falls behind the mixture.

Products with the Hessian are exact (B. Pearlmutter, 1994). The eigenvalue, that of the largest magnitude and with its
sign, is Lanczos's; the trace is Hutchinson's estimate over random signs, or exact where there are as many probes as
parameters. The random vectors are the same in every epoch. The loss is that of the relaxation's mean on the first
`images` validation images, as they are, in evaluation mode.
"""

from typing import ClassVar

import torch

from supernas.core.settings import setting, settings
from supernas.runs.diagnostics.base import loss_in_alpha, undisturbed
from supernas.spaces.base import Space
from supernas.steps.contracts import Look, Quantity
from supernas.steps.curvature import dominant_eigenvalue, hessian_product, trace

__all__ = ["Hessian"]


@settings
class Hessian(Quantity):
    """Dominant eigenvalue and trace of the Hessian of the validation loss in alpha."""

    needs_alpha: ClassVar[str] = "it is about the Hessian of the validation loss in alpha"

    images: int = setting(256, "validation images (of a text: windows) of the loss: the first so many, at most", ge=1)
    iterations: int = setting(12, "Hessian-vector products for the eigenvalue (Lanczos)", ge=2)
    probes: int = setting(8, "Hessian-vector products for the trace (Hutchinson)", ge=1)

    def names(self, space: Space) -> tuple[str, ...]:
        """Both."""
        return ("eigenvalue", "trace")

    def measure(self, look: Look) -> dict[str, float]:
        """Both, from one graph of the gradient."""
        generator = torch.Generator().manual_seed(look.problem.seed)
        with undisturbed(look.problem.network):
            loss, point = loss_in_alpha(look, self.images)
            product = hessian_product(loss, point)
            return {
                "eigenvalue": dominant_eigenvalue(product, point, generator, self.iterations),
                "trace": trace(product, point, generator, self.probes),
            }

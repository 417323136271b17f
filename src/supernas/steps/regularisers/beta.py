r"""Beta decay of the activated architecture parameters (Beta-DARTS).

P. Ye, B. Li, Y. Li, T. Chen, J. Fan and W. Ouyang, "beta-DARTS: Beta-Decay Regularization for Differentiable
Architecture Search", CVPR 2022 (section 3, "Beta-Decay regularization": the smooth maximum):

    alpha <- alpha - grad_alpha [L_val(w, alpha) + lambda L_beta],    L_beta = mean over choices of log sum exp(alpha)

whose gradient is softmax(alpha) / choices: options that weigh much are held back more, so that neither the value nor
the variance of the activated parameters becomes large. lambda grows linearly by epochs from 0 towards `weight`.

- Published: lambda = epoch / 2 over 100 epochs, which is `weight` 50 (NAS-Bench-201's released code). Here `weight` is
  reached by the part of the search that is done, so that a short search has the same course.
- Of a space with several kinds of cell L_beta is the sum over the kinds. Options that the network does not hold (later
  stages) are left out. Logits of edges (PC-DARTS) are not regularised: no sum over options is theirs.
- It is added to whatever gradient moves alpha, so also to that of second order, of draws, and of a Gaussian's mean.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from supernas.core.settings import setting, settings
from supernas.core.state import State
from supernas.steps.contracts import Regulariser, SearchContext, StepView

__all__ = ["Beta"]


@dataclass
class _Nothing(State):
    """The state of what remembers nothing."""


@settings
class Beta(Regulariser[_Nothing]):
    """Holds back what weighs much: the smooth maximum of alpha is added to the validation loss (Beta-DARTS)."""

    weight: float = setting(50.0, "lambda at the end of the search; it grows linearly by epochs from 0", ge=0)

    def init(self, context: SearchContext) -> _Nothing:
        """Nothing to remember."""
        return _Nothing()

    def of_alpha(self, state: _Nothing, view: StepView, gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Adds lambda softmax(alpha) / choices to those of the options' logits."""
        factor = self.weight * view.progress.epoch / view.progress.epochs
        return [
            gradient + factor * decay(alpha.detach(), view.option_mask[name]) if name in view.option_mask else gradient
            for (name, alpha), gradient in zip(view.alpha.items(), gradients, strict=True)
        ]


def decay(alpha: Tensor, held: Tensor) -> Tensor:
    """The gradient of the mean over choices of log sum exp(alpha), over the options that are held."""
    return alpha.masked_fill(~held, -torch.inf).softmax(dim=-1) / len(alpha)

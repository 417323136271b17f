r"""Beta-DARTS: first-order DARTS with Beta decay.

P. Ye, B. Li, Y. Li, T. Chen, J. Fan and W. Ouyang, "beta-DARTS: Beta-Decay Regularization for Differentiable
Architecture Search", CVPR 2022:

    alpha <- alpha - grad_alpha [L_val(w, softmax(alpha)) + lambda log sum exp(alpha)]
    w     <- w - grad_w L_train(w, softmax(alpha))

The term is the regulariser `beta` (`steps/regularisers/beta.py`), which every alternating method can have; this is
DARTS with it by default, in the order and with the budget of its publication. The derived architecture has the largest
entries.

- The released code trains the weights at softmax(alpha) of the moment, after alpha has moved, as DARTS does.
- Published (NAS-Bench-201): 100 epochs with Adam at 3e-4, alpha before the weights, weight decay 3e-4, momentum
  without Nesterov's correction. `adam` counts its 39,100 steps (lr times steps is 11.7).
"""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.methods.base import AlphaState, Alternating, Change, descend, unchanged
from supernas.steps.contracts import Metrics, SearchContext
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import Softmax

__all__ = ["BetaDARTS"]


@settings
class BetaDARTS(Alternating):
    """First-order DARTS whose architecture parameters are held back by Beta decay."""

    regulariser: ClassVar[str] = "beta"
    carries_others: ClassVar[bool] = False
    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {
        "search": {"epochs": 100},
        "weights": {"weight_decay": 3e-4, "nesterov": False},
    }
    weights_on, alpha_on = "mean", "mean"
    first = "alpha"  # as released

    adam: AdamSettings = setting(AdamSettings(lr_times_steps=11.7, published_steps=39_100), "how alpha is moved")

    @property
    def relaxation(self) -> Softmax:
        """W = softmax(alpha)."""
        return Softmax()

    def make_alpha_optimiser(self, alpha: Sequence[Tensor], context: SearchContext) -> torch.optim.Adam:
        """Adam."""
        return self.adam.over(alpha, self.alpha_steps(context))

    def update_alpha(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """Alpha <- alpha - grad_alpha L_val(w, W), with what the regulariser adds."""
        W = self.alpha_forward(state, progress, state.generator)
        return descend(state, state.trainer.validation_loss(valid, W), change)

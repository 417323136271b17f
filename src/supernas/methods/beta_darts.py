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

from typing import ClassVar

from supernas.core.documents import Document
from supernas.core.settings import setting, settings
from supernas.methods.base import FirstOrder
from supernas.steps.optimisers import AdamSettings

__all__ = ["BetaDARTS"]


@settings
class BetaDARTS(FirstOrder):
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

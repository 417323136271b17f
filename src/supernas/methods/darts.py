r"""DARTS: differentiable architecture search, first and second order.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019 (Eq. 2-8, Algorithm 1):

    W[choice] = softmax(alpha[choice])
    alpha <- alpha - grad_alpha L_val(w - xi grad_w L_train(w, alpha), alpha)        (order 1: xi = 0)
    w     <- w - grad_w L_train(w, alpha)

The derived architecture has the largest entries (in NAS-Bench-201 `none` included, as published for that space).

- On NAS-Bench-201 the published first-order code moves the weights first, everywhere else alpha moves first; order 2
  looks through the step that is about to be made, so there alpha always moves first.
- The step that is looked through is the optimiser's, with its momentum buffer and weight decay, as in the released
  code; Nesterov's correction is left out of it, and the clipping of the gradient too, except in the recurrent space,
  as there.
- `hypergradient="finite-difference"` is the published form; `"exact"` differentiates through the step
  (`hypergradients.py`).
- Published: 50 epochs with Adam at 3e-4 (19,550 steps with batch 64 on half of CIFAR-10: lr times steps is 5.9).
"""

from typing import ClassVar, Literal

from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import refuse_unused, setting, settings
from supernas.data import Batch
from supernas.methods.base import AlphaState, Change, FirstOrder, descend, unchanged
from supernas.networks.base import Mixture
from supernas.steps.contracts import Chosen, Metrics
from supernas.steps.hypergradients import Hypergradient, looking_refused, unrolled_gradient
from supernas.steps.optimisers import AdamSettings

__all__ = ["DARTS"]


@settings
class DARTS(FirstOrder):
    """Differentiable architecture search: a softmax mixture of all options, first or second order."""

    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {"search": {"epochs": 50}}
    weights_on, alpha_on = "mean", "mean"

    adam: AdamSettings = setting(AdamSettings(lr_times_steps=5.9, published_steps=19_550), "how alpha is moved")
    order: Literal[1, 2] = setting(1, "2 looks through the next step of the weights", equation="Eq. 5-8")
    hypergradient: Hypergradient = setting(
        "finite-difference", "how order 2 computes its second term", equation="Eq. 7-8"
    )
    radius: float = setting(0.01, "distance from the weights to either end of the finite difference", gt=0)

    def __post_init__(self) -> None:
        if self.order == 1:
            refuse_unused(self, ("hypergradient", "radius"), "order=1")
        elif self.hypergradient == "exact":
            refuse_unused(self, ("radius",), "hypergradient=exact")

    def refuses(self, chosen: Chosen) -> str:
        """Looking through a step where that is lost, or not compiled."""
        return looking_refused(chosen, self.hypergradient) if self.order == 2 else ""

    def update_alpha(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """Alpha <- alpha - grad_alpha of L_val at the present weights, or at those after the next step (order 2)."""
        if self.order == 1:
            return super().update_alpha(state, train, valid, progress, change)
        trainer = state.trainer

        def at_alpha() -> Mixture:
            return self.alpha_forward(state, progress, state.generator)

        loss, gradients = unrolled_gradient(
            lambda weights: trainer.training_loss_at(weights, train, at_alpha()),
            lambda weights: trainer.validation_loss_at(weights, valid, at_alpha()),
            list(state.alpha.values()),
            trainer.next_step(progress, train.share),
            self.hypergradient,
            self.radius,
        )
        return descend(state, loss, change, gradients)

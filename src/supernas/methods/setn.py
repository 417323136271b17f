r"""SETN: one-shot search by a self-evaluated template network.

X. Dong and Y. Yang, "One-Shot Neural Architecture Search via Self-Evaluated Template Network", ICCV 2019:

    w     <- w - grad_w L_train(w, a),  a ~ Uniform                one path, with any objective
    alpha <- alpha - grad_alpha L_val(w, softmax(alpha))           the joint mixture: the evaluator

The evaluator learns which paths are likely good while the weights are trained without its preferences. The answer is
the best of the `candidates` likeliest architectures by validation accuracy with inherited weights.

- That is the choice of the NAS-Bench-201 rows: the 100 architectures of the highest probability under softmax(alpha),
  each judged on 512 validation images (here the same for all). They are found exactly, without listing the space
  (`Space.likeliest`).
- For the record of an epoch the likeliest architecture is taken.
- Published: 250 epochs with Adam at 3e-4 (97,750 steps: lr times steps is 29.3).
"""

from typing import ClassVar

import torch

from supernas.core.architecture import Architecture
from supernas.core.settings import setting, settings
from supernas.methods.base import AlphaState, FirstOrder, best_of
from supernas.steps.contracts import Validate

__all__ = ["SETN"]


@settings
class SETN(FirstOrder):
    """Uniform paths train the weights, a softmax mixture learns to tell the good ones; the best of the likeliest."""

    trains_paths: ClassVar[bool] = True
    weights_on, alpha_on = "uniform", "mean"

    candidates: int = setting(100, "likeliest architectures that are compared at the end", ge=1)
    candidate_images: int = setting(512, "validation images on which each of them is judged", ge=1)

    def final(self, state: AlphaState, validate: Validate) -> Architecture:
        """The best of the likeliest architectures by validation."""
        with torch.no_grad():
            W = self.relax(state, state.alpha)
        probabilities = {kind: matrix.cpu().numpy() for kind, matrix in W.items()}
        likeliest = state.context.space.likeliest(probabilities, self.candidates)
        return best_of(state.context, likeliest, validate, self.candidate_images)

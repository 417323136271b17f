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
- Published: 250 epochs with Adam at 3e-4 (97,750 steps: a movement of 29.3).
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.methods.base import AlphaMethod, AlphaState, best_of
from supernas.steps.contracts import Metrics, Problem, Validate

__all__ = ["SETN", "SETNState"]


@dataclass(kw_only=True)
class SETNState(AlphaState):
    """Also the generator of the uniform paths."""

    paths: np.random.Generator


@settings
class SETN(AlphaMethod):
    """Uniform paths train the weights, a softmax mixture learns to tell the good ones; the best of the likeliest."""

    trains_paths: ClassVar[bool] = True

    candidates: int = setting(100, "likeliest architectures that are compared at the end", ge=1)
    candidate_images: int = setting(512, "validation images on which each of them is judged", ge=1)

    def init(self, problem: Problem) -> SETNState:
        """Alpha near 0, a fresh optimiser, and a generator of paths."""
        return SETNState(**vars(super().init(problem)), paths=np.random.default_rng(problem.seed))

    def train(self, state: Any, batch: Batch, progress: Progress) -> Metrics:
        """A uniform path."""
        return state.trainer.step(batch, state.problem.space.sample(state.paths), progress)

    def final(self, state: AlphaState, validate: Validate) -> Architecture:
        """The best of the likeliest architectures by validation."""
        with torch.no_grad():
            W = self.relax(state, state.alpha)
        probabilities = {kind: matrix.cpu().numpy() for kind, matrix in W.items()}
        likeliest = state.problem.space.likeliest(probabilities, self.candidates)
        return best_of(state.problem, likeliest, validate, self.candidate_images)

"""RandomNAS (also RSPS): random search with weight sharing.

L. Li and A. Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019 (section 3). Every
step draws a path uniformly and trains its weights,

    a_t ~ Uniform(space),    w_{t+1} = w_t - lr * grad_w L_train(w_t, a_t),

and the answer is the best of `candidates` freshly drawn architectures by validation accuracy with inherited weights.

The choice at the end is that of the NAS-Bench-201 rows (Dong and Yang, ICLR 2020): 100 architectures, each judged once
on 512 validation images. There each candidate has a batch of its own; here all have the same images, so that they
differ by architecture only. (Li and Talwalkar's own runs in the DARTS spaces draw 1,000 and judge the best 10 again.)

The paper has no answer before the end. For the record of an epoch the best of a few is taken (`glance`), drawn from a
copy of the generator: the search goes on as if nobody had asked.
"""

import copy
from dataclasses import dataclass, field

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED, State
from supernas.data import Batch
from supernas.methods.base import best_of
from supernas.steps.contracts import Method, Metrics, Problem, Validate
from supernas.steps.weights import PathTrainer

__all__ = ["RandomNAS"]


@dataclass
class _Drawn(State):
    """The weights' trainer, and the generator that paths and candidates are drawn from."""

    problem: Problem = field(metadata=UNSAVED)
    trainer: PathTrainer
    generator: np.random.Generator


@settings
class RandomNAS(Method):
    """Random search with weight sharing: uniform paths, then the best of random candidates by validation."""

    candidates: int = setting(100, "random architectures that are compared at the end", ge=1)
    candidate_images: int = setting(512, "validation images on which each of them is judged", ge=1)
    glance: int = setting(4, "random architectures compared for the record of an epoch; decides nothing", ge=1)

    def init(self, problem: Problem) -> _Drawn:
        """Nothing is learnt but weights."""
        return _Drawn(problem, PathTrainer.make(problem), np.random.default_rng(problem.seed))

    def step(self, state: _Drawn, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights along a uniformly drawn path; the validation batch is not looked at."""
        return state.trainer.step(train, state.problem.space.sample(state.generator), progress)

    def derive(self, state: _Drawn, validate: Validate) -> Architecture:
        """The best of the first few of the candidates that `final` would compare now."""
        return self._best(state, validate, copy.deepcopy(state.generator), self.glance)

    def final(self, state: _Drawn, validate: Validate) -> Architecture:
        """The best of `candidates` drawn architectures; the first of equals."""
        return self._best(state, validate, state.generator, self.candidates)

    def _best(self, state: _Drawn, validate: Validate, generator: np.random.Generator, count: int) -> Architecture:
        drawn = [state.problem.space.sample(generator) for _ in range(count)]
        return best_of(state.problem, drawn, validate, self.candidate_images)

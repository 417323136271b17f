"""RandomNAS (also RSPS): random search with weight sharing.

L. Li and A. Talwalkar, "Random Search and Reproducibility for Neural Architecture Search", UAI 2019 (section 3). Every
step draws a path uniformly and trains its weights,

    a_t ~ Uniform(space),    w_{t+1} = w_t - lr * grad_w L_train(w_t, a_t),

and the answer is the best of `candidates` freshly drawn architectures by validation accuracy with inherited weights.

`sampling="fair"` (strict fairness, FairNAS): a step trains a set of paths that together take every option of every
choice once, by the mean of their losses; each path alone is a uniform draw where genes are independent. As in FairNAS
the weights move once for the set; there along the sum of the gradients, here along the mean, so that the learning rate
means the same. Every path has the whole batch, unless `search.paths` is `split`: then each has a part of it, at a
fraction of the cost.
Where choices have unequal numbers of options there are as many paths as the largest number, and the other choices'
options come again.

The choice at the end is that of the NAS-Bench-201 rows (Dong and Yang, ICLR 2020): 100 architectures, each judged once
on 512 validation images. There each candidate has a batch of its own; here all have the same images, so that they
differ by architecture only. (Li and Talwalkar's own runs in the DARTS spaces draw 1,000 and judge the best 10 again.)

The paper has no answer before the end. For the record of an epoch the best of a few is taken (`glance`), drawn from a
copy of the generator: the search goes on as if nobody had asked.
"""

import copy
from dataclasses import dataclass
from typing import Literal

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.core.spelling import assigned, option
from supernas.data import Batch
from supernas.methods.base import best_of
from supernas.steps.contracts import Chosen, Method, Metrics, SearchContext, Validate
from supernas.steps.objectives.plain import Plain
from supernas.steps.weights import PathTrainer, TrainedState

__all__ = ["RandomNAS"]

_FAIR = (
    'X. Chu, B. Zhang and R. Xu, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture '
    'Search", ICCV 2021'
)


@dataclass(kw_only=True)
class _Drawn(TrainedState):
    """Also the generator that paths and candidates are drawn from."""

    trainer: PathTrainer
    generator: np.random.Generator


@settings
class RandomNAS(Method[_Drawn]):
    """Random search with weight sharing: uniform paths, then the best of random candidates by validation."""

    sampling: Literal["uniform", "fair"] = setting(
        "uniform",
        "a step trains one uniform path (paper), or a set that takes every option once (FairNAS)",
        papers={"fair": _FAIR},
    )
    candidates: int = setting(100, "random architectures that are compared at the end", ge=1)
    candidate_images: int = setting(512, "validation images on which each of them is judged", ge=1)
    glance: int = setting(4, "random architectures compared for the record of an epoch; decides nothing", ge=1)

    @property
    def trains_path_sets(self) -> bool:
        """Whether paths are drawn in sets."""
        return self.sampling == "fair"

    def refuses(self, chosen: Chosen) -> str:
        """Fair sets with an objective that is about one current path."""
        if self.sampling == "uniform" or isinstance(chosen.objective, Plain):
            return ""
        return (
            f"with sampling=fair does not go with the objective {chosen.objective_name}: of a set of paths none is the "
            f"current one, to which others are added; give {option('objective', 'plain')}, or "
            f"{assigned('method.sampling', 'uniform')}"
        )

    def init(self, context: SearchContext) -> _Drawn:
        """Nothing is learnt but weights."""
        generator = np.random.default_rng(context.seed)
        return _Drawn(context=context, trainer=PathTrainer.make(context), generator=generator)

    def step(self, state: _Drawn, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights along what is drawn, a path or a set; the validation batch is not looked at."""
        space, trainer = state.context.space, state.trainer
        if self.sampling == "fair":
            return trainer.step_over_set(train, space.latin(state.generator), progress)
        return trainer.step(train, space.sample(state.generator), progress)

    def derive(self, state: _Drawn, validate: Validate) -> Architecture:
        """The best of the first few of the candidates that `final` would compare now."""
        return self._best(state, validate, copy.deepcopy(state.generator), self.glance)

    def final(self, state: _Drawn, validate: Validate) -> Architecture:
        """The best of `candidates` drawn architectures; the first of equals."""
        return self._best(state, validate, state.generator, self.candidates)

    def _best(self, state: _Drawn, validate: Validate, generator: np.random.Generator, count: int) -> Architecture:
        drawn = [state.context.space.sample(generator) for _ in range(count)]
        return best_of(state.context, drawn, validate, self.candidate_images)

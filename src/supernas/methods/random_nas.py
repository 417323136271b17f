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

`keep_options=[3,2]` lets the space shrink. The search falls into equal parts, and where one ends, `candidates` draws
are judged and of each gene only so many values stay: those of the largest worth by a fit in which values add up
(`spaces/search_strategies/additive.py`). What is dropped is neither trained nor chosen any more, so that what is left
shares its weights with less; the answer is the best of the last draws by such a fit. Operations are dropped by what the
networks that have them are worth in Hu et al. (angle-based shrinking), who measure angles between initial and trained
weights and train anew afterwards; here it is the inherited metric, and training goes on.

Where nothing is dropped the choice at the end is that of the NAS-Bench-201 rows (Dong and Yang, ICLR 2020): 100
architectures, each judged once on 512 validation images. There each candidate has a batch of its own; here all have the
same images, so that they differ by architecture only. (Li and Talwalkar's own runs in the DARTS spaces draw 1,000 and
judge the best 10 again.)

The paper has no answer before the end. For the record of an epoch the best of a few is taken (`glance`), drawn from a
copy of the generator: the search goes on as if nobody had asked.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.settings import Unused, setting, settings
from supernas.core.spelling import assigned, option
from supernas.data import Batch
from supernas.methods.base import merits_of
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import Narrowed, additive_fit
from supernas.steps.contracts import Chosen, Distribution, Method, Metrics, SearchContext, Stage, Validate, stage_starts
from supernas.steps.objectives.plain import Plain
from supernas.steps.weights import PathTrainer, TrainedState

__all__ = ["RandomNAS"]

_FAIR = (
    'X. Chu, B. Zhang and R. Xu, "FairNAS: Rethinking Evaluation Fairness of Weight Sharing Neural Architecture '
    'Search", ICCV 2021'
)
_SHRINKS = (
    'Y. Hu, Y. Liang, Z. Guo, R. Wan, X. Zhang, Y. Wei, Q. Gu and J. Sun, "Angle-Based Search Space Shrinking for '
    'Neural Architecture Search", ECCV 2020'
)


@dataclass(kw_only=True)
class _Drawn(TrainedState):
    """Also the generator that paths and candidates are drawn from, and of each gene the values that are left, empty
    until some are dropped.
    """

    trainer: PathTrainer
    generator: np.random.Generator
    values: list[list[int]]

    @property
    def space(self) -> Space | Narrowed:
        """What is left of the space."""
        return Narrowed(self.context.space, self.values) if self.values else self.context.space


@settings
class RandomNAS(Method[_Drawn], Distribution):
    """Random search with weight sharing: uniform paths, then the best of random candidates by validation."""

    sampling: Literal["uniform", "fair"] = setting(
        "uniform",
        "a step trains one uniform path (paper), or a set that takes every option once (FairNAS)",
        papers={"fair": _FAIR},
    )
    keep_options: tuple[int, ...] = setting(
        (),
        "values of each gene that stay in each later part of the search; with none it has one part",
        papers=_SHRINKS,
    )
    ridge: float = setting(1.0, "how far the worth of values is drawn to 0 where some are dropped", gt=0)
    candidates: int = setting(100, "random architectures that are compared at the end, and of each part", ge=1)
    candidate_images: int = setting(512, "validation images on which each of them is judged", ge=1)
    glance: int = setting(4, "random architectures compared for the record of an epoch; decides nothing", ge=1)

    def __post_init__(self) -> None:
        numbers = list(self.keep_options)
        if min(numbers, default=1) < 1 or numbers != sorted(set(numbers), reverse=True):
            raise ValueError(f"keep_options is {numbers}; wanted falling numbers of 1 or more")
        if numbers and self.candidates < 2:
            raise ValueError("candidates is 1, and what is dropped is told by comparison; wanted 2 or more")

    def unused(self) -> Iterator[Unused]:
        """What is of dropping, where nothing is."""
        if not self.keep_options:
            yield Unused(("ridge",), "keep_options=[]", "keep_options, such as [3,2]")

    @property
    def least_epochs(self) -> int:
        """One for each part."""
        return 1 + len(self.keep_options)

    @property
    def trains_path_sets(self) -> bool:
        """Whether paths are drawn in sets."""
        return self.sampling == "fair"

    def refuses(self, chosen: Chosen) -> str:
        """Fair sets with an objective that is about one current path; dropping what would not stay dropped."""
        if self.keep_options and (why := self._cannot_drop(chosen)):
            return why
        if self.sampling == "uniform" or isinstance(chosen.objective, Plain):
            return ""
        return (
            f"with sampling=fair does not go with the objective {chosen.objective_name}: of a set of paths none is the "
            f"current one, to which others are added; give {option('objective', 'plain')}, or "
            f"{assigned('method.sampling', 'uniform')}"
        )

    def _cannot_drop(self, chosen: Chosen) -> str:
        """What speaks against dropping, as `refuses` says it; nothing if empty."""
        space, most = chosen.space, max(chosen.space.gene_sizes)
        if self.keep_options[0] >= most:
            return f"drops nothing with keep_options={list(self.keep_options)} in {space.name}; give less than {most}"
        if not space.exact_genes:
            why = f"in {space.name}, where a value of a gene can stand for another"
        elif chosen.limited:
            why = "within a budget, which brings them back"
        elif not isinstance(chosen.objective, Plain):
            why = f"under the objective {chosen.objective_name}, which goes on to train them"
        else:
            return ""
        return f"drops no values {why}; leave method.keep_options out"

    def init(self, context: SearchContext) -> _Drawn:
        """Nothing is learnt but weights."""
        generator = np.random.default_rng(context.seed)
        return _Drawn(context=context, trainer=PathTrainer.make(context), generator=generator, values=[])

    def step(self, state: _Drawn, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights along what is drawn, a path or a set; the validation batch is not looked at."""
        if self.sampling == "fair":
            return state.trainer.step_over_set(train, state.space.latin(state.generator), progress)
        return state.trainer.step(train, state.space.sample(state.generator), progress)

    def epoch(self, state: _Drawn, validate: Validate, progress: Progress) -> Metrics:
        """Where a part of the search ends, what is left for the next one is chosen."""
        parts, space = (Stage(1 / self.least_epochs),) * self.least_epochs, state.context.space
        _, *starts = stage_starts(parts, progress.epochs)
        if progress.epoch + 1 in starts:
            keep = self.keep_options[starts.index(progress.epoch + 1)]
            drawn, merits = self._judged(state, validate, state.generator, self.candidates)
            left = Narrowed(space, state.values or [[*range(size)] for size in space.gene_sizes])
            state.values = left.keeping(drawn, merits, keep, self.ridge).values
        return {}

    def derive(self, state: _Drawn, validate: Validate) -> Architecture:
        """The best of the first few of the candidates that `final` would compare now."""
        drawn, merits = self._judged(state, validate, copy.deepcopy(state.generator), self.glance)
        return drawn[int(merits.argmax())]

    def final(self, state: _Drawn, validate: Validate) -> Architecture:
        """The best of `candidates` drawn architectures, the first of equals; by a fit where values were dropped."""
        drawn, merits = self._judged(state, validate, state.generator, self.candidates)
        if state.values:
            genes = [[*enumerate(state.context.space.genes(one))] for one in drawn]
            merits = additive_fit(genes, merits, self.ridge)
        return drawn[int(merits.argmax())]

    def draw_architecture(self, state: _Drawn, generator: torch.Generator) -> Architecture:
        """From what is left of the space."""
        seed = int(torch.randint(2**62, (), generator=generator))
        return state.space.sample(np.random.default_rng(seed))

    def _judged(
        self, state: _Drawn, validate: Validate, generator: np.random.Generator, count: int
    ) -> tuple[list[Architecture], np.ndarray]:
        """So many draws of what is left, and their merits."""
        drawn = [state.space.sample(generator) for _ in range(count)]
        return drawn, merits_of(state.context, drawn, validate, self.candidate_images)

r"""MdeNAS: a multinomial distribution, learnt from who is better though less trained.

X. Zheng, R. Ji, L. Tang, B. Zhang, J. Liu and Q. Tian, "Multinomial Distribution Learning for Effective Neural
Architecture Search", ICCV 2019 (section 3.3, Algorithm 1). Every decision of an architecture has probabilities p of its
options, uniform at first. In every epoch one architecture is drawn; its path is trained for the epoch and judged on
validation data. Each option knows for how many epochs it was trained, H^e, and how good the last architecture was that
had it, H^a. Then

    p_i <- p_i + lr (sum_j 1[H^e_i < H^e_j, H^a_i > H^a_j] - sum_j 1[H^e_i > H^e_j, H^a_i < H^a_j])

since a ranking in training is taken to hold at its end (the performance ranking hypothesis): who is better after fewer
epochs stays so. The answer has the most probable options.

- Nothing but comparisons moves p, so neither lr nor p depends on the scale of the metric. What one option gains
  another loses: p sums to 1 without being made to, until one would be negative. The paper is silent about that; here it
  is 0 then, and the others are scaled to a sum of 1.
- An option that was never drawn is in no comparison. In a short search many are equally probable at the end; of those
  the one is taken that was judged best.
- Published: lr = 0.01 in 100 epochs with batches of 512 and a learning rate of the weights that falls to 0. Here the
  setting is lr times epochs, so that in a search of fewer epochs p can go as far. The authors released networks and
  their evaluation, not the search.
- The decisions are the space's genes. In the spaces of DARTS the paper has probabilities of operations alone and keeps
  the inputs of a node that have the highest; here which inputs a node has is a decision as well.
- The objective trains other paths beside the epoch's, where it does (any objective fits); judged is the epoch's alone.
"""

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.core.state import ON_HOST
from supernas.data import Batch
from supernas.steps.contracts import ALL_IMAGES, Distribution, Method, Metrics, SearchContext, Validate
from supernas.steps.sequences import architectures_of
from supernas.steps.weights import PathTrainer, TrainedState

__all__ = ["MdeNAS", "moved"]


@dataclass(kw_only=True)
class Learnt(TrainedState):
    """What changes during the search; tensors are [genes, values], where smaller genes have values of probability 0.

    Attributes:
        probabilities: p.
        trained: H^e, the epochs for which each value was trained.
        judged: H^a, of which larger is better; minus infinity before there is any.
        path: that of the present epoch.
        generator: of all draws.
    """

    trainer: PathTrainer
    probabilities: Tensor = field(metadata=ON_HOST)
    trained: Tensor = field(metadata=ON_HOST)
    judged: Tensor = field(metadata=ON_HOST)
    path: Architecture
    generator: torch.Generator


@settings
class MdeNAS(Method[Learnt], Distribution):
    """A multinomial distribution over options, moved by comparisons of their accuracies and of their training."""

    published: ClassVar[Document] = {"search": {"epochs": 100, "batch_size": 512}, "weights": {"lr_min": 0.0}}

    lr_times_epochs: float = setting(
        1.0, "how far one comparison, made in every epoch, can move a probability: learning rate times epochs", gt=0
    )
    images: int | None = setting(
        None, "validation images on which an epoch's path is judged; with none the whole part", ge=1
    )

    def init(self, context: SearchContext) -> Learnt:
        """All options are equally probable, and the first path is drawn."""
        probabilities = uniform(context.space.gene_sizes)
        generator = torch.Generator().manual_seed(context.seed)
        return Learnt(
            context=context,
            trainer=PathTrainer.make(context),
            probabilities=probabilities,
            trained=torch.zeros(probabilities.shape, dtype=torch.int64),
            judged=torch.full_like(probabilities, -torch.inf),
            path=_drawn(context, probabilities, generator),
            generator=generator,
        )

    def step(self, state: Learnt, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights along the epoch's path; the validation batch is not looked at."""
        return state.trainer.step(train, state.path, progress)

    def epoch(self, state: Learnt, validate: Validate, progress: Progress) -> Metrics:
        """Judges the epoch's path, moves p, and draws the next one."""
        context = state.context
        metric = validate(state.path, self.images or ALL_IMAGES)
        genes = torch.tensor(context.space.genes(state.path))[:, None]
        better = metric if context.task.direction == "max" else -metric
        state.trained.scatter_add_(1, genes, torch.ones_like(genes))
        state.judged.scatter_(1, genes, better)
        rate = self.lr_times_epochs / context.epochs
        state.probabilities = moved(state.probabilities, state.trained, state.judged, rate)
        state.path = _drawn(context, state.probabilities, state.generator)
        return {"largest_probability": state.probabilities.amax(1).mean()}

    def derive(self, state: Learnt, validate: Validate) -> Architecture:
        """The most probable options; of equals the one that was judged best, the first of those."""
        most = state.probabilities == state.probabilities.amax(1, keepdim=True)
        known = state.judged.clamp_min(torch.finfo(state.judged.dtype).min)
        best = known.masked_fill(~most, -torch.inf).argmax(1)
        return architectures_of(state.context.space, best[None])[0]

    def draw_architecture(self, state: Learnt, generator: torch.Generator) -> Architecture:
        """From p."""
        return _drawn(state.context, state.probabilities, generator)


def uniform(sizes: tuple[int, ...]) -> Tensor:
    """The same probability for all values of each gene: Float[genes, values].

    >>> uniform((2, 3)).tolist() == [[1 / 2, 1 / 2, 0], [1 / 3, 1 / 3, 1 / 3]]
    True
    """
    counts = torch.tensor(sizes, dtype=torch.float64)[:, None]
    return (torch.arange(max(sizes)) < counts) / counts


def moved(probabilities: Tensor, trained: Tensor, judged: Tensor, rate: float) -> Tensor:
    """The probabilities after every pair of values of each gene was compared; all are [genes, values]."""
    fewer = trained[:, :, None] < trained[:, None, :]
    wins = fewer & (judged[:, :, None] > judged[:, None, :])  # [genes, winner, loser]
    balance = (wins.sum(2) - wins.sum(1)).to(probabilities)
    made = (probabilities + rate * balance).clamp_min(0)
    return made / made.sum(1, keepdim=True)


def _drawn(context: SearchContext, probabilities: Tensor, generator: torch.Generator) -> Architecture:
    drawn = torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    return architectures_of(context.space, drawn[None])[0]

r"""P-DARTS: progressively deeper, with fewer options.

X. Chen, L. Xie, J. Wu and Q. Tian, "Progressive Differentiable Architecture Search: Bridging the Depth Gap between
Search and Evaluation", ICCV 2019 (section 3). First-order DARTS in three stages, each with fresh weights and a fresh
alpha, in a deeper network that holds, at each choice, the options of the largest W of the stage before:

    stage          1        2        3
    cells          5       11       17
    options        8        5        3
    skip dropout   p_1      p_2      p_3       entries of skip connections are dropped with a probability that decays

    p(e) = p_s (1 - (e + 1) / 25)      while alpha waits (the first 10 of a stage's 25 epochs e)
    p(e) = p_s exp(-(e - 10) / 5)      afterwards

At the end at most `skips` skip connections stay in a normal cell: the weakest of them loses its weight and the cell is
derived again, until there are no more.

- p_s is 0, 0.4, 0.7, the paper's for CIFAR-10 (for CIFAR-100 it has 0.1, 0.2, 0.3); the released command has 0.1, 0.4,
  0.7 for both. The released code clips alpha's gradient at a norm of 5, which is not done here.
- The learning rate begins anew in each stage, as released, and so do momentum and Adam. The clock of a stage is that of
  25 epochs, whatever their number.
- `cells` are those of the supernet (in NAS-Bench-201, for which nothing is published, of each of its three stages) and
  stand in the place of `supernet.cells`. Options are kept where there are as many.
- Published: 25 epochs a stage, batch 96, Adam at 6e-4 (260 steps in 15 epochs of each: lr times steps is 2.34),
  learning rate 0.025 to 0, weight decay 3e-4, momentum without Nesterov's correction, alpha before the weights.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar

import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED
from supernas.data import Batch
from supernas.methods.base import (
    AlphaState,
    Change,
    ChangeOfWeights,
    FirstOrder,
    as_trained,
    unchanged,
)
from supernas.networks.base import Weights
from supernas.spaces.base import Space
from supernas.steps.contracts import Metrics, SearchContext, Stage, Validate, stage_starts
from supernas.steps.dropping import Dropping
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import derived

__all__ = ["PDARTS"]

_SKIP = "skip_connect"
_EPOCHS, _WAITS = 25, 0.4  # of a published stage, and the part of it in which alpha waits


@dataclass(kw_only=True)
class PDARTSState(AlphaState):
    """Also what drops entries of skip connections."""

    dropping: Dropping = field(metadata=UNSAVED)


@settings
class PDARTS(FirstOrder):
    """First-order DARTS in three stages, of more and more cells and fewer and fewer options."""

    carries_others: ClassVar[bool] = False
    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {
        "search": {"epochs": 75, "batch_size": 96},
        "weights": {"lr_min": 0.0, "weight_decay": 3e-4, "nesterov": False},
    }
    weights_on, alpha_on = "mean", "mean"
    first = "alpha"  # as released

    adam: AdamSettings = setting(
        AdamSettings(lr_times_steps=2.34, published_steps=3_900), "how alpha is moved in each stage"
    )
    cells: tuple[int, int, int] = setting((5, 11, 17), "of the supernet in each stage")
    keep_options: tuple[int, int] = setting((5, 3), "options of each choice in the second and the third stage")
    skip_dropout: tuple[float, float, float] = setting(
        (0.0, 0.4, 0.7), "probability with which entries of skip connections are dropped, as each stage begins"
    )
    skips: int | None = setting(2, "skip connections in a normal cell at the end, at most; none: any", ge=0)

    def __post_init__(self) -> None:
        if min(self.cells) < 1 or min(self.keep_options) < 2:
            raise ValueError("cells are 1 or more in each stage, keep_options 2 or more")
        if not all(0 <= probability < 1 for probability in self.skip_dropout):
            raise ValueError("skip_dropout are probabilities: 0 or more, and less than 1")

    def make_alpha_optimiser(self, alpha: Sequence[Tensor], context: SearchContext) -> torch.optim.Adam:
        """Adam, for the steps of a stage in which alpha moves."""
        return self.adam.over(alpha, self.alpha_steps(context) / len(self.stages()))

    # -- stages -------------------------------------------------------------------------------------------------------

    def stages(self) -> tuple[Stage, ...]:
        """Three of equal length."""
        return tuple(Stage(1 / len(self.cells), {"cells": cells}, alpha_warmup=_WAITS) for cells in self.cells)

    def keep(self, state: AlphaState, stage: int) -> tuple[Pair, ...]:
        """The options of the largest W at each choice, of those that are there."""
        with torch.no_grad():
            W = self.relax(state, state.alpha)
        pairs: list[Pair] = []
        for kind, where in state.context.space.kinds.items():
            count = min(self.keep_options[stage - 1], W[kind].shape[1])
            for choice, row in zip(where, W[kind].topk(count, dim=-1).indices.tolist(), strict=True):
                pairs += [(choice, option) for option in row]
        return tuple(sorted(set(pairs) & set(state.context.network.pairs)))

    def init(self, context: SearchContext) -> PDARTSState:
        """A stage's: fresh weights, alpha near 0, and skip connections that can drop."""
        state, space = super().init(context), context.space
        skips = (
            module
            for (choice, option), module in context.network.option_modules()
            if space.choices[choice].options[option] == _SKIP
        )
        mine = {one.name: getattr(state, one.name) for one in fields(state)}
        return PDARTSState(**mine, dropping=Dropping(skips, "entries"))

    def step(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """That of DARTS, with the dropout of this moment."""
        assert isinstance(state, PDARTSState)
        state.dropping.probability = self.dropout(progress)
        try:
            return super().step(state, train, valid, progress, change)
        finally:
            state.dropping.probability = 0.0

    def train_weights(
        self, state: AlphaState, batch: Batch, progress: Progress, change: ChangeOfWeights = as_trained
    ) -> Metrics:
        """One step of the weights, at the learning rate of the stage."""
        return super().train_weights(state, batch, self.within(progress)[1], change)

    def within(self, progress: Progress) -> tuple[int, Progress]:
        """(number of the stage, how far it has come)."""
        starts = [*stage_starts(self.stages(), progress.epochs), progress.epochs]
        number = max(stage for stage, begin in enumerate(starts[:-1]) if begin <= progress.epoch)
        begin, end = starts[number], starts[number + 1]
        steps = progress.steps // progress.epochs
        return number, Progress(
            progress.step - begin * steps, (end - begin) * steps, progress.epoch - begin, end - begin
        )

    def dropout(self, progress: Progress) -> float:
        """The probability with which entries of skip connections are dropped now."""
        number, inside = self.within(progress)
        done = inside.epoch / inside.epochs
        if done < _WAITS:
            return self.skip_dropout[number] * (1 - done - 1 / _EPOCHS)
        return self.skip_dropout[number] * math.exp(-(done - _WAITS) * _EPOCHS / 5)

    # -- the answer ---------------------------------------------------------------------------------------------------

    def final(self, state: AlphaState, validate: Validate) -> Architecture:
        """The architecture of the largest entries with no more skip connections than there may be."""
        with torch.no_grad():
            W = self.relax(state, state.alpha)
        return (
            derived(W, state.context.space)
            if self.skips is None
            else with_few_skips(W, state.context.space, self.skips)
        )


def with_few_skips(W: Weights, space: Space, most: int) -> Architecture:
    """What is derived when, of the skip connections of the space's first kind of cell, the weakest lose their weight
    one after another until there are few enough.
    """
    kind, where = next(iter(space.kinds.items()))
    left = {name: matrix.detach().clone() for name, matrix in W.items()}
    while True:
        architecture = derived(left, space)
        skips = [
            (choice - where.start, option)
            for choice, option in architecture.pairs
            if choice in where and space.choices[choice].options[option] == _SKIP
        ]
        weakest = min(skips, key=lambda place: float(left[kind][place]), default=None)
        if len(skips) <= most or weakest is None or float(left[kind][weakest]) == 0:
            return architecture
        left[kind][weakest] = 0.0

"""What methods share that train their candidates: each alone, from the same first weights, judged by what it learnt.

A candidate is a path of the supernet. Nothing else is trained along with it, so its weights are its own, and a step
costs what a step of one path costs every one-shot method: `search.epochs` is the price of both.

    train   so many candidates as the epochs allow, each for `trains` epochs, one after another as the strategy asks
    halve   the best `finalists` of them from the start again, for 2, 4, ... times as long, the better half going on
    answer  the best of those that were trained longest

Each training has a whole schedule of the learning rate of its own, and is judged on all validation images. The search's
network holds the best one's weights, so that what a run says of inherited accuracy is that of the answer after its own
training. What a strategy asks follows from the seed and from the scores so far, so these are all that is saved of it.
"""

from abc import abstractmethod
from collections.abc import Generator
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED
from supernas.data import Batch
from supernas.networks.base import Network
from supernas.spaces.base import Space
from supernas.spaces.search_strategies import Strategy, halving_cost, successive_halving
from supernas.steps.contracts import (
    ALL_IMAGES,
    Chosen,
    Method,
    Metrics,
    SearchContext,
    Validate,
    Visiting,
    needs_plain,
)
from supernas.steps.weights import PathTrainer, TrainedState

__all__ = ["CandidateState", "TrainsCandidates"]


class Trial(NamedTuple):
    """A candidate, and for how many epochs it is trained."""

    architecture: Architecture
    epochs: int


Plan = Generator[Trial, float, None]
"""Asks for one training after another; is sent the score of each, of which larger is better."""


class Followed:
    """A plan as far as scores are known. One that is made anew is told the scores of before, and asks the same."""

    def __init__(self, plan: Plan) -> None:
        self._plan, self._asked = plan, [next(plan)]
        self._ended = False

    @property
    def first(self) -> Trial:
        """What is trained first, whatever the scores."""
        return self._asked[0]

    def next(self, scores: list[float]) -> Trial | None:
        """What is to be trained next; None at the end."""
        while not self._ended and len(self._asked) <= len(scores):
            try:
                self._asked.append(self._plan.send(scores[len(self._asked) - 1]))
            except StopIteration:
                self._ended = True
        return None if len(scores) == len(self._asked) else self._asked[len(scores)]

    def tried(self, scores: list[float]) -> list[Trial]:
        """What has these scores."""
        self.next(scores)
        return self._asked[: len(scores)]


@dataclass(kw_only=True)
class CandidateState(TrainedState):
    """What changes during the search.

    Attributes:
        plan: what is trained.
        first: the weights that every candidate begins with.
        candidate: a network as the search's, on which the present one is trained.
        trainer: the step of its weights.
        done: its steps so far.
        scores: the metric of each training that has ended, negative where small is good,
        usable: and whether its candidate may be the answer.
    """

    plan: Followed = field(metadata=UNSAVED)  # follows from the seed and the scores
    first: dict[str, Tensor] = field(metadata=UNSAVED)  # follow from the seed
    candidate: Network
    trainer: PathTrainer
    done: int = 0
    scores: list[float] = field(default_factory=list)
    usable: list[bool] = field(default_factory=list)


@settings
class TrainsCandidates(Method[CandidateState], Visiting):
    """Asks a strategy what to train, and tells it how good that became."""

    shares_weights: ClassVar[bool] = False

    trains: int = setting(1, "epochs for which each candidate is trained", ge=1)
    finalists: int = setting(
        1, "so many of them, the best, are trained anew for longer and longer, by successive halving; 1: none", ge=1
    )

    @abstractmethod
    def strategy(self, space: Space, generator: np.random.Generator) -> Strategy:
        """What the candidates are: asks for one, and is sent its score, of which larger is better."""

    @property
    def least_epochs(self) -> int:
        """As many candidates as there are finalists, and their halving."""
        return self.finalists * self.trains + self._halving

    def refuses(self, chosen: Chosen) -> str:
        """Objectives that train other paths beside the candidate, or remember them."""
        return needs_plain(chosen, "each candidate is trained alone")

    def init(self, context: SearchContext) -> CandidateState:
        """The first weights are the network's, fresh or those of an earlier search."""
        candidate = deepcopy(context.network)
        return CandidateState(
            context=context,
            plan=Followed(self._plan(context)),
            first=_weights(candidate),
            candidate=candidate,
            trainer=_trainer(context, candidate),
        )

    def step(self, state: CandidateState, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """A step of the present candidate's training, which knows its own schedule alone."""
        trial, of_epoch = state.plan.next(state.scores), _steps_of_epoch(progress)
        assert trial is not None, "a search that has ended goes on"
        if state.done == 0:
            state.candidate.load_state_dict(state.first)
            state.candidate.train()
            state.trainer = _trainer(state.context, state.candidate)
        own = Progress(state.done, trial.epochs * of_epoch, state.done // of_epoch, trial.epochs)
        state.done += 1
        return state.trainer.step(train, trial.architecture, own)

    def epoch(self, state: CandidateState, validate: Validate, progress: Progress) -> Metrics:
        """Judges a candidate whose training has ended. Until the first has, the network follows it."""
        trial = state.plan.next(state.scores)
        if trial is not None and state.done == trial.epochs * _steps_of_epoch(progress):
            self._judge(state, trial.architecture, validate)
        elif not state.scores:
            state.context.network.load_state_dict(state.candidate.state_dict())
        return {"trainings": torch.tensor(float(len(state.scores)))}

    def derive(self, state: CandidateState, validate: Validate) -> Architecture:
        """The best so far; before there is any, the candidate that is being trained."""
        if not state.scores:
            return state.plan.first.architecture
        tried = state.plan.tried(state.scores)
        return tried[_best(state, tried)].architecture

    def ended(self, state: CandidateState) -> bool:
        """Whether the epochs that are left are too few for another training, or the space has no other candidate."""
        return state.plan.next(state.scores) is None

    def visited(self, state: CandidateState) -> list[Architecture]:
        """All that were trained."""
        tried = state.plan.tried(state.scores)
        return list(dict.fromkeys(trial.architecture for trial in reversed(tried)))[::-1]

    def record(self, state: CandidateState) -> Document:
        """How many trainings there were, and what each gave."""
        context = state.context
        trained = [
            {
                "architecture": context.space.format(trial.architecture),
                "epochs": trial.epochs,
                f"valid_{context.task.quantity}": _sign(context) * score,
            }
            for trial, score in zip(state.plan.tried(state.scores), state.scores, strict=True)
        ]
        return {"trainings": len(trained), "trained": trained}

    # -- what is trained ----------------------------------------------------------------------------------------------

    @property
    def _halving(self) -> int:
        """Epochs of the halving."""
        return halving_cost(self.finalists, 2 * self.trains)

    def _plan(self, context: SearchContext) -> Plan:
        """The candidates of the strategy, then the finalists."""
        strategy = self.strategy(context.space, np.random.default_rng(context.seed))
        best: dict[Architecture, float] = {}
        asked = next(strategy)
        for _ in range((context.epochs - self._halving) // self.trains):
            score = yield Trial(asked, self.trains)
            best[asked] = max(score, best.get(asked, score))
            try:
                asked = strategy.send(score)
            except StopIteration:
                break
        yield from _halving(sorted(best, key=lambda one: -best[one])[: self.finalists], 2 * self.trains)

    # -- judging ------------------------------------------------------------------------------------------------------

    def _judge(self, state: CandidateState, architecture: Architecture, validate: Validate) -> None:
        """Notes what the present candidate has become; the network keeps the best one's weights."""
        context, network = state.context, state.context.network
        before = _weights(network)
        network.load_state_dict(state.candidate.state_dict())
        state.scores.append(_sign(context) * validate(architecture, ALL_IMAGES))
        state.usable.append(context.usable(architecture))
        if _best(state, state.plan.tried(state.scores)) != len(state.scores) - 1:
            network.load_state_dict(before)
        state.done = 0


def _halving(finalists: list[Architecture], epochs: int) -> Plan:
    if len(finalists) < 2:
        return
    halving = successive_halving(finalists, epochs)
    standing, epochs = next(halving)
    while True:
        scores = []
        for architecture in standing:
            scores.append((yield Trial(architecture, epochs)))
        try:
            standing, epochs = halving.send(scores)
        except StopIteration:
            return


def _best(state: CandidateState, tried: list[Trial]) -> int:
    """The place of the best: of those that may be the answer the longest trained, of these the best, the first of
    equals.
    """

    def rank(place: int) -> tuple[bool, int, float]:
        return state.usable[place], tried[place].epochs, state.scores[place]

    return max(range(len(tried)), key=rank)


def _sign(context: SearchContext) -> float:
    return 1.0 if context.task.direction == "max" else -1.0


def _steps_of_epoch(progress: Progress) -> int:
    return progress.steps // progress.epochs


def _trainer(context: SearchContext, network: Network) -> PathTrainer:
    return PathTrainer.make(replace(context, network=network))


def _weights(network: Network) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

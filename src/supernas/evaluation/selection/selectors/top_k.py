"""The best few by inherited accuracy, or by a zero-cost proxy, are trained for a short time on the search's training
half, and judged on its validation half.

`source=visited` takes what the search visited as candidates, if it remembers that; `source=learnt` draws from the
distribution with which it ended (with a proxy that is BaLeNAS-TF, and trainings after it). With `proxy` the supernet is
not asked: untrained networks are scored, of the size that is trained, or of that of the network that is wanted in the
end, which may be too large to be trained here (`scored.name=value`).
"""

import math
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.evaluation.selection.question import SOURCES, Question, Selection, Selector, Source
from supernas.evaluation.selection.selectors._scoring import Scoring, scores_of
from supernas.evaluation.selection.successive_halving import train_by_halving
from supernas.runs.configuration import TrainConfig, assign, merge, resolve_train
from supernas.runs.finished import check_halves, training_beside

__all__ = ["TopK"]

_SCORED = "scored."


@settings
class TopK(Selector):
    """The best few of some architectures by inherited accuracy; then training, by successive halving."""

    candidates: int = setting(100, "architectures that are compared", ge=2)
    source: Source = setting("uniform", SOURCES)
    top: int = setting(8, "K: so many of them, the best, are trained", ge=2)
    epochs: int = setting(2, "of the first trainings; they double while the architectures halve", ge=1)
    weights: Literal["fresh", "inherited"] = setting("fresh", "what trainings start from: nothing, or the supernet")
    proxy: str | None = setting(None, "what chooses those that are trained; with none their inherited accuracy does")
    set: tuple[str, ...] = setting(
        (),
        "settings of the trainings, as section.name=value; and of the networks that are scored, as scored.name=value",
    )

    def __post_init__(self) -> None:
        if self.top > self.candidates:
            raise ValueError(f"top is {self.top}, of {self.candidates} candidates; wanted at most as many")
        if self._scored and self.proxy is None:
            raise ValueError(
                f"set {self._scored[0]!r} is about networks that a proxy scores; give proxy, or leave it out"
            )

    @property
    def _scored(self) -> list[str]:
        return [one for one in self.set if one.lstrip().startswith(_SCORED)]

    @property
    def asks_supernet(self) -> bool:
        """Only where no proxy stands in for it."""
        return self.proxy is None

    def training(self, question: Question) -> TrainConfig:
        """By the recipe of the search's preset, on its halves, at its supernet's size."""
        config = question.config
        stand_in = config.space.sample(np.random.default_rng(0))
        mine: Document = {
            "architecture": config.space.format(stand_in),
            "train": {"seed": question.seed, "device": question.device.type, "epochs": self.epochs},
        }
        document = merge(training_beside(config), mine)
        for assignment in self.set:
            if assignment not in self._scored:
                assign(document, assignment)
        training = resolve_train(document)
        check_halves(config, training)
        if (training.architecture, training.train.epochs) != (stand_in, self.epochs):
            raise UserError(
                "set must not give the architecture, which is chosen, or train.epochs; the option epochs does"
            )
        return training

    def choose(self, question: Question, runs: Path) -> Selection:
        """Ranks all, and trains the best."""
        architectures = question.candidates(self.source, self.candidates)
        training = self.training(question)
        ranked_by, values, merits = self._ranking(question, training, architectures)
        order = question.ranked(architectures, merits)[: self.top]
        if self.weights == "inherited":
            training = replace(training, train=replace(training.train, inherit=str(question.folder.resolve())))
        if len(order) < 2:
            raise UserError(f"there is {len(order)} candidate; wanted two or more to train and compare")
        halving = train_by_halving(training, [architectures[at] for at in order], runs, question.on_training)
        return Selection(
            halving.winner,
            halving.accuracy,
            f"accuracy on the validation half after {halving.epochs} epochs of training, %",
            {
                ranked_by: [float(values[at]) if math.isfinite(values[at]) else None for at in order],
                "rounds": halving.rounds,
            },
        )

    def _ranking(
        self, question: Question, training: TrainConfig, architectures: list[Architecture]
    ) -> tuple[str, np.ndarray, np.ndarray]:
        """(what ranks them, for the record; its values [architectures]; merits, the higher the better)."""
        if self.proxy is None:
            accuracies = question.accuracies(architectures)
            return "inherited", accuracies, accuracies
        size = tuple("network." + one.lstrip().removeprefix(_SCORED) for one in self._scored)
        proxy, scores = scores_of(Scoring(proxy=self.proxy, set=size), question, architectures, training.network)
        return self.proxy, scores, np.nan_to_num(proxy.rising(scores), nan=-np.inf)

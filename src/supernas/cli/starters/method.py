"""Uniform paths, and at the end the best of some random architectures by validation.

A. Author and B. Author, "The Title of the Paper That This Implements", 2026: write the update rule here, with the
numbers of its equations; where the paper is silent or wrong, say what you do.
"""

from dataclasses import dataclass

import numpy as np

from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.steps.contracts import Method, Metrics, SearchContext, Validate
from supernas.steps.weights import PathTrainer, TrainedState

__all__ = ["Example"]


@dataclass(kw_only=True)
class Drawn(TrainedState):
    """The supernet's trainer, and the generator of the paths; all of it is saved and resumed."""

    trainer: PathTrainer
    generator: np.random.Generator


@settings
class Example(Method[Drawn]):
    """Uniform paths; the best of some random architectures by validation."""

    candidates: int = setting(20, "random architectures that are compared at the end", ge=1)

    def init(self, context: SearchContext) -> Drawn:
        """The state before the first step."""
        generator = np.random.default_rng(context.seed)
        return Drawn(context=context, trainer=PathTrainer.make(context), generator=generator)

    def step(self, state: Drawn, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """Trains the weights along one random path."""
        return state.trainer.step(train, state.context.space.sample(state.generator), progress)

    def derive(self, state: Drawn, validate: Validate) -> Architecture:
        """The path that was trained last."""
        assert state.last_path is not None, "there was a step"
        return state.last_path

    def final(self, state: Drawn, validate: Validate) -> Architecture:
        """The best of the random architectures."""
        drawn = [state.context.space.sample(state.generator) for _ in range(self.candidates)]
        return max(drawn, key=validate)

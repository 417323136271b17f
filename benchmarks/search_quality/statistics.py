"""The figures of the links as functions of plain arrays."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from supernas.core.architecture import Architecture, Pair
from supernas.spaces.base import Space

__all__ = ["Signal", "effects", "percentile", "signal", "weakest"]

_NORMAL_QUARTILES = 1.349  # distance of a normal distribution's quartiles, in deviations


@dataclass(frozen=True)
class Signal:
    """How far losses of architectures lie apart, beside the noise of one batch; in nats.

    Attributes:
        spread: the standard deviation over architectures of the loss on many images.
        middle: the same from the quartiles alone (of a normal distribution it is equal): a few architectures that
            compute nothing have no part in it.
        noise: the standard deviation over batches of the loss of one architecture, averaged over some.
    """

    spread: float
    middle: float
    noise: float

    @property
    def ratio(self) -> float:
        """Spread in units of the noise."""
        return self.spread / self.noise

    @property
    def tau(self) -> float:
        """Kendall's tau, in the limit of many architectures, of a ranking in which each is judged on one batch of its
        own with that on many images, where both vary normally (Greiner's relation).
        """
        correlation = self.spread / math.hypot(self.spread, self.noise)
        return 2 / math.pi * math.asin(correlation)


def signal(losses: np.ndarray, noises: np.ndarray) -> Signal:
    """The signal of losses on many images [architectures] and of deviations over batches [some architectures]."""
    low, high = np.percentile(losses, (25, 75))
    return Signal(float(np.std(losses, ddof=1)), float(high - low) / _NORMAL_QUARTILES, float(np.mean(noises)))


def effects(space: Space, architectures: Sequence[Architecture], score: np.ndarray) -> dict[Pair, float] | None:
    """What each option at each choice adds to the rank by a score, against the mean of the choice's options.

    Least squares of the standardised rank on an indicator of every (choice, option) pair. Indicators of a choice sum to
    one, so only differences within a choice are determined, and these are what is returned: (choice, option) ->
    standard deviations of rank. None where the architectures do not determine them.

    Args:
        space: with one option at each choice.
        architectures: which.
        score: of each, larger is better [architectures].
    """
    ranks = rankdata(score)
    standardised = (ranks - ranks.mean()) / ranks.std()
    held = [set(architecture.pairs) for architecture in architectures]
    indicators = np.array([[pair in pairs for pair in space.pairs] for pairs in held], dtype=float)
    found, _, rank, _ = np.linalg.lstsq(indicators, standardised, rcond=None)
    choices = len(space.choices)
    if rank < len(space.pairs) - choices + 1:  # a constant, and all options of a choice but one
        return None
    by_pair = dict(zip(space.pairs, found.tolist(), strict=True))
    means = {choice: np.mean([by_pair[pair] for pair in space.pairs if pair[0] == choice]) for choice, _ in space.pairs}
    return {pair: float(value - means[pair[0]]) for pair, value in by_pair.items()}


def percentile(value: float, among: np.ndarray) -> float:
    """The percentage of losses [architectures] that are below a loss, equals counting half: 0 is the best."""
    return 100 * float(np.mean(among < value) + np.mean(among == value) / 2)


def weakest(links: Mapping[str, float]) -> str:
    """The link that keeps the fewest pairs in order, the first of equals."""
    return min(links, key=lambda name: links[name])

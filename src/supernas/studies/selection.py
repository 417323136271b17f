"""The best of some architectures drawn from what a search has learnt, by any score: the choice of BaLeNAS-TF.

M. Zhang et al., "BaLeNAS", CVPR 2022, section 3.3: 100 draws from the learnt distribution, ranked by a training-free
proxy. Any method that ends with a distribution can be asked (`contracts.Distribution`).
"""

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from supernas.architecture import Architecture
from supernas.contracts import Distribution, Method
from supernas.errors import UserError

__all__ = ["Selected", "select_from_distribution"]


@dataclass(frozen=True)
class Selected:
    """What was selected.

    Attributes:
        architecture: the best.
        score: its score.
        scores: those of all architectures that were drawn, in the order in which they came up.
        counts: how often each was drawn.
    """

    architecture: Architecture
    score: float
    scores: dict[Architecture, float]
    counts: dict[Architecture, int]


def select_from_distribution(
    method: Method,
    state: Any,
    draws: int,
    score: Callable[[Architecture], float],
    generator: torch.Generator,
) -> Selected:
    """Draws architectures, scores each different one once, and takes the best, of equals the first drawn.

    Args:
        method: one that ends with a distribution.
        state: its state.
        draws: how many are drawn, repeats included.
        score: more is better; what is not a number is never the best if another has a score.
        generator: of the draws.

    Raises:
        UserError: if the method has no distribution, or there is nothing to draw.
    """
    if not isinstance(method, Distribution):
        raise UserError(f"{type(method).__name__} ends with one architecture, not with a distribution to draw from")
    if draws < 1:
        raise UserError(f"{draws} draws; wanted 1 or more")
    counts = Counter(method.draw_architecture(state, generator) for _ in range(draws))
    scores = {architecture: float(score(architecture)) for architecture in counts}
    best = max(scores, key=lambda one: -math.inf if math.isnan(scores[one]) else scores[one])
    return Selected(best, scores[best], scores, dict(counts))

"""The best of some architectures drawn from what a search has learnt, by any score: the choice of BaLeNAS-TF.

M. Zhang et al., "BaLeNAS", CVPR 2022, section 3.3: 100 draws from the learnt distribution, ranked by a training-free
proxy. Any method that ends with a distribution can be asked (`contracts.Distribution`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.proxies import best_by_proxy
from supernas.runs.checkpoint import checkpoint_exists
from supernas.runs.finished import read_run
from supernas.runs.search import Search
from supernas.steps.contracts import Distribution, Method

__all__ = ["Selected", "learnt", "select_from_distribution"]


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
    direction: Literal["max", "min"] = "max",
) -> Selected:
    """Draws architectures, scores each different one once, and takes the best, of equals the first drawn.

    Args:
        method: one that ends with a distribution.
        state: its state.
        draws: how many are drawn, repeats included.
        score: of an architecture.
        generator: of the draws.
        direction: whether a good score is large (`max`) or small (`min`).

    Raises:
        UserError: if the method has no distribution, or there is nothing to draw.
    """
    if not isinstance(method, Distribution):
        raise UserError(f"{type(method).__name__} ends with one architecture, not with a distribution to draw from")
    if draws < 1:
        raise UserError(f"{draws} draws; wanted 1 or more")
    counts = Counter(method.draw_architecture(state, generator) for _ in range(draws))
    best, scores = best_by_proxy(counts, score, direction)
    return Selected(best, scores[best], scores, dict(counts))


def learnt(folder: Path) -> tuple[Method, Any]:
    """The method of a finished search, and the state in which it ended, from the run folder's checkpoint.

    Raises:
        UserError: if the folder holds no finished search, or no checkpoint that can be read.
    """
    config, _ = read_run(folder)
    if not checkpoint_exists(folder):
        raise UserError(f"{folder} holds no checkpoint, where what the method learnt is kept; run the search again")
    with torch.random.fork_rng():
        search = Search(config, folder, resume=True)
    if not search.finished:
        raise UserError(
            f"{folder}: the last checkpoint is gone or damaged, and the one before is not of the search's end; resume "
            f"the search, with {option('resume', True)}"
        )
    return config.method, search.state.method

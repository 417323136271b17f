"""What every search has to beat and no search is needed for: the space's reference architectures, and random ones.

Random rows are exact: their mean and deviation are over every draw that could be made, not over some that were.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from supernas.core.architecture import Architecture, Pair
from supernas.evaluation.live_parameters import parameter_scores
from supernas.studies.results import Truth
from supernas.studies.summary import Spread, best_of

__all__ = ["BaselineRow", "baseline_rows"]


@dataclass(frozen=True)
class BaselineRow:
    """A row without a search: its values by column, and its architecture where it is one."""

    label: str
    values: dict[str, Spread]
    architecture: Architecture | None = None


def baseline_rows(truth: Truth, n: int, counts: Mapping[Pair, int]) -> list[BaselineRow]:
    """The rows of a benchmark's space.

    Args:
        truth: the benchmark.
        n: how many random architectures the best is taken of.
        counts: the parameters of each (choice, option) pair.
    """
    space = truth.table.space
    references = [
        BaselineRow(label, {name: Spread(1, value) for name, value in truth(architecture).items()}, architecture)
        for label, architecture in space.reference_architectures.items()
    ]
    scores = parameter_scores(space, list(space), counts)
    everywhere = {name: _known(values) for name, values in truth.columns.items()}
    random = {
        f"a random one of all {len(space):,}": {name: _all(known[1]) for name, known in everywhere.items()},
        **{
            f"best of {n} random by {score}": {
                name: best_of(values[where], known, n) for name, (where, known) in everywhere.items()
            }
            for score, values in scores.items()
        },
        f"best of {n} random by that true accuracy (an oracle)": {
            name: best_of(known, known, n) for name, (_, known) in everywhere.items()
        },
    }
    return [*references, *(BaselineRow(label, values) for label, values in random.items())]


def _known(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which architectures have an accuracy [known], and it [known]."""
    where = np.flatnonzero(~np.isnan(values))
    return where, values[where]


def _all(values: np.ndarray) -> Spread:
    return Spread(1, float(values.mean()), float(values.std()))

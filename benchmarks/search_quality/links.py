"""The four links of one finished search, as a record of plain values."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from supernas.benchmarks import Table, final_tests, named_columns, truths
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError, unknown
from supernas.evaluation.correlate import draw
from supernas.evaluation.live_parameters import pair_parameters, parameter_scores
from supernas.evaluation.rank_correlation import bootstrap, tau
from supernas.spaces.base import Space

from . import alpha
from .frozen import Frozen
from .statistics import effects, percentile, signal, weakest

__all__ = ["Own", "Sizes", "Truth", "measure"]

Record = dict[str, Any]
Own = Callable[[Frozen, Sequence[Architecture]], np.ndarray]
"""The accuracies of architectures after training at a search's own scale."""

_LEAST = 3  # architectures that a rank correlation is worth computing for


@dataclass(frozen=True)
class Sizes:
    """How much is measured; `docs/guides/search-quality.md` explains each."""

    cells: int
    own_cells: int
    own_epochs: int
    noise_cells: int
    noise_batches: int
    starts: int
    alpha_steps: int
    random_cells: int
    images: int
    above: float
    option: str


class Truth:
    """A table's accuracies, for what has been searched already.

    Args:
        table: the table.
        space: of the searches.
        column: by its name, the one that rankings are judged by.

    Raises:
        UserError: if the table is of another space or has no such column.
    """

    def __init__(self, table: Table, space: Space, column: str) -> None:
        if column not in (known := named_columns(table)):
            raise UserError(f"--truth {column}: the table has no such column; wanted {' | '.join(known)}")
        self.column, self._all, self.tests = column, truths(table, space), final_tests(table, space)

    def knows(self, architecture: Architecture) -> bool:
        """Whether the judging column has it."""
        return self.column in self._all(architecture)

    def __call__(self, architectures: Sequence[Architecture]) -> np.ndarray:
        """The judging column [architectures]."""
        return np.array([self._all(one)[self.column] for one in architectures])


def measure(frozen: Frozen, truth: Truth, sizes: Sizes, own: Own) -> Record:
    """All links, and which is the weakest.

    Raises:
        UserError: if no choice of the space has the option whose effect is wanted.
    """
    names = dict.fromkeys(option for choice in frozen.space.choices for option in choice.options)
    if sizes.option not in names:
        raise unknown("option", sizes.option, names)
    cells = [cell for cell in draw(frozen.space, sizes.cells) if truth.knows(cell)]
    random = draw(frozen.space, sizes.random_cells)
    record: Record = {
        "folder": str(frozen.folder),
        "method": frozen.config.method_name,
        "objective": frozen.config.objective_name,
        "seed": frozen.config.search.seed,
        "batch_norm": frozen.evaluation.batch_norm,
        "signal": _signal(frozen, cells, sizes),
        **_fidelity(frozen, cells, truth, sizes, own),
        "optimisation": _optimisation(frozen, random, sizes),
        "outcome": _outcome(frozen, random, truth),
    }
    links = _links(record, alpha.own_way(frozen.config.method))
    return {**record, "links": links, "loses at": weakest(links)}


# -- signal ------------------------------------------------------------------------------------------------------------


def _signal(frozen: Frozen, cells: list[Architecture], sizes: Sizes) -> Record:
    noises = frozen.noises(cells[: sizes.noise_cells], sizes.noise_batches)
    found = signal(frozen.losses(cells), noises)
    return {**vars(found), "ratio": found.ratio, "tau": found.tau}


# -- fidelity ----------------------------------------------------------------------------------------------------------


def _fidelity(frozen: Frozen, cells: list[Architecture], truth: Truth, sizes: Sizes, own: Own) -> Record:
    space, true = frozen.space, truth(cells)
    size = space.network_class.size_of(frozen.config.supernet)
    trivial = parameter_scores(space, cells, pair_parameters(space, **size))
    scores = {"accuracy": frozen.accuracies(cells), "loss": -frozen.losses(cells), **trivial}
    best = true > sizes.above
    fidelity = {
        "truth": truth.column,
        "all": {"cells": len(cells), **_taus(scores, true)},
        "best": {"cells": int(best.sum()), **_taus({name: one[best] for name, one in scores.items()}, true[best])},
    }
    standing = {"supernet": (cells, scores["loss"]), "truth": (cells, true)}
    few = cells[: sizes.own_cells]
    gaps = None
    if few:
        trained = own(frozen, few)
        standing["own scale"] = few, trained
        gaps = {
            "cells": len(few),
            "epochs": sizes.own_epochs,
            "sharing": _tau(scores["accuracy"][: len(few)], trained),
            "sharing by loss": _tau(scores["loss"][: len(few)], trained),
            "proxy": _tau(trained, true[: len(few)]),
            "both": _tau(scores["accuracy"][: len(few)], true[: len(few)]),
        }
    return {"fidelity": fidelity, "gaps": gaps, "effects": _effects(space, standing, sizes.option)}


def _taus(scores: Mapping[str, np.ndarray], true: np.ndarray) -> Record:
    return {name: _tau(score, true) for name, score in scores.items()}


def _tau(score: np.ndarray, true: np.ndarray) -> Record | None:
    """Tau-b with its interval; None among too few or where all are equal."""
    if len(score) < _LEAST or np.ptp(score) == 0 or np.ptp(true) == 0:
        return None
    return bootstrap(tau, score, true, seed=0).record()


def _effects(
    space: Space, standing: Mapping[str, tuple[list[Architecture], np.ndarray]], option: str
) -> dict[str, dict[str, float] | None]:
    """Ranking -> choice -> effect of the option of that name; None of a ranking of too few architectures."""
    there = {
        choice.name: (number, choice.options.index(option))
        for number, choice in enumerate(space.choices)
        if option in choice.options
    }
    found = {name: effects(space, cells, score) for name, (cells, score) in standing.items()}
    return {
        name: by_pair and {choice: by_pair[pair] for choice, pair in there.items()} for name, by_pair in found.items()
    }


# -- optimisation ------------------------------------------------------------------------------------------------------


def _optimisation(frozen: Frozen, random: list[Architecture], sizes: Sizes) -> Record:
    """Way -> from each start: percentiles of the final and of the best visited architecture, distinct ones visited."""
    record = {}
    for name, walk in alpha.ways(frozen).items() if sizes.starts else ():
        paths = alpha.paths_of(frozen, name, walk, sizes.starts, sizes.alpha_steps)
        among = frozen.losses(random)
        record[name] = {
            "final": [percentile(float(frozen.losses([path.final])[0]), among) for path in paths],
            "best visited": [percentile(float(frozen.losses(path.visited).min()), among) for path in paths],
            "distinct": [len(path.visited) for path in paths],
        }
    return record


# -- outcome -----------------------------------------------------------------------------------------------------------


def _outcome(frozen: Frozen, random: list[Architecture], truth: Truth) -> Record:
    own = percentile(float(frozen.losses([frozen.answer])[0]), frozen.losses(random))
    return {
        "architecture": frozen.space.format(frozen.answer),
        "truth": truth.tests(frozen.answer),
        "percentile": own,
    }


# -- which link loses --------------------------------------------------------------------------------------------------


def _links(record: Record, own_way: str | None) -> dict[str, float]:
    """Of pairs of architectures, the share that a link orders rightly less the share that it orders wrongly."""
    found = record["optimisation"].get(own_way)
    place = float(np.median(found["final"])) if found else record["outcome"]["percentile"]
    gaps, whole = record["gaps"], record["fidelity"]["all"]["accuracy"]
    ranked = {"fidelity": whole} if gaps is None else {"sharing": gaps["sharing"], "proxy": gaps["proxy"]}
    return {
        "signal": record["signal"]["tau"],
        **{name: estimate["value"] if estimate else 0.0 for name, estimate in ranked.items()},
        "optimisation": 1 - place / 50,
    }

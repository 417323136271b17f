"""Does a supernet rank architectures as their own training does? Its accuracies against truth.

The truth is a plain array: a column of a benchmark, or the test accuracies of own retrainings. Two rankings that need
no search stand beside the supernet's: by all parameters, and by the parameters of live edges (those that can matter);
and, where they are named, those by zero-cost proxies of networks of the supernet's size. A supernet that ranks no
better has shown nothing yet.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from supernas.core.architecture import Architecture
from supernas.core.claims import claimed
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.files import remove_temporaries, write_atomically
from supernas.core.records import RESULT, RunRecord, digest_file, read_record, write_record
from supernas.core.settings import to_plain
from supernas.evaluation.live_parameters import pair_parameters, parameter_scores
from supernas.evaluation.plots.scatter import scatter_svg
from supernas.evaluation.proxy_scores import resolve_scores
from supernas.evaluation.proxy_scores import score as score_all
from supernas.evaluation.rank_correlation import Ranking, rank
from supernas.evaluation.supernet_accuracy import EvaluationSettings, OnProgress, read_run, supernet_accuracies
from supernas.runs.configuration import space_document
from supernas.runs.executors import Executor
from supernas.spaces import search_strategies
from supernas.spaces.base import Space

__all__ = ["Correlation", "correlate", "draw", "retrained"]

_SUPERNET = "inherited accuracy"


@dataclass(frozen=True)
class Correlation:
    """What a comparison of scores with truth gave.

    Attributes:
        space: the search space.
        architectures: what was compared: those whose truth is known.
        truth: their truth, in percent [architectures].
        truth_name: what it is.
        scores: name -> score of each architecture [architectures]; the first is the supernet's.
        rankings: name -> how well that score ranks.
        evaluation: how the supernet was asked.
        seed: of ties and resamples.
        missing: architectures left out because their truth is not known.
        files: the table and the picture that `save` wrote.
    """

    space: Space
    architectures: tuple[Architecture, ...]
    truth: np.ndarray
    truth_name: str
    scores: dict[str, np.ndarray]
    rankings: dict[str, Ranking]
    evaluation: EvaluationSettings
    seed: int
    missing: int
    files: tuple[Path, ...] = ()

    def record(self) -> Document:
        """As JSON: how it was found, and every ranking."""
        return {
            "space": self.space.name,
            "truth": self.truth_name,
            "architectures": len(self.architectures),
            "missing": self.missing,
            "seed": self.seed,
            "evaluation": self.evaluation.described(),
            "rankings": {name: ranking.record() for name, ranking in self.rankings.items()},
        }

    def svg(self) -> bytes:
        """The scatter plot of truth over inherited accuracy."""
        how = f"{self.evaluation.images} images, batch normalisation: {self.evaluation.batch_norm}"
        ranking = self.rankings[_SUPERNET]
        return scatter_svg(
            self.scores[_SUPERNET],
            self.truth,
            score_name=f"accuracy with inherited weights, % ({how})",
            truth_name=f"{self.truth_name}, %",
            title=f"{len(self.truth)} architectures: tau {ranking.tau}, rho {ranking.rho}",
        )

    def save(self, folder: Path) -> tuple[Path, Path]:
        """Writes `correlation-<policy>-<truth>-<architectures>.json` and `.svg`; returns their paths.

        Raises:
            UserError: if they cannot be written, or another process writes them.
        """
        truth = re.sub(r"[^a-z0-9+]+", "-", self.truth_name.lower()).strip("-")
        name = f"correlation-{self.evaluation.batch_norm}-{truth}-{len(self.architectures)}"
        table, picture = folder / f"{name}.json", folder / f"{name}.svg"
        drawn = self.svg()
        try:
            with claimed(folder / f"{name}.claim", str(table), movable=False):
                remove_temporaries(folder, lambda left: left.startswith(f"{name}."))
                write_atomically(picture, lambda file: file.write(drawn))
                write_record(table, {**self.record(), "files": {picture.name: digest_file(picture.name, drawn)}})
        except OSError as error:
            raise UserError(f"cannot write to {folder}: {error.strerror or error}") from None
        return table, picture


def correlate(
    folder: Path,
    architectures: Sequence[Architecture],
    truth: np.ndarray,
    truth_name: str,
    evaluation: EvaluationSettings | None = None,
    *,
    seed: int = 0,
    workers: int | None = 1,
    executor: Executor[Any] | None = None,
    device: torch.device | str = "cpu",
    on_progress: OnProgress | None = None,
    proxies: Mapping[str, Values] = MappingProxyType({}),
) -> Correlation:
    """Ranks architectures by a finished search's supernet, and compares with their truth.

    Args:
        folder: the run folder of the search.
        architectures: what to compare.
        truth: the truth of each, in percent [architectures]; NaN where it is not known.
        truth_name: what it is, for plot and record.
        evaluation: how the supernet is asked.
        seed: of ties and bootstrap resamples.
        workers: as for `supernet_accuracies`, like the next three.
        executor: where workers are.
        device: where to compute.
        on_progress: called with (evaluated, to be evaluated).
        proxies: name -> settings of zero-cost proxies that rank them too; what they measured is kept in the run folder.

    Raises:
        UserError: if fewer than three architectures have a truth, or as `supernet_accuracies` and the proxies do.
    """
    truth = np.asarray(truth, dtype=float)
    if truth.shape != (len(architectures),):
        raise UserError(f"the truth has shape {truth.shape} for {len(architectures)} architectures; wanted one of each")
    known = np.flatnonzero(~np.isnan(truth))
    if len(known) < 3:
        raise UserError(f"{truth_name} is known for {len(known)} of the architectures; wanted 3 or more")
    evaluation = evaluation or EvaluationSettings()
    compared = tuple(architectures[int(number)] for number in known)
    config, _ = read_run(folder)
    space = config.space
    size = space.network_class.size_of(config.supernet)
    asked = {"space": space_document(space), "network": size, "data": to_plain(config.data), "score": {"seed": seed}}
    scoring = resolve_scores(list(proxies), {**asked, **proxies}) if proxies else None
    accuracies = supernet_accuracies(
        folder, compared, evaluation, workers=workers, executor=executor, device=device, on_progress=on_progress
    )
    scores = {_SUPERNET: accuracies, **parameter_scores(space, compared, pair_parameters(space, **size))}
    if scoring:
        found = score_all(compared, scoring, folder, workers=workers, executor=executor, on_progress=on_progress)
        scores |= {name: scoring.proxies[name].rising(mine) for name, mine in found.scores.items()}
    rankings = {name: rank(score, truth[known], seed) for name, score in scores.items()}
    left_out = len(architectures) - len(known)
    return Correlation(space, compared, truth[known], truth_name, scores, rankings, evaluation, seed, left_out)


def draw(space: Space, count: int, seed: int = 0) -> list[Architecture]:
    """`count` different architectures, drawn uniformly; the same for a seed, whatever the search.

    Raises:
        UserError: if the space has fewer.
    """
    return search_strategies.draw(space, count, np.random.default_rng(seed), least=3)


def retrained(study: Path, space: Space) -> tuple[list[Architecture], np.ndarray]:
    """The architectures trained from scratch in a folder, and their test accuracies in percent [architectures].

    Every `result.json` below the folder that has a test accuracy counts; runs of one architecture are averaged.

    Raises:
        UserError: if there is none, or one is of another space.
    """
    accuracies: dict[Architecture, list[float]] = {}
    for path in sorted(study.rglob(RESULT)):
        result = read_record(path, RunRecord) or {}
        if result.get("test_accuracy") is None:
            continue
        if result.get("space") != space.name:
            raise UserError(f"{path} is of the space {result.get('space')}, the search of {space.name}")
        architecture = space.parse(str(result["architecture"]))
        accuracies.setdefault(architecture, []).append(float(result["test_accuracy"]))
    if not accuracies:
        raise UserError(f"{study} holds no run folder of `supernas train` with a test accuracy in its result.json")
    return list(accuracies), np.array([np.mean(several) for several in accuracies.values()])

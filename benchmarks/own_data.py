"""What a search is worth on one's own data: its network, trained from scratch, beside random ones and reference cells.

    python -m benchmarks.own_data RUN... --out runs/own-data [--random 10] [--epochs E]
    python -m benchmarks.own_data RUN/derive-top-k-0a1b2c3d.json... --out runs/own-data

For each finished search the found architecture, or the one that was derived from it, random ones and the space's
reference cells are trained alike by the preset of the search on all of its training images, and judged by the test
images, which nothing has looked at before.
The random ones have the preset's channels; they are drawn and trained once (seed 0), and are the same for all
searches. References have as many channels as bring them nearest to the found network's parameters. Prints a row a
search, and over searches the mean difference with a 95 % interval (Student's t): it is over the seeds of searches,
which share data and random ones. What was killed goes on; a network that is trained already is not trained again.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from scipy import stats

from supernas.core.errors import UserError
from supernas.core.records import RESULT, RunRecord, read_record
from supernas.evaluation.selection.derive import DerivedRecord
from supernas.runs.configuration import TrainConfig, resolve_train
from supernas.runs.finished import read_run, training_beside
from supernas.runs.training import TrainResult, sized, train_each, train_random

__all__ = ["Compared", "compare", "interval", "main"]


@dataclass(frozen=True)
class Compared:
    """Test metrics in percent of one search's network and of what it is compared with.

    Attributes:
        found: of the found architecture.
        random: of random ones, best first.
        references: of the reference cells, by name.
        parameters: of the found network.
    """

    found: float
    random: tuple[float, ...]
    references: dict[str, float]
    parameters: int

    @property
    def differences(self) -> dict[str, float]:
        """How much better the found network is, in points, than each of what it is compared with."""
        half = self.random[: len(self.random) // 2]
        others = {
            "mean of the random ones": float(np.mean(self.random)),
            "mean of their better half": float(np.mean(half)),
            "best of them": self.random[0],
            **self.references,
        }
        return {name: self.found - metric for name, metric in others.items()}


def compare(run: Path, out: Path, count: int, epochs: int | None) -> Compared:
    """Trains what is compared; `out` holds the run folders.

    Args:
        run: a run folder, or the record of a choice that was derived from its supernet, within it.
        out: where the trainings are kept.
        count: of random architectures.
        epochs: of each training; the preset's by default.
    """
    folder, record = (run, run / RESULT) if run.is_dir() else (run.parent, run)
    search, _ = read_run(folder)
    space = search.space
    said = read_record(record, RunRecord if run.is_dir() else DerivedRecord)
    if said is None:
        raise UserError(f"{record} is not there; wanted a run folder, or a derive-*.json in one")
    found = space.parse(said["architecture"])
    beside = training_beside(search)
    train = {"preset": search.search.preset, "seed": search.search.seed, **({"epochs": epochs} if epochs else {})}
    config = resolve_train({**beside, "architecture": space.format(found), "train": train})
    [ours] = train_each(config, [found], out)
    random = train_random(replace(config, train=replace(config.train, seed=0)), count, out)
    parameters = int(ours.record["parameters"])
    return Compared(
        _tested(ours),
        tuple(sorted((_tested(result) for result in random), reverse=True)),
        {name: _reference(config, name, parameters, out) for name in space.reference_architectures},
        parameters,
    )


def _reference(config: TrainConfig, name: str, parameters: int, out: Path) -> float:
    architecture = config.space.reference_architectures[name]
    same = sized(replace(config, architecture=architecture), parameters, config.data.load())
    return _tested(train_each(same, [architecture], out)[0])


def _tested(result: TrainResult) -> float:
    if result.test_metric is None:
        raise UserError("the data have no test part, which judges the networks here")
    return float(result.test_metric)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """(mean, half the width of its 95 % interval by Student's t; not a number for a single value)."""
    if len(values) < 2:
        return float(np.mean(values)), float("nan")
    return float(np.mean(values)), float(stats.sem(values) * stats.t.ppf(0.975, len(values) - 1))


def main() -> None:
    parser = argparse.ArgumentParser("own_data", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--out", type=Path, required=True, help="where the trainings are kept")
    parser.add_argument("--random", type=int, default=10, help="random architectures a search (10)")
    parser.add_argument("--epochs", type=int, help="of each training (the preset's)")
    parser.add_argument("--threads", type=int, default=1, help="of torch (1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    try:
        rows = [compare(run, options.out, options.random, options.epochs) for run in options.runs]
    except UserError as error:
        sys.exit(f"error: {error}")
    _print(options.runs, rows)


def _print(runs: Sequence[Path], rows: Sequence[Compared]) -> None:
    names = list(rows[0].references)
    print(f"| search | parameters | found | its place among | random, best to worst | {' | '.join(names)} |")
    print("|---" * (5 + len(names)) + "|")
    for run, row in zip(runs, rows, strict=True):
        place = 1 + sum(metric > row.found for metric in row.random)
        shown = " ".join(f"{metric:.2f}" for metric in row.random)
        references = " | ".join(f"{row.references[name]:.2f}" for name in names)
        judged = f"{row.found:.2f} | {place} of {len(row.random) + 1}"
        name = run.name if run.is_dir() else f"{run.parent.name}/{run.stem}"
        print(f"| {name} | {row.parameters:,} | {judged} | {shown} | {references} |")
    print("\n| found less | points |\n|---|---|")
    for name in rows[0].differences:
        mean, half = interval([row.differences[name] for row in rows])
        print(f"| {name} | {mean:+.2f} ± {half:.2f} |")


if __name__ == "__main__":
    main()

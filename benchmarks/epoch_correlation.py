"""Does what a search records go with the truth of what it would derive? Spearman's rho over epochs: Markdown.

    python benchmarks/epoch_correlation.py auxiliary_valid_loss "cifar10 test 200 (train+valid)" RUN...

The runs are folders of searches with a table of true accuracies, which their `metrics.jsonl` holds for every epoch.
Both columns of a search drift with its age, so that almost anything correlates: beside the levels stand the changes
from one epoch to the next, and the epoch's number in the quantity's place. The last row takes all epochs of all runs,
with a 95 % bootstrap interval over epochs, as if they were independent, which those of one search are not.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from supernas.core.records import read_lines
from supernas.evaluation.rank_correlation import bootstrap, rho


def recorded(run: Path, quantity: str, truth: str) -> tuple[np.ndarray, np.ndarray]:
    """A quantity and the true accuracy of the derived architecture, epoch by epoch."""
    lines = read_lines(run / "metrics.jsonl")
    return np.array([line[quantity] for line in lines]), np.array([line["truth"][truth] for line in lines])


def row(name: str, quantities: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> str:
    """Levels, changes, and the epoch's number in place of the quantity."""
    level, truth = np.concatenate(quantities), np.concatenate(truths)
    changes = [np.concatenate([np.diff(one) for one in several]) for several in (quantities, truths)]
    ages = np.concatenate([np.arange(len(one)) for one in truths])
    interval = f" {bootstrap(rho, level, truth, seed=0)}" if len(quantities) > 1 else f" {rho(level, truth):.3f}"
    return f"| {name} | {len(level)} |{interval} | {rho(*changes):.3f} | {rho(ages, truth):.3f} |"


def main() -> None:
    quantity, truth, *folders = sys.argv[1:]
    pairs = [recorded(Path(folder), quantity, truth) for folder in folders]
    print(f"| {quantity} against {truth} | epochs | rho | of changes | of the epoch's number |\n|---|---|---|---|---|")
    for folder, (values, truths) in zip(folders, pairs, strict=True):
        print(row(Path(folder).name, [values], [truths]))
    print(row("all", *map(list, zip(*pairs, strict=True))))


if __name__ == "__main__":
    main()

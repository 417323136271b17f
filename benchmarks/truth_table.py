"""The true accuracies of what searches found, beside the trivial baselines: Markdown.

    python benchmarks/truth_table.py ACCURACIES.csv "E2NAS=runs/e2nas-s*" "gamma=0=runs/gamma0-s*" ...

ACCURACIES.csv has columns arch, cifar10_test_200, cifar100_test_200, imagenet16_120_test_200, in percent. It is read
here and nowhere else: no search sees it.
"""

import csv
import glob
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from supernas import spaces

COLUMNS = ("cifar10_test_200", "cifar100_test_200", "imagenet16_120_test_200")
Row = tuple[float, ...]


def spread(values: Sequence[float]) -> str:
    deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.fmean(values):.2f}{deviation}"


def line(name: str, rows: Sequence[Row], minutes: str = "") -> str:
    cells = [spread([row[column] for row in rows]) for column in range(len(COLUMNS))]
    return f"| {name} | {len(rows)} | {' | '.join(cells)} | {minutes} |"


def main() -> None:
    with open(sys.argv[1], newline="") as file:
        truth = {row["arch"]: tuple(float(row[column]) for column in COLUMNS) for row in csv.DictReader(file)}
    space = spaces.get("nas-bench-201")
    print("| | n | CIFAR-10 | CIFAR-100 | ImageNet16-120 | minutes |\n|---|---|---|---|---|---|")
    for argument in sys.argv[2:]:
        name, _, pattern = argument.rpartition("=")
        results = [json.loads((Path(run) / "result.json").read_text()) for run in sorted(glob.glob(pattern))]
        minutes = spread([result["seconds"] / 60 for result in results])
        print(line(name, [truth[result["architecture"]] for result in results], minutes))
        print(line(f"{name}, last decode", [truth[result["history"][-1]] for result in results]))
        for result in results:
            print(f"<!-- seed {result['seed']}: {result['architecture']} {truth[result['architecture']]} -->")
    for name, index in (("largest cell (all 3x3)", 1462), ("ResNet cell", 11472)):
        print(line(name, [truth[space.format(space[index])]]))
    print(line("all cells", list(truth.values())))


if __name__ == "__main__":
    main()

"""Opening a table, a query and a column, beside the `nats_bench` package on the same files: Markdown.

    python benchmarks/table_speed.py NATS-tss-v1_0-3ffb9-simple [--nats-bench PYTHON]

The folder may hold any number of the official files. PYTHON is an interpreter that can `import nats_bench` (it is not
a dependency). The full-size figures are of a made-up table with as many columns as NATS-Bench has.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

# Each measurement of an opening is a fresh interpreter: seconds, and growth of the resident memory in MB.
OPENING = """
import json, sys, time
{imports}
def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6
before, start = resident(), time.perf_counter()
{opening}
seconds = time.perf_counter() - start
print(json.dumps([seconds, resident() - before]))
"""
OURS = "from supernas.benchmarks.table import load"
OUR_OPENING = "table = load(sys.argv[1]); value = table.query(0, **json.loads(sys.argv[2]))"
THEIRS = """
import json, sys, time
from nats_bench import create
folder, indices = sys.argv[1], json.loads(sys.argv[2])
start = time.perf_counter()
api = create(folder, "tss", fast_mode=True, verbose=False)
opening = time.perf_counter() - start
ask = lambda i: api.get_more_info(i, "cifar10", hp="200", is_random=False)["test-accuracy"]
start = time.perf_counter()
answers = [ask(i) for i in indices]
first = (time.perf_counter() - start) / len(indices)
start = time.perf_counter()
for _ in range(200):
    for i in indices:
        ask(i)
again = (time.perf_counter() - start) / (200 * len(indices))
print(json.dumps({"opening": opening, "first": first, "again": again, "answers": answers}))
"""
FINAL = {"dataset": "cifar10", "trained_on": "train+valid", "split": "test", "epochs": 200}


def seconds(call: Callable[[], Any], repeats: int) -> float:
    """Median over 7 rounds of the seconds of a call."""
    rounds = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        rounds.append((time.perf_counter() - start) / repeats)
    return median(rounds)


def opening(path: Path, question: dict[str, Any]) -> tuple[float, float]:
    """Seconds and MB of opening a table and asking once, in a fresh interpreter; medians of 5."""
    code = OPENING.format(imports=OURS, opening=OUR_OPENING)
    runs = [json.loads(run(sys.executable, code, str(path), json.dumps(question))) for _ in range(5)]
    return median(one[0] for one in runs), median(one[1] for one in runs)


def run(python: str, code: str, *arguments: str) -> str:
    done = subprocess.run([python, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip().splitlines()[-1]


def full_table(folder: Path) -> Path:
    """A made-up table of all architectures with NATS-Bench's 13 addresses at 12 and 200 epochs, 1 or 3 seeds."""
    from supernas.benchmarks.collect import Collector
    from supernas.benchmarks.columns import Column
    from supernas.benchmarks.made_up import made_up_table
    from supernas.benchmarks.table import Source

    small = made_up_table()
    values = small.column(**asdict(small.columns[0]))
    addresses = [("cifar10", "train", split) for split in ("train", "valid", "test")]
    addresses += [("cifar10", "train+valid", split) for split in ("train", "test")]
    addresses += [
        (name, "train", s) for name in ("cifar100", "imagenet16-120") for s in ("train", "valid", "test", "valid+test")
    ]
    path = folder / "full.safetensors"
    with Collector("nas-bench-201", path, curves=False) as collector:
        for address in addresses:
            for epochs, seeds in ((12, (111,)), (200, (777, 888, 999))):
                for seed in seeds:
                    for index, value in enumerate(values):
                        collector.accuracy(index, Column(*address, epochs), seed, value)
        collector.write(Source("made-up accuracies", "made up", "", made_up=True))
    return path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--nats-bench", metavar="PYTHON")
    given = parser.parse_args()

    from supernas.benchmarks import import_table, load

    with tempfile.TemporaryDirectory() as temporary:
        path = full_table(Path(temporary))
        table = load(path)
        cells = [table.space[index] for index in range(1000)]
        texts = [table.space.format(cell) for cell in cells]
        opened, memory = opening(path, FINAL)
        print(f"| table of {len(table):,} cells, {path.stat().st_size / 1e6:.1f} MB | |\n|---|---|")
        print(f"| open and ask once (imports aside) | {1e3 * opened:.1f} ms, {memory:.1f} MB |")
        for name, asked in (("index", range(1000)), ("architecture", cells), ("text", texts)):
            start = time.perf_counter()
            for one in asked:
                table.query(one, **FINAL)
            first = (time.perf_counter() - start) / 1000
            again = seconds(lambda asked=asked: [table.query(one, **FINAL) for one in asked], 1) / 1000
            print(f"| query by {name}: first, again | {1e6 * first:.1f} µs, {1e6 * again:.1f} µs |")
        first = median(first_column(path) for _ in range(5))
        print(
            f"| column (mean of 3 seeds): first, again | {1e3 * first:.3f} ms, "
            f"{1e3 * seconds(lambda: table.column(**FINAL), 100):.4f} ms |"
        )
        print(
            f"| best; rank | {1e3 * seconds(lambda: table.best(**FINAL), 20):.3f} ms, "
            f"{1e3 * seconds(lambda: table.rank(11, **FINAL), 20):.3f} ms |"
        )

        small = Path(temporary) / "small.safetensors"
        start = time.perf_counter()
        table = import_table(given.folder, small)
        indices = [i for i in range(len(table)) if (given.folder / f"{i:06d}.pickle.pbz2").exists()]
        print(f"\nImport of {len(indices)} files: {time.perf_counter() - start:.2f} s")
        if given.nats_bench:
            compare(given, table, small, indices)


def first_column(path: Path) -> float:
    from supernas.benchmarks import load

    table = load(path)
    start = time.perf_counter()
    table.column(**FINAL)
    return time.perf_counter() - start


def first_queries(path: Path, indices: list[int]) -> float:
    """Seconds of a query in a table that was just opened."""
    from supernas.benchmarks import load

    table = load(path)
    start = time.perf_counter()
    for index in indices:
        table.query(index, **FINAL)
    return (time.perf_counter() - start) / len(indices)


def compare(given: argparse.Namespace, table: Any, path: Path, indices: list[int]) -> None:
    """The same questions to both, the same answers, and the ratio of the times."""
    arguments = (given.nats_bench, THEIRS, str(given.folder), json.dumps(indices))
    runs = [json.loads(run(*arguments)) for _ in range(5)]
    theirs = {name: median(one[name] for one in runs) for name in ("opening", "first", "again")}
    ours = [table.query(index, **FINAL).mean for index in indices]
    assert max(abs(a - b) for a, b in zip(ours, runs[0]["answers"], strict=True)) < 1e-12
    opened, _ = opening(path, FINAL)
    fresh = median(first_queries(path, indices) for _ in range(7))
    again = seconds(lambda: [table.query(index, **FINAL) for index in indices], 200) / len(indices)
    print("\n| the same files | nats_bench | supernas | ratio |\n|---|---|---|---|")
    for name, a, b in (
        ("open", theirs["opening"], opened),
        ("first query of a cell", theirs["first"], fresh),
        ("later query", theirs["again"], again),
    ):
        print(f"| {name} | {1e6 * a:,.0f} µs | {1e6 * b:,.1f} µs | {a / b:,.0f} |")


if __name__ == "__main__":
    main()

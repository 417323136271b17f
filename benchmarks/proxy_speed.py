"""Architectures scored in a second by each zero-cost proxy, in one thread: Markdown.

    python benchmarks/proxy_speed.py [SECONDS]

C = 16 channels, N = 1 and 5 cells a stage of NAS-Bench-201, 64 random colour images of 32x32, building the network
included. The proxies take turns on the same architectures, and what is compared is the median of the processor's time,
so that what else the machine does has little part in it. SECONDS (60) is about how long it takes.
"""

import statistics
import sys
import time

import numpy as np
import torch

from supernas import proxies, spaces
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch

CELLS = (1, 5)


def main() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    budget = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    space = spaces.get("nas-bench-201")
    batch = Batch(torch.randn(64, 3, 32, 32), torch.randint(10, (64,)))
    generator = np.random.default_rng(0)
    taken: dict[tuple[str, int], list[float]] = {(name, cells): [] for name in proxies.names() for cells in CELLS}
    end = time.perf_counter() + budget
    while time.perf_counter() < end or not all(taken.values()):
        architecture = space.sample(generator)
        for name, cells in taken:
            size = {"channels": 16, "cells": cells, "num_classes": 10}
            begin = time.process_time()
            proxy = proxies.get(name)()
            proxies.measure_architecture(proxy, space, architecture, size, batch, CLASSIFICATION.loss, 0)
            taken[name, cells].append(time.process_time() - begin)
    medians = {key: statistics.median(times) for key, times in taken.items()}
    rounds = min(map(len, taken.values()))
    print(f"{rounds} random architectures, one thread, torch {torch.__version__}\n")
    heads = [f"N = {n}: scores a second | times synflow's" for n in CELLS]
    print(f"| proxy | {' | '.join(heads)} |\n|---|---|---|---|---|")
    for name in proxies.names():
        cells_of = [f"{1 / medians[name, n]:.2f} | {medians[name, n] / medians['synflow', n]:.1f}" for n in CELLS]
        print(f"| `{name}` | {' | '.join(cells_of)} |")


if __name__ == "__main__":
    main()

"""What a step costs: every method, every objective, and where an E2NAS step's time goes, as ratios in one run.

    python benchmarks/step_cost.py --threads 1 --steps 100 [--only darts "random-nas + wpl"] [--reduction shortcut]

The size of preset `cpu` (C=16, N=1, 16x16 images, batch 64) on random images, in the published skeleton, or with the
reductions that single paths have in that preset. The kinds of step take turns, so that a drift of the
machine's speed falls on all alike. One unit is a step of a uniform single path (`random-nas + plain`), by means: some
steps have more to do now and then (refits, anchors), and paths differ in cost.
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np
import torch

from supernas import methods, spaces
from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch
from supernas.methods.darts import DARTS
from supernas.methods.drnas import DrNAS
from supernas.methods.e2nas.e2nas import E2NAS
from supernas.methods.random_nas import RandomNAS
from supernas.networks.base import Mixture
from supernas.networks.nas_bench_201 import NASBench201Supernet, ReductionKind
from supernas.steps import objectives
from supernas.steps.contracts import Method, Objective, Paths, SearchContext
from supernas.steps.objectives.base import PathSum
from supernas.steps.objectives.complementation import Complementation
from supernas.steps.objectives.nsas import NSAS
from supernas.steps.objectives.plain import Plain
from supernas.steps.objectives.wpl import WPL
from supernas.steps.optimisers import SGDSettings

UNIT = "random-nas + plain"
STEPS = 6240
SIZE = NASBench201Supernet(channels=16, cells=1)
VARIANTS: dict[str, Method] = {
    "darts order=2, finite difference": DARTS(order=2),
    "darts order=2, exact": DARTS(order=2, hypergradient="exact"),
    "drnas progressive, first stage": DrNAS(progressive=True),
}
LOSSES: dict[str, Objective] = {
    "complementation": Complementation(),
    "complementation, all": Complementation(complements="all"),
    "nsas M=2": NSAS(members=2, beta=0.5),
    "nsas M=8": NSAS(),
    "nsas M=8, replay of 1": NSAS(constraint="replay"),
    "wpl": WPL(),
    "wpl, fisher=sample": WPL(fisher="sample"),
}


def batch() -> Batch:
    images = torch.randn(64, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    return Batch(images, torch.randint(10, (64,)))


@dataclass
class Bench:
    """A method with an objective, and its state."""

    method: Method
    objective: Objective
    paths: Paths = "whole"
    size: NASBench201Supernet = SIZE

    def __post_init__(self) -> None:
        space = spaces.get("nas-bench-201")
        settings = replace(self.size, **self.method.stages()[0].supernet)
        network = space.supernet(**vars(settings)).to(memory_format=torch.channels_last)
        made = (network, space, CLASSIFICATION, self.objective)
        context = SearchContext(*made, SGDSettings(), STEPS, 0, paths=self.paths)
        self.state: Any = self.method.init(context)
        self.train, self.valid = batch(), batch()

    def step(self, number: int) -> None:
        """A step from the middle of a search, where nothing waits any more."""
        where = Progress(STEPS // 2 + number, STEPS, 20, 40)
        self.method.step(self.state, self.train, self.valid, where)


class E2NASParts:
    """The parts of an E2NAS step, on paths drawn once for all."""

    def __init__(self, count: int, size: NASBench201Supernet = SIZE) -> None:
        self.bench = Bench(E2NAS(), objectives.get("complementation")(), size=size)
        generator = np.random.default_rng(0)
        self.paths = [self.bench.state.context.space.sample(generator) for _ in range(count)]

    def validation(self, number: int) -> None:
        method, state, path = self.bench.method, self.bench.state, self.paths[number]
        relaxed = method._decode(state)
        loss = state.trainer.validation_loss(self.bench.valid, Mixture(relaxed.W, path.pairs, "run"))
        torch.autograd.grad(loss, state.alpha)

    def novelty(self, number: int) -> None:
        method, state = self.bench.method, self.bench.state
        with torch.no_grad():
            state.alpha.add_(0.005 * torch.randn_like(state.alpha))
        method._remember(state, self.paths[number])
        method._exploration(state, torch.zeros_like(state.alpha))


def kinds(steps: int, reduction: ReductionKind) -> dict[str, Callable[[int], None]]:
    """Every kind of step by name, the unit first."""
    made: dict[str, Callable[[int], None]] = {}
    size = replace(SIZE, reduction=reduction)
    measured = {"plain", "complementation", "nsas", "wpl"}
    losses = {name: objectives.get(name)() for name in objectives.names() if name not in measured}
    for name, objective in ({"plain": Plain()} | losses | LOSSES).items():
        made[f"random-nas + {name}"] = Bench(RandomNAS(), objective, size=size).step
        if isinstance(objective, PathSum):
            made[f"random-nas + {name}, split"] = Bench(RandomNAS(), objective, "split", size).step
    for paths in get_args(Paths):
        made[f"random-nas, fair, {paths}"] = Bench(RandomNAS(sampling="fair"), Plain(), paths, size).step
    for name in methods.names():
        if name not in ("random-nas", "tetlo"):  # which has a benchmark of its own
            cls = methods.get(name)
            made[name] = Bench(cls(), objectives.get(cls.objective)(), size=size).step
    made |= {name: Bench(method, Plain(), size=size).step for name, method in VARIANTS.items()}
    parts = E2NASParts(steps + 120, size)
    return made | {"e2nas: gradient of a path to all options": parts.validation, "e2nas: novelty": parts.novelty}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--only", nargs="*", help="names of kinds of step, besides the unit")
    parser.add_argument("--reduction", choices=get_args(ReductionKind), default="residual")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    all_kinds = kinds(options.steps, options.reduction)
    chosen = {name: step for name, step in all_kinds.items() if not options.only or name in (UNIT, *options.only)}
    for name, step in chosen.items():
        for number in range(100 if "novelty" in name or "nsas" in name else 5):  # archives fill up
            step(number)
    times: dict[str, list[float]] = {name: [] for name in chosen}
    for number in range(options.steps):
        for name, step in chosen.items():
            start = time.perf_counter()
            step(number)
            times[name].append(1e3 * (time.perf_counter() - start))
    unit = statistics.fmean(times[UNIT])
    print(f"{'step':<42}{'median ms':>10}{'mean ms':>10}{'units':>8}")
    for name, taken in times.items():
        mean = statistics.fmean(taken)
        print(f"{name:<42}{statistics.median(taken):>10.2f}{mean:>10.2f}{mean / unit:>8.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process: {peak:.0f} MiB; threads: {options.threads}")


if __name__ == "__main__":
    main()

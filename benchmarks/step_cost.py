"""What a step costs: a plain single-path step, an E2NAS step, and where its time goes, as ratios in one run.

    python benchmarks/step_cost.py --threads 1 --steps 200

Preset `cpu` (C=16, N=1, 16x16 images, batch 64) on random images. The kinds of step take turns, so that a drift of the
machine's speed falls on all alike; medians and means are
printed (novelty refits now and then, so its mean counts).
"""

import argparse
import resource
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from supernas import spaces
from supernas.architecture import Architecture
from supernas.contracts import Problem
from supernas.data import Batch
from supernas.methods.e2nas import E2NAS
from supernas.objectives.complementation import Complementation
from supernas.objectives.plain import Plain
from supernas.optimisers import SGDSettings
from supernas.progress import Progress
from supernas.task import CLASSIFICATION
from supernas.trainers import PathTrainer

GOOD = 11472  # the residual cell: the cells near which a search ends cost about as much


def batch() -> Batch:
    images = torch.randn(64, 3, 16, 16).contiguous(memory_format=torch.channels_last)
    return Batch(images, torch.randint(10, (64,)))


def problem(objective: Plain | Complementation) -> Problem:
    space = spaces.get("nas-bench-201")
    network = space.supernet(channels=16, cells=1).to(memory_format=torch.channels_last)
    return Problem(network, space, CLASSIFICATION, objective, SGDSettings(), 6240, 0)


class Steps:
    """The kinds of step, on paths drawn once for all."""

    def __init__(self, count: int) -> None:
        self.space = spaces.get("nas-bench-201")
        generator = np.random.default_rng(0)
        self.paths = [self.space.sample(generator) for _ in range(count)]
        self.trainer = PathTrainer.make(problem(Plain()))
        self.three = PathTrainer.make(problem(Complementation(previous="distinct")))
        self.method = E2NAS()
        self.state = self.method.init(problem(Complementation()))
        self.alone = self.method.init(problem(Complementation()))  # its densities are asked by `novelty` only
        self.train, self.valid = batch(), batch()

    def plain(self, number: int) -> None:
        """A uniform path."""
        self.trainer.step(self.train, self.paths[number], Progress(number, 6240, 0, 40))

    def plain_good(self, number: int) -> None:
        """The residual cell."""
        self.trainer.step(self.train, self.space[GOOD], Progress(number, 6240, 0, 40))

    def complementation(self, number: int) -> None:
        """Uniform paths: current, previous, complement, all with gradient."""
        self.three.step(self.train, self.paths[number], Progress(number, 6240, 0, 40))

    def validation(self, number: int) -> None:
        """The architecture gradient of a uniform path, to all options."""
        relaxed = self.method._decode(self.state)
        problem = self.state.problem
        path: Architecture = self.paths[number]
        output = problem.network(self.valid.inputs, relaxed.W, active=path.pairs, unselected="run")
        torch.autograd.grad(problem.task.loss(output.prediction, self.valid.targets), self.state.alpha)

    def novelty(self, number: int) -> None:
        """The density's refits and gradient, on an archive that a moving code fills."""
        state = self.alone
        with torch.no_grad():
            state.alpha.add_(0.005 * torch.randn_like(state.alpha))
        self.method._remember(state, self.paths[number])
        self.method._exploration(state, torch.zeros_like(state.alpha))

    def e2nas(self, number: int) -> None:
        """A whole step of the method, on the paths that it visits."""
        self.method.step(self.state, self.train, self.valid, Progress(number, 6240, 0, 40))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    steps = Steps(options.steps)
    for number in range(250):  # fills the archives
        steps.e2nas(number)
        steps.novelty(number % options.steps)
    kinds: list[Callable[[int], None]] = [
        steps.plain,
        steps.plain_good,
        steps.complementation,
        steps.validation,
        steps.novelty,
        steps.e2nas,
    ]
    times: dict[str, list[float]] = {kind.__name__: [] for kind in kinds}
    for number in range(options.steps):
        for kind in kinds:
            start = time.perf_counter()
            kind(number)
            times[kind.__name__].append(1e3 * (time.perf_counter() - start))
    unit = statistics.fmean(times["plain"])
    print(f"{'step':<18}{'median ms':>10}{'mean ms':>10}{'units':>8}   what (units: of the plain step, by means)")
    for kind in kinds:
        middle, mean = statistics.median(times[kind.__name__]), statistics.fmean(times[kind.__name__])
        print(f"{kind.__name__:<18}{middle:>10.2f}{mean:>10.2f}{mean / unit:>8.2f}   {kind.__doc__}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of the process: {peak:.0f} MiB; threads: {options.threads}")


if __name__ == "__main__":
    main()

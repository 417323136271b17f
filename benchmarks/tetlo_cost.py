"""What a TETLO step costs in steps of its base, the memory of both forms of its gradient, and how far they agree.

    python benchmarks/tetlo_cost.py --steps 20 [--size cpu|small]

The kinds of step take turns, on one thread, and processor time counts, so that other work on the machine matters
little. `as written` is the formula of docs/methods/tetlo.md taken literally: both sides of the upper difference run the
main model, and the auxiliary's step is made apart, told by a pass of its own. Memory is the growth of a fresh process's
peak over some steps.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from supernas import spaces
from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch
from supernas.methods.darts import DARTS
from supernas.methods.gdas import GDAS
from supernas.methods.tetlo.auxiliary import AuxiliarySettings
from supernas.methods.tetlo.tetlo import TETLO, _Now
from supernas.methods.tetlo.trilevel import Teacher
from supernas.steps.contracts import Method, SearchContext
from supernas.steps.hypergradients import gradients_of, mixed_product
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings

STEPS = 6240
SIZES = {"cpu": (16, 1, 64, 16), "small": (8, 1, 64, 8)}  # channels, cells, images, their side
RADII = (1e-1, 1e-2, 1e-3, 1e-4)
KINDS: dict[str, Method] = {
    "darts": DARTS(),
    "darts order=2": DARTS(order=2),
    "tetlo": TETLO(),
    "tetlo exact": TETLO(hypergradient="exact"),
    "tetlo transfer_weight=0": TETLO(transfer_weight=0.0),
    "tetlo resnet-18": TETLO(auxiliary=AuxiliarySettings(network="resnet-18")),
    "tetlo searched": TETLO(auxiliary=AuxiliarySettings(network="searched")),
    "gdas": GDAS(),
    "tetlo over gdas": TETLO(base="gdas"),
}
WRITTEN = "tetlo as written"


@dataclass
class Bench:
    """A method and its state."""

    method: Method
    size: tuple[int, int, int, int]

    def __post_init__(self) -> None:
        channels, cells, images, side = self.size
        space = spaces.get("nas-bench-201")

        def make() -> Any:
            return space.supernet(channels=channels, cells=cells).to(memory_format=torch.channels_last)

        known = {"num_classes": 10, "in_channels": 3}
        torch.manual_seed(0)
        sizes = {"data_shape": known, "make_supernet": make}
        context = SearchContext(make(), space, CLASSIFICATION, Plain(), SGDSettings(), STEPS, 0, **sizes)
        self.state: Any = self.method.init(context)
        self.train, self.valid = (
            Batch(torch.randn(images, 3, side, side).contiguous(memory_format=torch.channels_last), labels)
            for labels in torch.randint(10, (2, images))
        )

    def where(self, number: int) -> Progress:
        return Progress(STEPS // 2 + number, STEPS, 20, 40)

    def step(self, number: int) -> None:
        self.method.step(self.state, self.train, self.valid, self.where(number))


class Written(Bench):
    """The formula taken literally."""

    def step(self, number: int) -> None:
        method, state, where = self.method, self.state, self.where(number)
        assert isinstance(method, TETLO)
        now = _Now(method, state, self.train, self.valid, where)
        reward = self.reward(now)
        method.main_method.step(state.main, self.train, self.valid, where, partial(method._changed, state, reward))
        transfer = now.learn(True)
        state.auxiliary.step(transfer.auxiliary, (), where, 1.0)

    def reward(self, now: _Now) -> tuple[Tensor, ...]:
        state, alpha = self.state, list(self.state.main.alpha.values())

        def says(weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
            return now._main(weights, now.method.main_method.alpha_forward(state.main, now.progress, state.draws))

        teacher, student = Teacher(says, state.trainer.next_step(now.progress, 1.0)), now._student()
        gradients = gradients_of(teacher.says(teacher.step.weights)[0], list(teacher.step.weights.values()))
        moved = {name: w.requires_grad_() for name, w in teacher.step.after(gradients).items()}
        with torch.no_grad():
            told = teacher.says(moved)[1]
        loss, S = student.says(student.step.weights)
        match = student.settle(S.detach(), told)
        found = gradients_of(loss + match(S, told), list(student.step.weights.values()))
        after = {name: v.detach().requires_grad_() for name, v in student.step.after(found).items()}
        u = gradients_of(student.judge(after), list(after.values()))
        both = mixed_product(
            lambda weights: match(student.says(weights)[1], teacher.says(moved)[1]),
            [*alpha, *moved.values()],
            student.step.weights,
            u,
            0.01,
        )
        scale = -student.step.rate * student.step.clipped(found)
        direct, p = [scale * one for one in both[: len(alpha)]], [scale * one for one in both[len(alpha) :]]
        mixed = mixed_product(lambda weights: teacher.says(weights)[0], alpha, teacher.step.weights, p, 0.01)
        return tuple(d - teacher.step.rate * m for d, m in zip(direct, mixed, strict=True))


def bench(name: str, size: tuple[int, int, int, int]) -> Bench:
    return Written(TETLO(), size) if name == WRITTEN else Bench(KINDS[name], size)


def times(names: list[str], size: tuple[int, int, int, int], steps: int) -> None:
    kinds: dict[str, Callable[[int], None]] = {name: bench(name, size).step for name in names}
    taken: dict[str, list[float]] = {name: [] for name in names}
    for number in range(steps + 3):
        for name, step in kinds.items():
            start = time.process_time()
            step(number)
            taken[name].append(1e3 * (time.process_time() - start))
    medians = {name: statistics.median(one[3:]) for name, one in taken.items()}
    print(f"\n{'step':<20}{'median ms':>12}{'of its base':>13}{'peak MiB':>10}")
    for name, one in medians.items():
        base = medians["gdas" if "gdas" in name else "darts"]
        print(f"{name:<20}{one:>12.1f}{one / base:>13.2f}{peak(name, size):>10.0f}", flush=True)


def peak(name: str, size: tuple[int, int, int, int]) -> float:
    """MiB by which a process of its own grows over three steps."""
    chosen = next(key for key, one in SIZES.items() if one == size)
    command = [sys.executable, __file__, "--peak", name, "--size", chosen]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def grown(name: str, size: tuple[int, int, int, int]) -> float:
    one = bench(name, size)
    Path("/proc/self/clear_refs").write_text("5")  # the peak of a process is its parent's at first
    before = resident_peak()
    for number in range(3):
        one.step(number)
    return (resident_peak() - before) / 1024


def resident_peak() -> int:
    """KiB that this process has held at most (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def agreement(size: tuple[int, int, int, int]) -> None:
    """The finite differences against autograd, after some steps of training."""
    exact = Bench(TETLO(hypergradient="exact"), size)
    for number in range(10):
        exact.step(number)

    def reward(method: TETLO) -> Tensor:
        draws = exact.state.draws.get_state()
        found = _Now(method, exact.state, exact.train, exact.valid, exact.where(10)).teach()[1]
        exact.state.draws.set_state(draws)
        return torch.cat([one.flatten() for one in found])

    expected = reward(TETLO(hypergradient="exact"))
    print(f"{'radius':<10}{'cosine with exact':>20}{'relative error':>17}")
    for radius in RADII:
        found = reward(TETLO(radius=radius))
        cosine = torch.cosine_similarity(found, expected, dim=0)
        print(f"{radius:<10}{cosine:>20.4f}{(found - expected).norm() / expected.norm():>17.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--size", choices=SIZES, default="cpu")
    parser.add_argument("--only", nargs="*", default=[*KINDS, WRITTEN])
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        print(grown(options.peak, SIZES[options.size]))
        return
    agreement(SIZES[options.size])
    times(options.only, SIZES[options.size], options.steps)


if __name__ == "__main__":
    main()

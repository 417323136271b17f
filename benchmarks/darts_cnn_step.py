"""A step of the supernet of DARTS cells beside the published layout written plainly: time and memory, as ratios.

    python benchmarks/darts_cnn_step.py --threads 1 --steps 20 [--large]

The plain layout follows the description of Liu, Simonyan and Yang (ICLR 2019): an edge is a list of eight operations,
each of which reads a tensor; a node is the sum of w * op(x) over all that enters; nothing is shared between operations,
and tensors have the default layout. A step is forward, backward and SGD: of the mixture W = softmax(alpha) with the
gradient in alpha, or of one path. Both networks are first shown to compute the same from the same weights, gradients
too. Their steps take turns, so that a drift of the machine's speed falls on both. Times are medians, of the processor
(summed over threads) rather than of the clock, since other work may run.

Memory is the growth of a process's peak resident size over two steps, after the network, its optimiser and a step on
two images are there: one fresh process each. It holds what the allocators of PyTorch and of its library keep besides.
"""

import argparse
import itertools
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernas import spaces
from supernas.core.architecture import Pair

NODES = 4
EDGES = [(node, source) for node in range(NODES) for source in range(2 + node)]
OURS, PLAIN = "supernas", "plain"
KINDS = ("mixture", "path")


class Size(NamedTuple):
    """A network and its batches."""

    channels: int
    cells: int
    side: int
    batch: int


SMALL, LARGE = Size(8, 5, 16, 64), Size(16, 8, 32, 64)


class Reduce(nn.Module):
    """A skip of stride 2, and what brings an input of twice the resolution to the cell's."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after // 2, 1, stride=2, bias=False)
        self.second = nn.Conv2d(before, after - after // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(after, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(x)
        return self.norm(torch.cat([self.first(x), self.second(x[:, :, 1:, 1:])], dim=1))


class Zero(nn.Module):
    """No connection: zeros that are weighted and added like all else."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :: self.stride, :: self.stride] * 0.0


def conv_norm(before: int, after: int) -> nn.Sequential:
    """An input of a cell, brought to its channels."""
    return nn.Sequential(nn.ReLU(), nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after, affine=False))


def separable(channels: int, kernel: int, stride: int, dilation: int) -> list[nn.Module]:
    """ReLU, depthwise and pointwise convolution, normalisation."""
    padding = dilation * (kernel // 2)
    return [
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=False),
    ]


def candidates(channels: int, stride: int) -> nn.ModuleList:
    """The eight operations in the published order."""
    norm = nn.BatchNorm2d
    return nn.ModuleList(
        [
            Zero(stride),
            nn.Sequential(nn.MaxPool2d(3, stride, padding=1), norm(channels, affine=False)),
            nn.Sequential(nn.AvgPool2d(3, stride, 1, count_include_pad=False), norm(channels, affine=False)),
            nn.Identity() if stride == 1 else Reduce(channels, channels),
            nn.Sequential(*separable(channels, 3, stride, 1), *separable(channels, 3, 1, 1)),
            nn.Sequential(*separable(channels, 5, stride, 1), *separable(channels, 5, 1, 1)),
            nn.Sequential(*separable(channels, 3, stride, 2)),
            nn.Sequential(*separable(channels, 5, stride, 2)),
        ]
    )


class PlainCell(nn.Module):
    """Two inputs, four nodes, fourteen edges."""

    def __init__(self, inputs: tuple[int, int], channels: int, reduces: bool, after_reduction: bool) -> None:
        super().__init__()
        self.kind = "reduce" if reduces else "normal"
        self.before = (Reduce if after_reduction else conv_norm)(inputs[0], channels)
        self.last = conv_norm(inputs[1], channels)
        self.edges = nn.ModuleList(candidates(channels, 2 if reduces and source < 2 else 1) for _, source in EDGES)

    def forward(self, before: Tensor, last: Tensor, runs: list[list[int]], W: Tensor | None) -> Tensor:
        states = [self.before(before), self.last(last)]
        for node in range(NODES):
            terms = []
            for edge, (to, source) in enumerate(EDGES):
                if to == node:
                    for option in runs[edge]:
                        output = cast(nn.ModuleList, self.edges[edge])[option](states[source])
                        terms.append(output if W is None else W[edge, option] * output)
            states.append(cast(Tensor, sum(terms)))
        return torch.cat(states[2:], dim=1)


class PlainNetwork(nn.Module):
    """The published supernet."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        channels, width = size.channels, 3 * size.channels
        self.stem = nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))
        self.cells = nn.ModuleList()
        before = last = width
        reduced = False
        for number in range(size.cells):
            reduces = number in (size.cells // 3, 2 * size.cells // 3)
            channels *= 1 + reduces
            self.cells.append(PlainCell((before, last), channels, reduces, reduced))
            before, last, reduced = last, NODES * channels, reduces
        self.classifier = nn.Linear(last, 10)

    def forward(self, x: Tensor, runs: dict[str, list[list[int]]], W: dict[str, Tensor] | None) -> Tensor:
        before = last = self.stem(x)
        for cell in cast(Iterable[PlainCell], self.cells):
            before, last = last, cell(before, last, runs[cell.kind], None if W is None else W[cell.kind])
        return self.classifier(last.mean(dim=(2, 3)))


def by_edge(pairs: tuple[Pair, ...]) -> dict[str, list[list[int]]]:
    """Kind of cell -> edge -> the options that run."""
    lists: dict[str, list[list[int]]] = {
        kind: [[] for _ in where] for kind, where in spaces.get("darts-cnn").kinds.items()
    }
    for choice, option in pairs:
        for kind, where in spaces.get("darts-cnn").kinds.items():
            if choice in where:
                lists[kind][choice - where.start].append(option)
    return lists


def name_of(plain: str) -> str:
    """The name of a parameter of the plain network in ours."""
    parts = plain.split(".")
    if parts[0] != "cells":
        return plain
    place, rest = parts[2], parts[3:]
    head = ["body", parts[1], place]
    if place != "edges":
        return ".".join([*head, *({"1": ["conv"], "2": ["norm"]}.get(rest[0], [rest[0]])), *rest[1:]])
    edge, option, *inside = rest
    head += [edge, option]
    if option == "3":
        return ".".join([*head, *inside])
    layer, end = int(inside[0]), inside[1]
    if option in "12":
        return ".".join([*head, "norm", end])
    half, layer = divmod(layer, 4)
    block, norm = (("first", "second")[half],) * 2 if option in "45" else ("conv", "")
    if layer == 3:
        return ".".join([*head, f"{norm}_norm" if norm else "norm", end])
    return ".".join([*head, block, {1: "depthwise", 2: "pointwise"}[layer], end])


class Bench:
    """A network, alpha, an optimiser and a batch."""

    def __init__(self, layout: str, size: Size, dtype: torch.dtype = torch.float32) -> None:
        torch.manual_seed(0)
        self.space = spaces.get("darts-cnn")
        self.layout, self.size = layout, size
        plain = PlainNetwork(size)
        if layout == PLAIN:
            self.network: nn.Module = plain.to(dtype)
            self.names = {name_of(name): name for name, _ in plain.named_parameters()}
        else:
            ours = self.space.supernet(channels=size.channels, cells=size.cells, batch_norm="tracked")
            ours.load_state_dict({name_of(name): value for name, value in plain.state_dict().items()})
            self.network = ours.to(dtype).to(memory_format=torch.channels_last)
            self.names = {name: name for name, _ in ours.named_parameters()}
        torch.manual_seed(1)  # the same alpha and batches in both
        generator = np.random.default_rng(0)
        self.paths = [self.space.sample(generator).pairs for _ in range(64)]
        self.alpha = {
            kind: torch.randn(len(EDGES), 8, dtype=dtype).mul(1e-3).requires_grad_() for kind in self.space.kinds
        }
        self.optimiser = torch.optim.SGD(self.network.parameters(), lr=0.025, momentum=0.9, weight_decay=3e-4)
        self.images, self.labels = self.batch(size.batch, dtype)

    def batch(self, count: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
        images = torch.randn(count, 3, self.size.side, self.size.side, dtype=dtype)
        layout = torch.contiguous_format if self.layout == PLAIN else torch.channels_last
        return images.contiguous(memory_format=layout), torch.randint(10, (count,))

    def backward(self, kind: str, number: int, images: Tensor, labels: Tensor) -> Tensor:
        """The logits, after the backward pass of their loss."""
        self.optimiser.zero_grad()
        mixes = kind == "mixture"
        W = {name: alpha.softmax(-1) for name, alpha in self.alpha.items()} if mixes else None
        active = self.space.pairs if mixes else self.paths[number % len(self.paths)]
        if self.layout == PLAIN:
            logits: Tensor = self.network(images, by_edge(active), W)
        else:
            logits = self.network(images, W, active).prediction
        F.cross_entropy(logits, labels).backward()
        return logits.detach()

    def step(self, kind: str, number: int) -> None:
        self.backward(kind, number, self.images, self.labels)
        self.optimiser.step()

    def gradients(self) -> dict[str, Tensor]:
        """Of every parameter that has one, by our names, and of alpha."""
        parameters = dict(self.network.named_parameters())
        found = {ours: parameters[name].grad for ours, name in self.names.items()} | {
            kind: alpha.grad for kind, alpha in self.alpha.items()
        }
        return {name: gradient for name, gradient in found.items() if gradient is not None}


def check() -> float:
    """The largest difference of logits and gradients between the two, in double precision, relative to the largest.

    Raises:
        AssertionError: if it is more than rounding.
    """
    worst = 0.0
    plain, ours = (Bench(layout, Size(4, 3, 8, 4), torch.float64) for layout in (PLAIN, OURS))
    for kind in KINDS:
        expected = {"logits": plain.backward(kind, 0, plain.images, plain.labels)}
        found = {"logits": ours.backward(kind, 0, plain.images, plain.labels)}
        expected, found = expected | plain.gradients(), found | ours.gradients()
        assert set(found) == set(expected)
        largest = max(value.abs().max().item() for value in expected.values())
        worst = max(worst, *((found[name] - value).abs().max().item() / largest for name, value in expected.items()))
    assert worst < 1e-10, worst
    return worst


def times(size: Size, kind: str, steps: int) -> dict[str, list[float]]:
    """Milliseconds of each step of both layouts, in turn."""
    benches = {layout: Bench(layout, size) for layout in (PLAIN, OURS)}
    for bench in benches.values():
        bench.step(kind, 0)
    taken: dict[str, list[float]] = {layout: [] for layout in benches}
    for number in range(steps):
        for layout, bench in benches.items():
            start = time.process_time()
            bench.step(kind, number)
            taken[layout].append(1e3 * (time.process_time() - start))
    return taken


def peak() -> float:
    """MiB that this process has held at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def grown(layout: str, size: Size, kind: str) -> float:
    """MiB by which two steps raise this process's peak."""
    bench = Bench(layout, size)
    bench.backward(kind, 0, *bench.batch(2))
    bench.optimiser.step()
    before = peak()
    for _ in range(2):
        bench.step(kind, 0)
    return peak() - before


def memory(layout: str, size: Size, kind: str, threads: int) -> float:
    """`grown` in a process of its own."""
    command = [sys.executable, __file__, "--threads", str(threads), "--grown", layout, kind, *map(str, size)]
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=os.environ | {"MALLOC_ARENA_MAX": "1"}
    )
    return float(done.stdout)


def row(name: str, plain: float, ours: float) -> str:
    return f"{name:<44}{plain:>10.1f}{ours:>10.1f}{ours / plain:>8.2f}"


def memory_rows(size: Size, threads: int) -> list[str]:
    return [
        row(f"{kind}: MiB of a step", *(memory(layout, size, kind, threads) for layout in (PLAIN, OURS)))
        for kind in KINDS
    ]


def time_rows(size: Size, steps: int) -> Iterable[str]:
    for kind in KINDS:
        taken = times(size, kind, steps)
        yield row(f"{kind}: ms a step", *(statistics.median(taken[layout]) for layout in (PLAIN, OURS)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--large", action="store_true", help="also C=16, 8 cells, 32x32: a tenth of the steps")
    parser.add_argument("--grown", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.grown:
        layout, kind, *numbers = options.grown
        print(grown(layout, Size(*map(int, numbers)), kind))
        return
    sizes = {SMALL: options.steps} | ({LARGE: max(2, options.steps // 10)} if options.large else {})
    # a child process starts with its parent's peak: so memory comes first, while the parent is small
    of_memory = {size: memory_rows(size, options.threads) for size in sizes}
    print(f"largest relative difference of logits and gradients: {check():.1e}; threads: {options.threads}")
    for size, steps in sizes.items():
        label = f"C={size.channels}, {size.cells} cells, {size.side}x{size.side}, batch {size.batch}"
        print(f"{label:<44}{PLAIN:>10}{OURS:>10}{'ratio':>8}")
        for line in itertools.chain(of_memory[size], time_rows(size, steps)):
            print(line, flush=True)


if __name__ == "__main__":
    main()

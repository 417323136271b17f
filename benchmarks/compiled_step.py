"""Steps that are compiled beside steps that are not: their times as ratios, and what compiling takes.

    python benchmarks/compiled_step.py --threads 1 --epochs 6

Three runs on made-up images, in NAS-Bench-201: the training of a cell, one a stage, of 16 channels, and the mixture of
first-order DARTS at the sizes of the presets `demo` and `cpu`, which compiles for many minutes. An epoch of one run and
an epoch of its twin take turns, so that a drift of the machine's speed falls on both. Times are of the processor
(summed over threads) rather than of the clock, since other work may run; a step is the median within an epoch, and the
ratio is that of neighbouring epochs: median, smallest and largest. Compiling is what the first epoch takes beyond its
steps, with an empty cache.
"""

import argparse
import itertools
import os
import statistics
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

STEPS, BATCH = 8, 64
CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_1x1~2|"
Run = Callable[..., Any]


def spent() -> float:
    """Processor seconds of this process, and of the compilers that it has called."""
    return sum(os.times()[:4])


def epochs_of(run: Run, compiles: str, **given: Any) -> Iterator[list[float]]:
    """Processor seconds of the steps of each epoch, the first of which counts from the epoch's beginning."""
    ends: list[float] = []
    epochs = iter(run(compiles, on_step=lambda progress, metrics: ends.append(spent()), **given))
    while True:
        ends[:] = [spent()]
        next(epochs)
        yield [end - begin for begin, end in itertools.pairwise(ends)]


def compare(run: Run, count: int, **given: Any) -> str:
    """One line of the table."""
    plain, compiled = (epochs_of(run, compiles, **given) for compiles in ("false", "true"))
    pairs = [(next(plain), next(compiled)) for _ in range(count)]
    steps = [(statistics.median(one), statistics.median(other)) for one, other in pairs[1:]]
    ratios = [one / other for one, other in steps]
    milliseconds = [1000 * statistics.median(side) for side in zip(*steps, strict=True)]
    compiling = sum(pairs[0][1]) - STEPS * milliseconds[1] / 1000
    return (
        f"{milliseconds[0]:.0f} | {milliseconds[1]:.0f} | "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) | {compiling:.0f}"
    )


def main(count: int, folder: Path) -> None:
    """Prints the table."""
    import torch

    import supernas

    def data(images: int, side: int) -> Any:
        return torch.randn(images, 3, side, side), torch.arange(images) % 10

    def search(compiles: str, **given: Any) -> Any:
        more = [f"search.compile={compiles}", f"search.batch_size={BATCH}", "search.validation_images=64"]
        out = folder / f"{given['preset']}-{compiles}"
        return supernas.Search(method="darts", epochs=count + 1, device="cpu", out=out, set=more, **given)

    def training(compiles: str, **given: Any) -> Any:
        size = ["network.channels=16", "network.cells=1"]
        more = [f"train.compile={compiles}", f"train.batch_size={BATCH}", *size]
        out = folder / f"training-{compiles}"
        return supernas.Training(CELL, epochs=count + 1, device="cpu", out=out, set=more, **given)

    print("run | ms a step | compiled | times as fast | seconds of compiling", flush=True)
    print(f"training | {compare(training, count, data=data(STEPS * BATCH, 32))}", flush=True)
    for preset, side in (("demo", 32), ("cpu", 16)):
        line = compare(search, count, preset=preset, data=data(2 * STEPS * BATCH, side))
        print(f"mixture, {preset} | {line}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=6, help="pairs that are compared")
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(folder) / "cache")
        os.environ["TORCHINDUCTOR_COMPILE_THREADS"] = "1"  # not in processes that go on
        main(options.epochs, Path(folder))

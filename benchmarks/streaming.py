"""Peak memory of training batches from a folder of photographs, held in memory and read from their files: Markdown.

    python benchmarks/streaming.py [COUNT] [STEPS]

COUNT (50,000) JPEG files of 224x224 pixels in ten classes are made on the spot; their pixels are those of 500 different
ones. Each row is a process of its own, which draws STEPS (50) augmented batches of 64. Held images are measured for a
tenth of COUNT only: their memory is in proportion.
"""

import multiprocessing
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from supernas.data import load_images

SIDE, CLASSES, DIFFERENT, BATCH = 224, 10, 500, 64


def make(folder: Path, count: int) -> None:
    """Photographs of smooth noise; the files of equal ones share their blocks on the disk."""
    generator = np.random.default_rng(0)
    first: list[Path] = []
    for number in range(count):
        path = folder / "train" / f"n{number % CLASSES:08}" / f"{number}.JPEG"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number < DIFFERENT:
            coarse = Image.fromarray(generator.integers(0, 256, (14, 14, 3), dtype=np.uint8))
            coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(path, quality=90)
            first.append(path)
        else:
            os.link(first[number % DIFFERENT], path)
    for name in [path.name for path in (folder / "train").iterdir()]:
        (folder / "val" / name).mkdir(parents=True)
        os.link(folder / "train" / name / f"{int(name[1:])}.JPEG", folder / "val" / name / "0.JPEG")


def peak(process: int | str = "self") -> float:
    """The most memory that a process has had, in GB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024 / 1e9


def draw(folder: Path, memory: str, workers: int, steps: int, answer: multiprocessing.Queue) -> None:
    torch.set_num_threads(1)
    before, begin = peak(), time.perf_counter()
    data = load_images(folder, resolution=SIDE, memory=memory, workers=workers).for_search(0, None)
    stream = data.stream("train", BATCH, 0, torch.device("cpu"))
    next(stream)
    ready, begin = time.perf_counter() - begin, time.perf_counter()
    for _ in range(steps):
        next(stream)
    seconds = time.perf_counter() - begin
    readers = [peak(child.pid) for child in multiprocessing.active_children()]
    answer.put((len(data.images["train"]) * 2, before, peak(), sum(readers), ready, steps * BATCH / seconds))


def row(folder: Path, memory: str, workers: int, steps: int) -> str:
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=draw, args=(folder, memory, workers, steps, answer))
    process.start()
    count, before, most, readers, ready, rate = answer.get()
    process.join()
    return (
        f"| {memory}, {workers} readers | {count:,} | {most - before:.2f} | {readers:.2f} | {ready:.0f} | {rate:,.0f} |"
    )


def main() -> None:
    count, steps = (int(given) for given in [*sys.argv[1:], *("50000", "50")[len(sys.argv) - 1 :]])
    print("| memory | images | GB in this process | GB in its readers | seconds to the first batch | images a second |")
    print("|---|---:|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as tenth:
        make(Path(tenth), count // 10)
        print(row(Path(tenth), "hold", 0, steps), flush=True)
        make(Path(whole), count)
        for workers in (0, 2):
            print(row(Path(whole), "stream", workers, steps), flush=True)


if __name__ == "__main__":
    main()

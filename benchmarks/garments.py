"""Drawn clothes in the layout and the classes of Fashion-MNIST: data for measurements where nothing can be downloaded.

    python benchmarks/garments.py FOLDER [--train 20000] [--test 5000] [--seed 0]

Each picture is 28x28 grey: a silhouette of one of ten classes, its corners and sleeves varied, turned, scaled and
moved, filled with a pattern, lit from a side, partly hidden by a stripe, under noise. The shapes alike in Fashion-MNIST
(T-shirt, shirt, pullover, coat) differ by sleeves, length and an opening only. It is no substitute for Fashion-MNIST,
and figures from it say nothing about that.
"""

import argparse
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SIDE, SCALE = 28, 4  # drawn four times as large, then averaged down
Points = list[tuple[float, float]]


def mirrored(right: Points) -> Points:
    """A closed outline from its right half, from top to bottom; the axis is x = 0, the picture is -1 to 1."""
    return right + [(-x, y) for x, y in reversed(right)]


def top(sleeve: float, hem: float, width: float, wrist: float = 0.12) -> Points:
    """What has two sleeves: length of the sleeve, place of the hem, half its width."""
    shoulder, arm = (0.45, -0.6), (0.45 + 0.4 * min(sleeve, 1.0), -0.6 + 0.95 * sleeve)
    return mirrored([(0.15, -0.68), shoulder, arm, (arm[0] - wrist * 1.6, arm[1] + wrist), (0.38, -0.2), (width, hem)])


def outlines(random: np.random.Generator) -> list[Callable[[], list[Points]]]:
    """The ten classes in the order of Fashion-MNIST, each a maker of polygons."""
    u = random.uniform

    def shoe(heel: float, shaft: float, toe: float) -> list[Points]:
        return [[(-0.7, 0.35), (-0.7, -shaft), (-0.25, -shaft), (-0.05, 0.0), (0.75, toe), (0.8, 0.35)]] + (
            [[(-0.7, 0.3), (-0.45, 0.3), (-0.5, 0.3 + heel), (-0.68, 0.3 + heel)]] if heel else []
        )

    def sandal() -> list[Points]:
        sole = [(-0.75, 0.3), (0.8, u(0.2, 0.4)), (0.8, 0.48), (-0.75, 0.48)]
        straps = [
            [(x, 0.35), (x + 0.12, 0.35), (x + u(0.1, 0.3), -0.25), (x + 0.02, -0.25)] for x in (-0.6, -0.1, 0.35)
        ]
        return [sole, *straps]

    def trouser() -> list[Points]:
        gap = u(0.03, 0.15)
        return [mirrored([(0.35, -0.85), (u(0.38, 0.5), 0.85), (gap + 0.05, 0.85), (gap / 2, -0.25)])]

    def bag() -> list[Points]:
        low, high = u(0.5, 0.75), u(-0.25, 0.0)
        handle = [mirrored([(0.3, high), (0.25, high - 0.5)]), mirrored([(0.2, high), (0.16, high - 0.4)])]
        return [mirrored([(u(0.5, 0.75), high), (u(0.6, 0.85), low)]), handle[0]]

    return [
        lambda: [top(u(0.2, 0.45), u(0.55, 0.75), u(0.36, 0.46))],  # T-shirt
        trouser,
        lambda: [top(u(0.85, 1.1), u(0.5, 0.7), u(0.38, 0.5))],  # pullover
        lambda: [mirrored([(0.15, -0.85), (0.3, -0.75), (u(0.18, 0.28), -0.2), (u(0.35, 0.6), 0.85)])],  # dress
        lambda: [top(u(0.85, 1.1), u(0.75, 0.9), u(0.4, 0.55))],  # coat
        sandal,
        lambda: [top(u(0.4, 1.0), u(0.55, 0.8), u(0.34, 0.46), 0.08)],  # shirt
        lambda: shoe(0.0, u(0.0, 0.15), u(0.05, 0.2)),  # sneaker
        bag,
        lambda: shoe(u(0.0, 0.25), u(0.5, 0.8), u(0.0, 0.15)),  # ankle boot
    ]


OPEN = (4, 6)  # coat and shirt are open in front


def picture(label: int, random: np.random.Generator) -> np.ndarray:
    """One picture, uint8 [28, 28]."""
    size = SIDE * SCALE
    mask = Image.new("L", (size, size))
    draw = ImageDraw.Draw(mask)
    angle, zoom, aspect = random.normal(0, 0.12), random.uniform(0.75, 1.05), random.uniform(0.85, 1.15)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) * [aspect, 1 / aspect]
    move = random.normal(0, 0.06, 2)

    def placed(points: Points) -> list[tuple[float, float]]:
        there = np.asarray(points) + random.normal(0, 0.03, (len(points), 2))
        return [(float(x), float(y)) for x, y in ((there @ turn.T + move) * 0.5 + 0.5) * size]

    for polygon in outlines(random)[label]():
        draw.polygon(placed(polygon), fill=255)
    if label in OPEN and random.random() < 0.8:
        draw.line(placed([(0.0, -0.68), (0.0, 0.9)]), fill=0, width=int(random.integers(2, 6)))
    shape = np.asarray(mask.resize((SIDE, SIDE), Image.Resampling.BOX), float) / 255
    shape = shape * _pattern(random) * random.uniform(0.4, 1.0)
    if random.random() < 0.3:
        start = random.integers(0, SIDE - 4)
        shape[:, start : start + random.integers(2, 5)] *= random.uniform(0.0, 0.5)
    return (255 * np.clip(shape + random.normal(0, 0.08, shape.shape), 0, 1)).astype(np.uint8)


def _pattern(random: np.random.Generator) -> np.ndarray:
    """Stripes or checks of any direction, and light from a side, around 1."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    angle, waves = random.uniform(0, np.pi), random.uniform(2, 9)
    wave = np.sin(2 * np.pi * waves * (x * np.cos(angle) + y * np.sin(angle)) + random.uniform(0, 6))
    light = random.normal(0, 0.3) * (x - 0.5) + random.normal(0, 0.3) * (y - 0.5)
    return np.asarray(1 - random.uniform(0, 0.5) * (wave > random.uniform(-0.7, 0.7)) + light)


def write(folder: Path, part: str, images: np.ndarray, labels: np.ndarray) -> None:
    """The two IDX files of a part."""
    for array, name in ((images, f"{part}-images-idx3-ubyte"), (labels, f"{part}-labels-idx1-ubyte")):
        header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
        (folder / name).write_bytes(header + array.astype(np.uint8).tobytes())


def main() -> None:
    parser = argparse.ArgumentParser("garments", description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--train", type=int, default=20000, help="training pictures (20000)")
    parser.add_argument("--test", type=int, default=5000, help="test pictures (5000)")
    parser.add_argument("--seed", type=int, default=0, help="of everything random (0)")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(options.seed)
    for part, count in (("train", options.train), ("t10k", options.test)):
        labels = random.permutation(np.arange(count) % len(outlines(random)))
        write(options.folder, part, np.stack([picture(int(label), random) for label in labels]), labels)


if __name__ == "__main__":
    main()

"""What a network sees in an image file: a pattern for the helper that lies beside each network for images."""

import argparse
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

FOLDER = Path(__file__).parent
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")  # reading these starts no other program
CLASSES: list[str] = ["0", "1"]
CHANNELS = 3
SIDE = 32
MEAN = (0.5, 0.5, 0.5)
STD = (0.5, 0.5, 0.5)


@cache
def open_source() -> Callable[[np.ndarray], np.ndarray]:
    """The network of network.py: prepared images [batch, channels, SIDE, SIDE] to logits [batch, classes]."""
    from network import load

    network = load()
    return lambda images: network(torch.from_numpy(images)).numpy(force=True)


@cache
def open_program() -> Callable[[np.ndarray], np.ndarray]:
    """The network of network.pt2: prepared images [batch, channels, SIDE, SIDE] to logits [batch, classes]."""
    network = torch.export.load(FOLDER / "network.pt2").module()
    return lambda images: network(torch.from_numpy(images)).numpy(force=True)


@cache
def open_onnx() -> Callable[[np.ndarray], np.ndarray]:
    """The network of network.onnx: prepared images [batch, channels, SIDE, SIDE] to logits [batch, classes]."""
    from onnxruntime import InferenceSession

    session = InferenceSession(FOLDER / "network.onnx", providers=["CPUExecutionProvider"])
    return lambda images: session.run(None, {"images": images})[0]


open_network = open_source


def read(path: str | Path) -> np.ndarray:
    """An image as those of the training were, bytes [SIDE, SIDE, channels]: upright, the central square, averaged down
    (or, where it is smaller, enlarged).
    """
    with Image.open(path, formats=FORMATS) as opened:
        image = eight_bits(ImageOps.exif_transpose(opened)).convert("L" if CHANNELS == 1 else "RGB")
    if image.size != (SIDE, SIDE):
        smaller = min(image.size) >= SIDE
        image = ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(SIDE, SIDE, CHANNELS)


def eight_bits(image: Image.Image) -> Image.Image:
    """The image with 8 bits a channel: of 16 the upper ones, rounded; of numbers between 0 and 1 their 255-fold."""
    if image.mode[0] not in "IF":
        return image
    deep = np.asarray(image)
    most = 65_535 if deep.dtype.kind in "iu" else 1
    return Image.fromarray(np.rint(deep.clip(0, most) * (255 / most)).astype(np.uint8))


def prepare(path: str | Path) -> np.ndarray:
    """What the network reads, float32 [channels, SIDE, SIDE], of an image file."""
    pixels = (read(path) / 255 - MEAN) / STD
    return pixels.astype(np.float32).transpose(2, 0, 1)


def logits(path: str | Path) -> np.ndarray:
    """Logits [classes] of an image file."""
    return open_network()(prepare(path)[None])[0]


def predict(path: str | Path, top: int = 5) -> list[tuple[str, float]]:
    """The likeliest classes of an image file with their probabilities, the likeliest first."""
    values = logits(path)
    shares = np.exp(values - values.max())
    ranked = sorted(zip(CLASSES, shares / shares.sum(), strict=False), key=lambda pair: -pair[1])
    return [(name, float(share)) for name, share in ranked[:top]]


def main() -> None:
    """Prints the likeliest classes of the image files that the command line names."""
    parser = argparse.ArgumentParser(description="The likeliest classes of image files.")
    parser.add_argument("images", nargs="+", help="image files")
    parser.add_argument("--top", type=int, default=5, help="so many classes of each (default 5)")
    given = parser.parse_args()
    open_network()
    for path in given.images:
        try:
            ranked = predict(path, given.top)
        except Exception as error:  # a damaged image raises whatever its decoder raises
            parser.error(f"cannot read {path}: {error}")
        print(path)
        for name, share in ranked:
            print(f"  {share:6.1%}  {name}")


if __name__ == "__main__":
    main()

"""One image file that somebody else made: which decoders may see it, how large it may be, and which way is up.

What a file is called says nothing of what is in it, so decoders are named: none of `FORMATS` starts another program.
Its size is read from its header and bounded before anything is decoded. What comes is bytes: of an image with 16 bits a
channel the upper ones (rounded), of one with numbers between 0 and 1 their 255-fold. Transparency is left out, and of
moving pictures all but the first.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

__all__ = ["FORMATS", "MOST_PIXELS", "SUFFIXES", "UNREAD_SUFFIXES", "BrokenImageError", "Header", "header", "pixels"]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
SUFFIXES = frozenset(
    (".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".pbm", ".pgm", ".ppm", ".pnm")
)
"""Of files that are read, in lower case."""
UNREAD_SUFFIXES = frozenset(
    (".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".eps", ".psd", ".tga", ".ico", ".dng", ".cr2", ".nef", ".dcm")
)
"""Of images that a person might expect to be read."""
MOST_PIXELS = 52_000_000
"""Of one file: its decoding and conversion take about 8 bytes for each; half of them where they take 16."""

_GREY_MODES = {"1", "L", "LA", "La"}
_DEEP_MODES = {"I", "F"}  # first letters; pillow would cut off all that is brighter than 255


class BrokenImageError(ValueError):
    """A file that is not read; the message says why, in a few words."""


@dataclass(frozen=True)
class Header:
    """What a file says of itself: width and height as stored (before it is turned upright), and whether it is grey."""

    size: tuple[int, int]
    grey: bool


def header(path: Path) -> Header:
    """What a file says of itself; nothing is decoded.

    Raises:
        BrokenImageError: if it is no image that is read.
    """
    with _opened(path) as image:
        return Header(image.size, image.mode in _GREY_MODES or image.mode[0] in _DEEP_MODES)


def pixels(path: Path, grey: bool, side: int) -> np.ndarray:
    """One image, upright, uint8 [side, side, c].

    Args:
        path: its file.
        grey: one channel, not three.
        side: the central square of the image is brought to this height and width: averaged down (box), or, where it is
            smaller, enlarged (bilinear).

    Raises:
        BrokenImageError: if it cannot be decoded.
    """
    with _opened(path) as image:
        ImageOps.exif_transpose(image, in_place=True)
        image = _converted(_shallow(image), "L" if grey else "RGB")
    if image.size != (side, side):
        smaller = side <= min(image.size)
        image = ImageOps.fit(image, (side, side), Image.Resampling.BOX if smaller else Image.Resampling.BILINEAR)
    return np.asarray(image).reshape(side, side, -1)


@contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """The image in a file, not yet decoded; whatever goes wrong with it meanwhile is a `BrokenImageError`."""
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            raise BrokenImageError("no file" if path.exists() else "a link to nowhere")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pillow: what matters becomes an error here
            with Image.open(path, formats=FORMATS) as image:
                _check_size(image)
                yield image
    except BrokenImageError:
        raise
    except Image.DecompressionBombError:
        raise BrokenImageError(f"more than {MOST_PIXELS:,} pixels") from None
    except UnidentifiedImageError:
        raise BrokenImageError("no image of a kind that is read") from None
    except Exception as error:  # pillow raises whatever a damaged file makes its decoders raise
        raise BrokenImageError(f"damaged: {type(error).__name__}") from None


def _check_size(image: Image.Image) -> None:
    wide = image.format == "WEBP" or image.mode in ("I", "F")  # a decoder with copies of its own, long numbers
    count, most = image.width * image.height, MOST_PIXELS // 2 if wide else MOST_PIXELS
    if count > most:
        raise BrokenImageError(f"{count:,} pixels, more than {most:,}")


def _converted(image: Image.Image, mode: str) -> Image.Image:
    return image if image.mode == mode else image.convert(mode)


def _shallow(image: Image.Image) -> Image.Image:
    """The image with 8 bits a channel."""
    return Image.fromarray(_bytes(np.asarray(image))) if image.mode[0] in _DEEP_MODES else image


def _bytes(deep: np.ndarray) -> np.ndarray:
    """Whole numbers of 16 bits, or numbers between 0 and 1, as uint8."""
    whole = deep.dtype.kind in "iu"
    most = 65_535 if whole else 1
    if not (deep.min() >= 0 and deep.max() <= most):  # so that NaN is refused too
        raise BrokenImageError("more than 16 bits a channel" if whole else "numbers that are not between 0 and 1")
    made = np.empty(deep.shape, np.uint8)
    for row, scaled in zip(made, deep, strict=True):  # row by row, for the sake of memory
        row[:] = np.rint(scaled * (255 / most))
    return made

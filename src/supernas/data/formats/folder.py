"""Folders of image files, one sub-folder a class.

Either `train/CLASS/*.png` with `test/CLASS/*.png` (or `val`, `valid`), or `CLASS/*.png` alone, of which one fifth of
each class is then set aside as test images. If every image is grey, so is the data set; otherwise all become RGB.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from supernas.core.errors import UserError
from supernas.core.spelling import assigned
from supernas.data.balance import proportional_quotas, split_indices
from supernas.data.formats.base import image_set
from supernas.data.images import ImageParts, ImageSet

__all__ = ["ImageFolder"]

_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"}
_TEST_NAMES = ("test", "val", "valid")
_GREY_MODES = {"1", "L"}
_DEEP_MODES = {"I", "F"}  # converting them to bytes would cut off all that is brighter than 255
_TRAIN_SHARE = 0.8
_SEED = 0  # the split is part of the data set


@dataclass(frozen=True)
class ImageFolder:
    """A reader of image folders; with a `resolution` every larger image becomes a square of that size on reading."""

    resolution: int | None = None

    def found(self, folder: Path) -> bool:
        """Whether there are image files in sub-folders."""
        return bool(_classes(folder / "train") or _classes(folder))

    def read(self, folder: Path) -> ImageParts:
        """All images, classes in alphabetical order of their folders.

        Raises:
            UserError: if there are fewer than two classes, a file is no image, the sizes differ and `resolution` is
                None, or an image is smaller than `resolution`.
        """
        root = folder / "train" if _classes(folder / "train") else folder
        classes = _classes(root)
        if len(classes) < 2:
            raise UserError(f"{root} has one class of images ({', '.join(classes)}); wanted two or more sub-folders")
        test_root = next((folder / name for name in _TEST_NAMES if root != folder and _classes(folder / name)), None)
        train_files = _files(root, classes)
        test_files = _files(test_root, classes) if test_root else []
        grey = all(_mode(path) in _GREY_MODES for path, _ in train_files + test_files)
        train = self._read_files(train_files, grey)
        if test_root:
            return ImageParts(train, self._read_files(test_files, grey), classes)
        return _split(train, classes)

    def _read_files(self, files: list[tuple[Path, int]], grey: bool) -> ImageSet:
        first = self._pixels(files[0][0], grey)
        images = np.empty((len(files), *first.shape), np.uint8)
        for index, (path, _) in enumerate(files):
            pixels = self._pixels(path, grey)
            if pixels.shape != first.shape:
                least = min(min(_opened(each).size) for each, _ in files)
                raise UserError(
                    f"{path} is {pixels.shape[1]}x{pixels.shape[0]} pixels and {files[0][0].name} "
                    f"{first.shape[1]}x{first.shape[0]}; give "
                    f"{assigned('data.resolution', least)} or less to resize them"
                )
            images[index] = pixels
        return image_set(images.transpose(0, 3, 1, 2), np.array([label for _, label in files]))

    def _pixels(self, path: Path, grey: bool) -> np.ndarray:
        """One image as uint8 [h, w, c]; of one larger than the resolution the central square, averaged down to that."""
        image = _opened(path).convert("L" if grey else "RGB")
        side = self.resolution
        if side is not None and side < max(image.size):
            if not 1 <= side <= min(image.size):
                size = f"{image.width}x{image.height}"
                raise UserError(f"resolution is {side}; wanted 1 to {min(image.size)}, for {path} has {size} pixels")
            image = ImageOps.fit(image, (side, side), Image.Resampling.BOX)
        return np.asarray(image).reshape(image.height, image.width, -1)


def _classes(folder: Path) -> tuple[str, ...]:
    """The sub-folders that hold images, sorted."""
    if not folder.is_dir():
        return ()
    return tuple(sorted(sub.name for sub in folder.iterdir() if sub.is_dir() and any(map(_is_image, sub.iterdir()))))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")


def _files(root: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    strangers = sorted(set(_classes(root)) - set(classes))
    if strangers:
        raise UserError(f"{root / strangers[0]} is a class without training images; add some or remove the folder")
    return [
        (path, label)
        for label, name in enumerate(classes)
        if (root / name).is_dir()
        for path in sorted((root / name).iterdir())
        if _is_image(path)
    ]


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            image.load()
    except Exception as error:  # pillow raises whatever a damaged file makes its decoders raise
        raise UserError(f"{path} is no readable image ({type(error).__name__}); remove or replace it") from None
    if image.mode[0] in _DEEP_MODES:
        raise UserError(f"{path} has more than 8 bits a channel ({image.mode}); save it with 8")
    return image


def _mode(path: Path) -> str:
    try:
        with Image.open(path) as image:
            return image.mode
    except Exception as error:  # as above
        raise UserError(f"{path} is no readable image ({type(error).__name__}); remove or replace it") from None


def _split(images: ImageSet, classes: tuple[str, ...]) -> ImageParts:
    """Four fifths of every class for training, the rest for testing; the same ones every time."""
    size = min(round(_TRAIN_SHARE * len(images)), len(images) - 1)
    quotas = proportional_quotas(torch.bincount(images.labels).tolist(), size)
    train, test = split_indices(images.labels, quotas, _SEED)
    return ImageParts(images.select(train), images.select(test), classes)

"""One .npz file with `x_train`, `y_train` and, where there are test images, `x_test`, `y_test`.

What the arrays may be is said in `arrays.py`. `X_train`, and `train_images` with `train_labels`, are understood too.
"""

from pathlib import Path

import numpy as np

from supernas.core.errors import UserError
from supernas.core.reading import open_ordinary
from supernas.data.formats.arrays import channels_first, class_numbers, pixel_bytes
from supernas.data.formats.base import check_labels, image_set
from supernas.data.formats.image_files import Say, listed
from supernas.data.images import ImageParts
from supernas.data.packed import check_claim

__all__ = ["read"]

_SPELLINGS = {"x": ("x_{}", "X_{}", "{}_images"), "y": ("y_{}", "Y_{}", "{}_labels")}
_UNUSED = ("val", "valid", "validation")


def read(path: Path, say: Say = lambda text: None) -> ImageParts:
    """The images in the file; there are as many classes as the training labels say.

    Args:
        path: the file.
        say: called with what a user should know of it.

    Raises:
        UserError: if the file is damaged, lacks an array, or an array has another type or shape.
    """
    arrays = _arrays(path)
    there = ["train", *(part for part in ("test",) if _name(arrays, "x", part) or _name(arrays, "y", part))]
    if unused := [name for part in _UNUSED if (name := _name(arrays, "x", part))]:
        say(f"{listed(unused)} is not used: a search keeps some of the training images apart to judge by")
    images = {part: _images(arrays, part, path) for part in there}
    labels = {part: _taken(arrays, "y", part, path) for part in there}
    try:
        pixels = pixel_bytes({f"x_{part}": array for part, array in images.items()})
        numbers, names = class_numbers({f"y_{part}": array for part, array in labels.items()})
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    for part in there:
        if numbers[f"y_{part}"].shape != (len(images[part]),):
            given = f"{labels[part].dtype} {list(labels[part].shape)}"
            raise UserError(f"{path}: 'y_{part}' is {given}; wanted whole numbers [{len(images[part])}]")
    train = numbers["y_train"]
    check_labels(train, len(train), path)  # each class has an image, so there are no more classes than images
    classes = names or tuple(str(label) for label in range(int(train.max()) + 1))
    for part in there[1:]:
        check_labels(numbers[f"y_{part}"], len(classes), path)
    sets = [image_set(pixels[f"x_{part}"], numbers[f"y_{part}"]) for part in there]
    return ImageParts(sets[0], sets[1] if len(sets) > 1 else None, classes)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    parts = ("train", "test", *_UNUSED)
    known = {text.format(part) for texts in _SPELLINGS.values() for text in texts for part in parts}
    try:
        with open_ordinary(path) as file, np.load(file, allow_pickle=False) as archive:
            names = [name for name in archive.files if name in known]
            members = [archive.zip.getinfo(f"{name}.npy") for name in names]
            check_claim(path, sum(one.file_size for one in members), path.stat().st_size)
            return {name: np.asanyarray(archive[name]) for name in names}  # of a member that is no array, its bytes
    except UserError:
        raise
    except Exception as error:  # of the zip reader, the array reader or the file system, at whatever byte is wrong
        raise UserError(f"{path} is no readable .npz file of plain arrays ({type(error).__name__})") from None


def _name(arrays: dict[str, np.ndarray], kind: str, part: str) -> str | None:
    return next((name for text in _SPELLINGS[kind] if (name := text.format(part)) in arrays), None)


def _taken(arrays: dict[str, np.ndarray], kind: str, part: str, path: Path) -> np.ndarray:
    name = _name(arrays, kind, part)
    if name is None:
        raise UserError(f"{path} has no array '{kind}_{part}'; wanted x_train, y_train and perhaps x_test, y_test")
    return arrays[name]


def _images(arrays: dict[str, np.ndarray], part: str, path: Path) -> np.ndarray:
    """The images as [n, c, h, w], of whatever type."""
    given = _taken(arrays, "x", part, path)
    images = channels_first(given) if given.size else None
    if images is None:
        raise UserError(
            f"{path}: 'x_{part}' is {given.dtype} {list(given.shape)}; wanted uint8 (0 to 255) or float [n, h, w], "
            "[n, h, w, c] or [n, c, h, w] with 1 or 3 channels"
        )
    return images

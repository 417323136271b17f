"""One .npz file with `x_train`, `y_train` and, where there are test images, `x_test`, `y_test`.

Images are bytes [n, h, w], [n, h, w, c] or [n, c, h, w] with one or three channels; labels whole numbers [n] or [n, 1].
"""

from pathlib import Path

import numpy as np

from supernas.core.errors import UserError
from supernas.core.reading import open_ordinary
from supernas.data.formats.base import check_labels, image_set
from supernas.data.images import ImageParts
from supernas.data.packed import check_claim

__all__ = ["read"]

_CHANNELS = (1, 3)


def read(path: Path) -> ImageParts:
    """The images in the file; there are as many classes as the training labels say.

    Raises:
        UserError: if the file is damaged, lacks an array, or an array has another type or shape.
    """
    arrays = _arrays(path)
    images, labels = _part(arrays, "train", path)
    check_labels(labels, len(labels), path)  # each class has an image, so there are no more classes than images
    train, test, num_classes = image_set(images, labels), None, int(labels.max()) + 1
    if "x_test" in arrays or "y_test" in arrays:
        images, labels = _part(arrays, "test", path)
        check_labels(labels, num_classes, path)
        test = image_set(images, labels)
    return ImageParts(train, test, tuple(str(label) for label in range(num_classes)))


def _arrays(path: Path) -> dict[str, np.ndarray]:
    try:
        with open_ordinary(path) as file, np.load(file, allow_pickle=False) as archive:
            names = [name for name in archive.files if name[:2] in ("x_", "y_")]
            members = [archive.zip.getinfo(f"{name}.npy") for name in names]
            check_claim(path, sum(one.file_size for one in members), path.stat().st_size)
            return {name: archive[name] for name in names}
    except UserError:
        raise
    except Exception as error:  # of the zip reader, the array reader or the file system, at whatever byte is wrong
        raise UserError(f"{path} is no readable .npz file of plain arrays ({type(error).__name__})") from None


def _part(arrays: dict[str, np.ndarray], part: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Bytes [n, c, h, w] and whole numbers [n]."""
    for name in (f"x_{part}", f"y_{part}"):
        if name not in arrays:
            raise UserError(f"{path} has no array '{name}'; wanted x_train, y_train and perhaps x_test, y_test")
    images, labels = _images(arrays[f"x_{part}"], f"x_{part}", path), arrays[f"y_{part}"]
    labels = labels[:, 0] if labels.ndim == 2 and labels.shape[1] == 1 else labels
    if labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        given = f"{labels.dtype} {list(labels.shape)}"
        raise UserError(f"{path}: 'y_{part}' is {given}; wanted whole numbers [{len(images)}]")
    return images, labels


def _images(images: np.ndarray, name: str, path: Path) -> np.ndarray:
    """The images as bytes [n, c, h, w]."""
    if images.dtype == np.uint8 and images.size:
        if images.ndim == 3:
            return images[:, None]
        if images.ndim == 4 and images.shape[3] in _CHANNELS:
            return images.transpose(0, 3, 1, 2)
        if images.ndim == 4 and images.shape[1] in _CHANNELS:
            return images
    raise UserError(
        f"{path}: '{name}' is {images.dtype} {list(images.shape)}; wanted uint8 (0 to 255) [n, h, w] or [n, h, w, c] "
        "with 1 or 3 channels"
    )

"""ImageNet16-120: the first 120 classes of ImageNet at 16x16 pixels (Chrabaszcz et al. 2017; Dong & Yang, ICLR 2020).

The files are pickled batches with labels 1 to 1,000; those above 120 are left out and 1 is subtracted from the others.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from supernas.core.errors import UserError
from supernas.data.formats.base import check_labels, image_set, joined, verify
from supernas.data.formats.pickled import read_batch
from supernas.data.images import ImageParts, ImageSet

__all__ = ["IMAGENET16_120", "ImageNet16"]

_SIDE = 16
_ALL_CLASSES = 1_000
_TRAIN = {
    "train_data_batch_1": "27846dcaa50de8e21a7d1a35f30f0e91",
    "train_data_batch_2": "c7254a054e0e795c69120a5727050e3f",
    "train_data_batch_3": "4333d3df2e5ffb114b05d2ffc19b1e87",
    "train_data_batch_4": "1620cdf193304f4a92677b695d70d10f",
    "train_data_batch_5": "348b3c2fdbb3940c4e9e834affd3b18d",
    "train_data_batch_6": "6e765307c242a1b3d7d5ef9139b48945",
    "train_data_batch_7": "564926d8cbf8fc4818ba23d2faac7564",
    "train_data_batch_8": "f4755871f718ccb653440b9dd0ebac66",
    "train_data_batch_9": "bb6dd660c38c58552125b1a92f86b5d4",
    "train_data_batch_10": "8f03f34ac4b42271a294f91bf480f29b",
}
_TEST = {"val_data": "3410e3017fdaefba8d5073aaa65e4bd6"}


@dataclass(frozen=True)
class ImageNet16:
    """A reader of the first `num_classes` classes; `train` and `test` are the published numbers of their images."""

    num_classes: int
    train: int
    test: int

    def found(self, folder: Path) -> bool:
        """Whether the folder holds a training batch."""
        return any((folder / name).is_file() for name in _TRAIN)

    def read(self, folder: Path) -> ImageParts:
        """All training batches that are there, and the validation file as test images.

        Raises:
            UserError: if a file is missing, damaged, altered, or none of its images is of the wanted classes.
        """
        names = [name for name in _TRAIN if (folder / name).is_file()]
        if not names:
            raise UserError(f"{folder} has no train_data_batch_1 to train_data_batch_10; name the folder that has")
        train = joined([self._read_file(folder / name) for name in names])
        test = self._read_file(folder / "val_data")
        if len(names) == len(_TRAIN) and (len(train), len(test)) == (self.train, self.test):
            verify(folder, {**_TRAIN, **_TEST})
        return ImageParts(train, test, tuple(f"imagenet_{label}" for label in range(1, self.num_classes + 1)))

    def _read_file(self, path: Path) -> ImageSet:
        images, labels = read_batch(path, _SIDE, "labels")
        labels = labels - 1
        check_labels(labels, _ALL_CLASSES, path)
        wanted = labels < self.num_classes
        if not np.any(wanted):
            raise UserError(f"{path} has no image of the first {self.num_classes} classes; fetch the file again")
        return image_set(images[wanted], labels[wanted])


IMAGENET16_120 = ImageNet16(num_classes=120, train=151_700, test=6_000)

"""The IDX files of MNIST and its relatives (LeCun et al. 1998), plain or compressed with gzip.

A file is a magic number (0, 0, 8 for bytes, number of dimensions), the dimensions as big-endian 32-bit numbers, and the
bytes themselves.
"""

import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from supernas.core.errors import UserError
from supernas.data.formats.base import check_labels, contents, image_set
from supernas.data.images import ImageParts, ImageSet
from supernas.data.packed import check_claim, start_of_gzip, unpacked_gzip

__all__ = ["IDX", "Idx", "parse"]

_PARTS = ("train", "t10k")


@dataclass(frozen=True)
class Idx:
    """A reader of a folder with the four files of an MNIST-like data set."""

    def found(self, folder: Path) -> bool:
        """Whether the training images are there."""
        return _file(folder, "train-images-idx3-ubyte").is_file()

    def read(self, folder: Path) -> ImageParts:
        """The training and test images; there are as many classes as the training labels say.

        Raises:
            UserError: if one of the four files is missing or damaged.
        """
        train, test = (_read_part(folder, part) for part in _PARTS)
        num_classes = int(train.labels.max()) + 1
        check_labels(test.labels.numpy(), num_classes, _file(folder, "t10k-labels-idx1-ubyte"))
        return ImageParts(train, test, tuple(str(label) for label in range(num_classes)))


IDX = Idx()


def _file(folder: Path, name: str) -> Path:
    """The plain file if it is there, else the compressed one, else the plain one."""
    for candidate in (folder / name, folder / f"{name}.gz"):
        if candidate.is_file():
            return candidate
    return folder / name


def _read_part(folder: Path, part: str) -> ImageSet:
    image_file, label_file = _file(folder, f"{part}-images-idx3-ubyte"), _file(folder, f"{part}-labels-idx1-ubyte")
    images, labels = parse(image_file, 3), parse(label_file, 1)
    if len(images) != len(labels):
        raise UserError(f"{label_file} has {len(labels)} labels for {len(images)} images; fetch both files again")
    return image_set(images[:, None], labels)


def parse(path: Path, dimensions: int) -> np.ndarray:
    """The bytes of an IDX file, uint8 with so many dimensions, none of them empty.

    Raises:
        UserError: if the file is missing, no such file, or its size is not what its header says.
    """
    start = 4 + 4 * dimensions
    header = _bytes(path, start)[:start]
    if len(header) < start or header[:4] != bytes((0, 0, 8, dimensions)):
        raise UserError(f"{path} is no IDX file of bytes in {dimensions} dimensions; fetch it again")
    shape = struct.unpack(f">{dimensions}I", header[4:])
    data = _bytes(path, start + math.prod(shape), whole=True)
    if not math.prod(shape) or len(data) - start != math.prod(shape):
        raise UserError(f"{path} has {len(data) - start} bytes for the shape {list(shape)}: damaged, fetch it again")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def _bytes(path: Path, length: int, *, whole: bool = False) -> bytes:
    """The first bytes of the content, or all of it, which must not be more."""
    if path.suffix != ".gz":
        return contents(path)
    try:
        if not whole:
            return start_of_gzip(path, length)
        check_claim(path, length, path.stat().st_size)
        return unpacked_gzip(path, length)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None

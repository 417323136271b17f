"""The IDX files of MNIST and its relatives (LeCun et al. 1998), plain or compressed with gzip.

A file is a magic number (0, 0, 8 for bytes, number of dimensions), the dimensions as big-endian 32-bit numbers, and the
bytes themselves.
"""

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from supernas.core.errors import UserError
from supernas.data.formats.base import check_labels, contents, image_set
from supernas.data.images import ImageParts, ImageSet

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
    data = contents(path)
    if path.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise UserError(f"{path} is no whole gzip file ({error}); fetch it again") from None
    header = 4 + 4 * dimensions
    if len(data) < header or data[:4] != bytes((0, 0, 8, dimensions)):
        raise UserError(f"{path} is no IDX file of bytes in {dimensions} dimensions; fetch it again")
    shape = struct.unpack(f">{dimensions}I", data[4:header])
    if not math.prod(shape) or len(data) - header != math.prod(shape):
        raise UserError(f"{path} has {len(data) - header} bytes for the shape {list(shape)}: damaged, fetch it again")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)

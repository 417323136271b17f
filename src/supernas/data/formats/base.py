"""What every reader of an image folder offers, and what they share."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from supernas.core.errors import UserError
from supernas.core.reading import read_bytes
from supernas.data.images import ImageParts, ImageSet

__all__ = ["FileFormat", "check_labels", "contents", "image_set", "joined", "verify"]


@runtime_checkable
class FileFormat(Protocol):
    """A reader of one kind of folder."""

    def found(self, folder: Path) -> bool:
        """Whether the folder holds files of this kind (they may still be damaged)."""

    def read(self, folder: Path) -> ImageParts:
        """The images in the folder.

        Raises:
            UserError: if a file is missing or damaged; the message names it.
        """


def contents(path: Path) -> bytes:
    """The bytes of a file that the format needs.

    Raises:
        UserError: if the file is missing or cannot be read.
    """
    try:
        return read_bytes(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing; put the file there or name a complete folder") from None
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None


def image_set(images: np.ndarray, labels: np.ndarray) -> ImageSet:
    """Bytes [n, c, h, w] and whole numbers [n] as tensors of their own."""
    return ImageSet(torch.from_numpy(np.array(images, order="C")), torch.from_numpy(np.array(labels, np.int64)))


def check_labels(labels: np.ndarray, num_classes: int, source: Path) -> None:
    """Refuse labels that are not class numbers.

    Raises:
        UserError: if a label is negative or not below `num_classes`.
    """
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if wrong.size:
        raise UserError(f"{source} has label {wrong[0]}; wanted 0 to {num_classes - 1}: the file is damaged or another")


def joined(parts: list[ImageSet]) -> ImageSet:
    """Several sets as one, in order."""
    return ImageSet(torch.cat([part.images for part in parts]), torch.cat([part.labels for part in parts]))


def verify(folder: Path, checksums: Mapping[str, str]) -> None:
    """Compare files with their published MD5 checksums.

    Raises:
        UserError: for the first file that differs.
    """
    for name, published in checksums.items():
        digest = hashlib.md5((folder / name).read_bytes(), usedforsecurity=False).hexdigest()
        if digest != published:
            raise UserError(
                f"{folder / name} has MD5 {digest}; the published file has {published}: it is damaged, fetch it again "
                "(images of your own: save them as .npz)"
            )

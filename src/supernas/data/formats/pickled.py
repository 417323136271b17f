"""Batches of images pickled as a dictionary: the Python layout of CIFAR and of the downsampled ImageNet."""

from pathlib import Path

import numpy as np

from supernas.core.errors import UserError
from supernas.data.pickles import safe_load

__all__ = ["read_batch"]


def read_batch(path: Path, side: int, label_key: str) -> tuple[np.ndarray, np.ndarray]:
    """Pixels uint8 [n, 3, side, side] and labels int64 [n] of one pickled batch.

    Raises:
        UserError: if the file is missing, damaged, or holds something else.
    """
    batch = safe_load(path)
    if not isinstance(batch, dict) or "data" not in batch or label_key not in batch:
        raise UserError(f"{path} is no batch of images; wanted a pickled dictionary with 'data' and '{label_key}'")
    pixels = batch["data"]
    labels = np.asarray(_whole_numbers(batch[label_key], path), dtype=np.int64)
    columns = 3 * side * side
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.shape != (len(labels), columns):
        raise UserError(f"{path} is damaged: 'data' is not bytes [{len(labels)}, {columns}], one row for each label")
    if not len(labels):
        raise UserError(f"{path} holds no images; fetch the file again")
    return np.asarray(pixels).reshape(-1, 3, side, side), labels


def _whole_numbers(labels: object, path: Path) -> list[int]:
    if isinstance(labels, np.ndarray):
        labels = labels.tolist()
    if not isinstance(labels, list) or not all(type(label) is int and abs(label) < 2**31 for label in labels):
        raise UserError(f"{path} is damaged: its labels are not a list of whole numbers")
    return labels

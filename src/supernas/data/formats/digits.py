"""The handwritten digits that come with scikit-learn: 1,797 grey images of 8x8 pixels (Alpaydin & Kaynak 1998)."""

import numpy as np
import torch

from supernas.data.balance import proportional_quotas, split_indices
from supernas.data.formats.base import image_set
from supernas.data.images import ImageParts

__all__ = ["read"]

_TRAIN = 1_437  # four fifths; the rest, 360, is the test set
_SEED = 0  # the split is part of the data set


def read() -> ImageParts:
    """The digits, split into 1,437 training and 360 test images in which every class keeps its share."""
    from sklearn.datasets import load_digits  # slow to import, and needed for this data set only

    digits = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)  # 17 levels, 0 to 16
    images = image_set(pixels[:, None], digits.target)
    train, test = split_indices(
        images.labels, proportional_quotas(torch.bincount(images.labels).tolist(), _TRAIN), _SEED
    )
    return ImageParts(images.select(train), images.select(test), tuple(str(digit) for digit in range(10)))

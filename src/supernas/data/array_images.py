"""Arrays that are given in Python, as networks for images read them."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from supernas.data.datasets.tensors import TensorDataset
from supernas.data.formats.arrays import channel_axis, pixel_bytes
from supernas.data.formats.base import image_set
from supernas.data.images import moments

__all__ = ["images_of_arrays"]


def images_of_arrays(dataset: TensorDataset) -> TensorDataset:
    """The same images with channels first.

    Whole numbers are pixels, which are normalised with mean and deviation of the training images, as are those of
    files. Numbers with a point are taken as they are: who has them has prepared them.

    Raises:
        UserError: if whole numbers are no pixels.
    """
    inputs = {part: _with_channels_first(pair[0]) for part, pair in dataset.arrays.items()}
    if any(array is None for array in inputs.values()):
        return dataset  # for others to refuse
    placed = {part: array for part, array in inputs.items() if array is not None}
    if placed["train"].is_floating_point():
        return _with_inputs(dataset, placed)
    pixels = pixel_bytes({f"the {part} inputs": array.numpy(force=True) for part, array in placed.items()})
    images = {part: image_set(array, np.zeros(len(array))) for part, array in zip(placed, pixels.values(), strict=True)}
    mean, std = moments(images["train"])
    shift, scale = (torch.tensor(values).view(1, -1, 1, 1) for values in (mean, std))
    normalised = {part: (content.images / 255 - shift) / scale for part, content in images.items()}
    return replace(_with_inputs(dataset, normalised), mean=mean, std=std)


def _with_inputs(dataset: TensorDataset, inputs: Mapping[str, Tensor]) -> TensorDataset:
    return replace(dataset, arrays={part: (inputs[part], pair[1]) for part, pair in dataset.arrays.items()})


def _with_channels_first(images: Tensor) -> Tensor | None:
    """[n, c, h, w]; floating-point numbers may have any number of channels, where these come first."""
    axis = channel_axis(images.shape)
    if axis is None:
        return images if images.ndim == 4 and images.is_floating_point() else None
    return images.movedim(axis, 1) if axis else images[:, None]

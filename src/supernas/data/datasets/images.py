"""Labelled images, in memory or in files."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch

from supernas.core.documents import Document, Values
from supernas.core.identity import digest_of
from supernas.core.task import Task, classification
from supernas.data.augment import Augmentation
from supernas.data.batch import Batch
from supernas.data.datasets.base import Dataset
from supernas.data.image_stream import ImageStream, image_batches
from supernas.data.images import LabelledImages, halves

__all__ = ["USUAL_SPLIT", "ImageDataset"]

USUAL_SPLIT = 0.5
"""The part of the training images that trains a search's weights."""
_EVALUATION_BATCH = 500


@dataclass(frozen=True, eq=False, kw_only=True)
class ImageDataset(Dataset):
    """Labelled square images, and how they are varied in training.

    Attributes:
        images: the images of each part.
        classes: the name of each class.
        mean: mean of each channel, with pixels between 0 and 1.
        std: standard deviation of each channel, in the same unit.
        augmentation: how training images are varied.
    """

    examples: ClassVar[str] = "images"

    images: Mapping[str, LabelledImages]
    classes: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def channels(self) -> int:
        """Channels of an image: 1 (grey) or 3 (red, green, blue)."""
        return self.input_shape[0]

    @property
    def resolution(self) -> int:
        """Height and width of an image, in pixels."""
        return self.input_shape[1]

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts that there are images of."""
        return tuple(self.images)

    @property
    def network(self) -> Values:
        """Classes and channels."""
        return {"num_classes": self.num_classes, "in_channels": self.channels}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Channels, height and width."""
        return self.images["train"].shape

    @property
    def input_type(self) -> torch.dtype:
        """Normalised pixels."""
        return torch.float32

    def task(self, label_smoothing: float = 0.0) -> Task:
        """Classification."""
        return classification(label_smoothing)

    @property
    def digest(self) -> str:
        """Of the images and their classes; how they are varied is a setting."""
        parts = {part: images.identity for part, images in self.images.items()}
        return digest_of((parts, self.classes, self.mean, self.std))

    def count(self, part: str) -> int:
        """How many images."""
        return len(self.images[part])

    def stream(self, part: str, batch_size: int, seed: int, device: torch.device) -> ImageStream:
        """Endless augmented batches."""
        return ImageStream(
            self.images[part],
            batch_size,
            mean=self.mean,
            std=self.std,
            augmentation=self.augmentation,
            seed=seed,
            device=device,
        )

    def batches(self, part: str, device: torch.device, limit: int | None = None, number: int = 0) -> Iterator[Batch]:
        """Images as they are, in equal batches: the statistics of a batch depend on its size."""
        return self.in_order(_piece(self.images[part], limit, number), _EVALUATION_BATCH, device)

    def first(self, part: str, count: int, device: torch.device) -> Batch:
        """The first images as they are."""
        images = _piece(self.images[part], count)
        return next(self.in_order(images, len(images), device))

    def in_order(self, images: LabelledImages, most: int, device: torch.device | str) -> Iterator[Batch]:
        """Images of this data set as they are, in batches of equal size, which is `most` or less."""
        size = math.ceil(len(images) / math.ceil(len(images) / most))
        return image_batches(images, size, mean=self.mean, std=self.std, device=device)

    def facts(self) -> Document:
        """The classes too, and how pixels (between 0 and 1) were normalised."""
        return {**super().facts(), "mean": list(self.mean), "std": list(self.std), "classes": list(self.classes)}

    def for_search(self, seed: int, split: float | None) -> "ImageDataset":
        """The training images in two parts (halves), in which every class keeps its share; no test images."""
        train, valid = halves(self.images["train"], seed, USUAL_SPLIT if split is None else split)
        return replace(self, images={"train": train, "valid": valid})


def _piece(images: LabelledImages, limit: int | None, number: int = 0) -> LabelledImages:
    """`limit` images (or all): of the pieces of that size that they fall into, the one of a number that goes round."""
    if limit is None or limit >= len(images):
        return images
    start = number % (len(images) // limit) * limit
    piece: LabelledImages = images.select(torch.arange(start, start + limit))
    return piece

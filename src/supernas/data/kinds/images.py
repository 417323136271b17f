"""Labelled images."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch

from supernas import data
from supernas.core.settings import setting, settings
from supernas.core.task import Task, classification
from supernas.data import Augmentation, Batch, ImageData, ImageSet, SearchData
from supernas.data.kinds.base import DataKind, Dataset, Published

__all__ = ["DataSettings", "ImageDataset"]

_EVALUATION_BATCH = 500


@settings
class DataSettings(DataKind):
    """Which images, and how they are prepared."""

    usual_split: ClassVar[float | None] = 0.5

    source: str = setting("digits", "the name of a data set, or a path")
    directory: str | None = setting(None, "where its files are; the download cache by default")
    resolution: int | None = setting(None, "images with a larger side are averaged down to this one", ge=4)
    train_size: int | None = setting(None, "of more training images a class-balanced subset of this size", ge=2)
    augmentation: Augmentation | None = setting(None, "flip, padded crop, cutout; the data set's usual ones by default")

    def load(self) -> "ImageDataset":
        """The images, at the wanted resolution and number."""
        images = self.images()
        return ImageDataset.of(images, data.usual_augmentation(images, self.augmentation))

    def images(self) -> ImageData:
        """The images as they are loaded.

        Raises:
            UserError: if they cannot be read.
        """
        directory = Path(self.directory) if self.directory else None
        images = data.load(self.source, directory)
        resolution = _if_less(self.resolution, images.resolution)
        train_size = _if_less(self.train_size, len(images.train))
        if resolution is None and train_size is None:
            return images
        return data.load(self.source, directory, resolution=resolution, train_size=train_size)

    @classmethod
    def refuses(cls, dataset: Dataset) -> str:
        """Whatever is not floating-point numbers in three dimensions."""
        if len(dataset.input_shape) == 3 and dataset.input_type.is_floating_point:
            return ""
        return (
            f"inputs of shape {list(dataset.input_shape)} and type {dataset.input_type}: networks for images take "
            "floating-point numbers [examples, channels, height, width]"
        )

    @classmethod
    def published(cls, classes: int | None, resolution: int | None) -> Published:
        """10 classes of 32x32 colour images, as in CIFAR-10."""
        count, side = classes or 10, resolution or 32
        network = {"num_classes": count, "in_channels": 3}
        return Published(network, (3, side, side), torch.float32, f"{count} classes", f"{side}x{side}")


def _if_less(wanted: int | None, there: int) -> int | None:
    return wanted if wanted is not None and wanted < there else None


def piece(images: ImageSet, limit: int | None, number: int = 0) -> ImageSet:
    """`limit` images (or all): of the pieces of that size that they fall into, the one of a number that goes round."""
    if limit is None or limit >= len(images):
        return images
    start = number % (len(images) // limit) * limit
    return images.select(torch.arange(start, start + limit))


@dataclass(frozen=True)
class ImageDataset(Dataset):
    """Labelled images, and how they are varied in training."""

    described: ImageData | SearchData
    augmentation: Augmentation

    @classmethod
    def of(cls, images: ImageData | SearchData, augmentation: Augmentation) -> "ImageDataset":
        """The dataset of some images."""
        return cls(
            name=images.name,
            note=getattr(images, "note", ""),
            parts=tuple(part for part in ("train", "valid", "test") if getattr(images, part, None) is not None),
            network={"num_classes": images.num_classes, "in_channels": images.channels},
            input_shape=(images.channels, images.resolution, images.resolution),
            input_type=torch.float32,
            examples="images",
            described=images,
            augmentation=augmentation,
        )

    def task(self, label_smoothing: float = 0.0) -> Task:
        """Classification."""
        return classification(label_smoothing)

    def count(self, part: str) -> int:
        """How many images."""
        return len(self.images(part))

    def images(self, part: str) -> ImageSet:
        """The images of a part."""
        images: ImageSet = getattr(self.described, part)
        return images

    def stream(self, part: str, batch_size: int, seed: int, device: torch.device) -> data.Stream:
        """Endless augmented batches."""
        return data.Stream(
            self.images(part),
            batch_size,
            mean=self.described.mean,
            std=self.described.std,
            augmentation=self.augmentation,
            seed=seed,
            device=device,
        )

    def batches(self, part: str, device: torch.device, limit: int | None = None, number: int = 0) -> Iterator[Batch]:
        """Images as they are, in equal batches: the statistics of a batch depend on its size."""
        return self._in_order(piece(self.images(part), limit, number), _EVALUATION_BATCH, device)

    def first(self, part: str, count: int, device: torch.device) -> Batch:
        """The first images as they are."""
        images = piece(self.images(part), count)
        return next(self._in_order(images, len(images), device))

    def _in_order(self, images: ImageSet, most: int, device: torch.device) -> Iterator[Batch]:
        size = math.ceil(len(images) / math.ceil(len(images) / most))
        return data.batches(images, size, mean=self.described.mean, std=self.described.std, device=device)

    def facts(self) -> dict[str, Any]:
        """The classes too, and how pixels (between 0 and 1) were normalised."""
        about = self.described
        return {**super().facts(), "mean": list(about.mean), "std": list(about.std), "classes": list(about.classes)}

    def for_search(self, seed: int, split: float | None) -> "ImageDataset":
        """The training images in two parts (halves), in which every class keeps its share; no test images."""
        assert isinstance(self.described, ImageData)
        usual = DataSettings.usual_split or 0.5
        halves = data.search_data(self.described, seed, usual if split is None else split)
        return ImageDataset.of(halves, self.augmentation)

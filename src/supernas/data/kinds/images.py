"""Labelled images."""

from collections.abc import Iterator
from typing import ClassVar, Literal

import torch

from supernas.core.settings import Unused, setting, settings
from supernas.data.array_images import images_of_arrays
from supernas.data.augment import Augmentation
from supernas.data.datasets import Dataset, ImageDataset, TensorDataset
from supernas.data.datasets.images import USUAL_SPLIT
from supernas.data.kinds.base import DataKind, DataShape
from supernas.data.load_images import load_images

__all__ = ["ImageSettings"]


@settings
class ImageSettings(DataKind):
    """Which images, and how they are prepared."""

    usual_split: ClassVar[float | None] = USUAL_SPLIT

    source: str = setting("digits", "the name of a data set, or a path")
    directory: str | None = setting(None, "where its files are; the download cache by default")
    resolution: int | None = setting(
        None, "larger images are averaged down to squares of this side; to it, all of a folder of several sizes", ge=4
    )
    train_size: int | None = setting(None, "of more training images a class-balanced subset of this size", ge=2)
    augmentation: Augmentation | None = setting(None, "flip, padded crop, cutout; the data set's usual ones by default")

    broken: Literal["refuse", "skip"] = setting("refuse", "image files that cannot be read: name them all, or go on")

    memory: Literal["auto", "hold", "stream"] = setting(
        "auto",
        "whether a folder's images are held in memory, or read from their files batch by batch; auto holds what fits",
    )
    workers: int | None = setting(
        None, "processes that read files batch by batch; by default one a core, and four at most", ge=0, le=256
    )

    def unused(self) -> Iterator[Unused]:
        """What is of files, where there are none to read."""
        if self.source == "digits":
            names = ("directory", "broken", "memory", "workers")
            yield Unused(names, "source=digits, which comes with scikit-learn", "another data.source")
        elif self.memory == "hold":
            yield Unused(("workers",), "memory=hold", "memory=stream")

    def load(self) -> ImageDataset:
        """The images, at the wanted resolution and number."""
        return load_images(
            self.source,
            self.directory,
            resolution=self.resolution,
            train_size=self.train_size,
            augmentation=self.augmentation,
            broken=self.broken,
            memory=self.memory,
            workers=self.workers,
        )

    @classmethod
    def adapted(cls, dataset: Dataset) -> Dataset:
        """Arrays with channels first, and pixels normalised where they are whole numbers."""
        return images_of_arrays(dataset) if isinstance(dataset, TensorDataset) else dataset

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
    def usual_shape(cls, classes: int | None, resolution: int | None) -> DataShape:
        """10 classes of 32x32 colour images, as in CIFAR-10."""
        count, side = classes or 10, resolution or 32
        network = {"num_classes": count, "in_channels": 3}
        return DataShape(network, (3, side, side), torch.float32, f"{count} classes", f"{side}x{side}")

"""Images by their published name, or from a folder or file: found, read once, and brought to size."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch

from supernas.core.errors import UserError
from supernas.data.augment import Augmentation
from supernas.data.catalogue import PUBLISHED_IMAGES, PublishedImages
from supernas.data.datasets.images import ImageDataset
from supernas.data.download import default_directory, locate
from supernas.data.filed_images import FiledImages
from supernas.data.formats import digits, npz
from supernas.data.formats.folder import ImageFolder
from supernas.data.formats.idx import IDX
from supernas.data.formats.image_files import Memory, Say, listed
from supernas.data.images import (
    ImageParts,
    ImageSet,
    LabelledImages,
    advise_resolution,
    moments,
    resized,
    subset,
)
from supernas.data.paths import located

__all__ = ["image_names", "load_images"]

_DIGITS = "digits"
_SMALLEST = 4  # side that a resolution may have


@dataclass(frozen=True)
class _Source:
    """What images are called, what reads them, and what is known of them besides."""

    name: str
    read: Callable[[], ImageParts]
    mirror: bool = True
    published: PublishedImages | None = None


def image_names() -> dict[str, str]:
    """The published data sets by name, each with one line about it."""
    described = {name: published.description for name, published in PUBLISHED_IMAGES.items()}
    return {_DIGITS: "1,437 + 360 grey handwritten digits, 8x8, 10 classes (comes with scikit-learn)", **described}


def load_images(
    name_or_path: str | Path,
    directory: Path | str | None = None,
    *,
    resolution: int | None = None,
    train_size: int | None = None,
    augmentation: Augmentation | None = None,
    broken: Literal["refuse", "skip"] = "refuse",
    memory: Memory = "hold",
    workers: int | None = None,
    download: bool = True,
) -> ImageDataset:
    """Load a data set of images.

    Args:
        name_or_path: a name of `image_names()`; or a folder (CIFAR in the binary or Python layout, ImageNet16, IDX, or
            images in one sub-folder a class) or an .npz file (`docs/guides/data.md` has every layout). A path that is
            not absolute counts from `directory`.
        directory: where the files of a published data set are or go; by default `$SUPERNAS_CACHE` or
            `~/.cache/supernas`.
        resolution: the central squares of larger images are averaged down to this height and width; squares that are no
            larger stay as they are. In a folder whose images are not squares of one size all are brought to it.
        train_size: of more training images so many are kept, as equally many of each class as there are, always the
            same ones.
        augmentation: how training images are varied; what is None there is as usual for them.
        broken: whether image files that cannot be read are refused (all are named) or left out.
        memory: whether the images of a folder of image files are held in memory, or read from their files whenever they
            are wanted (`stream`); `auto` holds what fits.
        workers: processes that read them then; by default one a core, and four at most.
        download: fetch a published data set that is not there.

    Raises:
        UserError: if the name is unknown, files are missing or damaged, or the images are not squares of one size.
    """
    notes: list[str] = []
    folder = ImageFolder(resolution, broken == "skip", notes.append, memory, workers)
    source = _find(str(name_or_path), directory, folder, notes.append, download)
    parts = source.read()
    train, test, classes = parts
    if memory == "stream" and not isinstance(train, FiledImages):
        raise UserError(
            f"{source.name} is no folder of image files, which alone can be streamed; leave data.memory out"
        )
    if resolution is not None and resolution < 1:
        raise UserError(f"resolution is {resolution}; wanted 1 or more pixels")
    if len(classes) < 2:
        raise UserError(f"{source.name} has images of one class only; wanted two or more")
    images = {"train": train} if test is None else {"train": train, "test": test}
    images = {part: _shrunk(content, resolution) for part, content in images.items()}
    _check_square(source.name, images)
    mean, std = _constants(source, images["train"])
    if train_size is not None and train_size < len(train):
        images["train"] = subset(images["train"], train_size)
    side = images["train"].shape[1]
    return ImageDataset(
        name=source.name,
        note="; ".join([*notes, *_about(parts, source.published)]),
        images=images,
        classes=classes,
        mean=mean,
        std=std,
        augmentation=(augmentation or Augmentation()).usual_for(side, source.mirror),
    )


def _find(name: str, directory: Path | str | None, folder: ImageFolder, say: Say, download: bool) -> _Source:
    """Where a data set is; nothing is read yet."""
    if name == _DIGITS:
        return _Source(name, digits.read, mirror=False)
    if name in PUBLISHED_IMAGES:
        base = Path(directory or default_directory())
        return _published(name, locate(name, PUBLISHED_IMAGES[name], base, download=download))
    path = located(name, directory, "data set", image_names(), "file or folder")
    if path.is_dir():
        return _in_folder(path, folder)
    if path.suffix != ".npz" or not path.is_file():
        raise UserError(f"{path} is no .npz file; give one with x_train and y_train, or a folder")
    return _Source(path.stem, lambda: npz.read(path, say))


def _in_folder(path: Path, folder: ImageFolder) -> _Source:
    for name, published in PUBLISHED_IMAGES.items():
        if published.format is not IDX and published.format.found(path):  # IDX files do not say whose they are
            return _published(name, path)
    if IDX.found(path):
        return _Source(path.resolve().name, lambda: IDX.read(path), mirror=False)
    if folder.found(path):
        return _Source(path.resolve().name, lambda: folder.read(path))
    raise UserError(
        f"{path} holds no images in a known layout; wanted CIFAR, ImageNet16 or IDX files, or one sub-folder of images "
        "for each class"
    )


def _published(name: str, folder: Path) -> _Source:
    published = PUBLISHED_IMAGES[name]
    return _Source(name, lambda: published.format.read(folder), published.mirror, published)


def _shrunk(images: LabelledImages, resolution: int | None) -> LabelledImages:
    if not isinstance(images, ImageSet) or resolution is None or resolution >= max(images.shape[1:]):
        return images
    return resized(images, resolution)


def _constants(source: _Source, train: LabelledImages) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel: the published ones, else those of all training images."""
    published = source.published
    if published and published.mean and published.std:
        return published.mean, published.std
    return moments(train)


def _about(parts: ImageParts, published: PublishedImages | None) -> list[str]:
    """What is missing of a published data set; of another, the classes of which there is nothing to be learnt."""
    if published is None:
        counts = torch.bincount(parts.train.labels, minlength=len(parts.classes)).tolist()
        empty = [name for name, count in zip(parts.classes, counts, strict=True) if not count]
        return [f"classes without a training image: {listed(empty)}"] if empty else []
    have, want = (len(parts.train), len(parts.test or ())), (published.train, published.test)
    if have == want:
        return []
    return [f"{have[0]:,} of {want[0]:,} published training images, {have[1]:,} of {want[1]:,} test images"]


def _check_square(name: str, images: dict[str, LabelledImages]) -> None:
    shapes = [list(content.shape) for content in images.values()]
    if shapes[0] != shapes[-1]:
        raise UserError(f"{name} has training images {shapes[0]} and test images {shapes[-1]}; wanted equal shapes")
    _, height, width = shapes[0]
    if height != width and min(height, width) < _SMALLEST:
        raise UserError(f"{name} has images of {width}x{height} pixels; wanted squares of {_SMALLEST} or more")
    if height != width:
        advice = advise_resolution(min(height, width))
        raise UserError(f"{name} has images of {width}x{height} pixels; wanted squares: {advice}")

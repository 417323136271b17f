"""Images by their published name, or from a folder or file: found, read once, and brought to size."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from supernas.core.errors import UserError, unknown
from supernas.core.spelling import assigned
from supernas.data.augment import Augmentation
from supernas.data.catalogue import PUBLISHED_IMAGES, PublishedImages
from supernas.data.datasets.images import ImageDataset
from supernas.data.download import default_directory, locate
from supernas.data.formats import digits, npz
from supernas.data.formats.folder import ImageFolder
from supernas.data.formats.idx import IDX
from supernas.data.images import ImageParts, ImageSet, moments, resized, subset

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
    download: bool = True,
) -> ImageDataset:
    """Load a data set of images.

    Args:
        name_or_path: a name of `image_names()`; or a folder (CIFAR in the binary or Python layout, ImageNet16, IDX, or
            images in one sub-folder a class) or an .npz file. A path that is not absolute counts from `directory`.
        directory: where the files of a published data set are or go; by default `$SUPERNAS_CACHE` or
            `~/.cache/supernas`.
        resolution: images with a larger side are averaged down to this height and width; smaller ones stay as they are.
        train_size: of more training images so many are kept, as equally many of each class as there are, always the
            same ones.
        augmentation: how training images are varied; what is None there is as usual for them.
        download: fetch a published data set that is not there.

    Raises:
        UserError: if the name is unknown, files are missing or damaged, or the images are not squares of one size.
    """
    source = _find(str(name_or_path), directory, resolution, download)
    parts = source.read()
    train, test, classes = parts
    if len(classes) < 2:
        raise UserError(f"{source.name} has images of one class only; wanted two or more")
    images = {"train": train} if test is None else {"train": train, "test": test}
    images = {part: _shrunk(content, resolution) for part, content in images.items()}
    _check_square(source.name, images)
    mean, std = _constants(source, images["train"])
    if train_size is not None and train_size < len(train):
        images["train"] = subset(images["train"], train_size)
    side = images["train"].images.shape[2]
    return ImageDataset(
        name=source.name,
        note=_note(parts, source.published),
        images=images,
        classes=classes,
        mean=mean,
        std=std,
        augmentation=(augmentation or Augmentation()).usual_for(side, source.mirror),
    )


def _find(name: str, directory: Path | str | None, resolution: int | None, download: bool) -> _Source:
    """Where a data set is; nothing is read yet."""
    if name == _DIGITS:
        return _Source(name, digits.read, mirror=False)
    if name in PUBLISHED_IMAGES:
        base = Path(directory or default_directory())
        return _published(name, locate(name, PUBLISHED_IMAGES[name], base, download=download))
    path = Path(directory or ".", name)
    if path.is_dir():
        return _in_folder(path, resolution)
    if path.is_file():
        if path.suffix != ".npz":
            raise UserError(f"{path} is no .npz file; give one with x_train and y_train, or a folder")
        return _Source(path.stem, lambda: npz.read(path))
    if len(path.parts) > 1 or path.suffix:
        raise UserError(f"there is no file or folder {path}; give one, or a name: {', '.join(image_names())}")
    raise unknown("data set", name, image_names())


def _in_folder(path: Path, resolution: int | None) -> _Source:
    for name, published in PUBLISHED_IMAGES.items():
        if published.format is not IDX and published.format.found(path):  # IDX files do not say whose they are
            return _published(name, path)
    if IDX.found(path):
        return _Source(path.resolve().name, lambda: IDX.read(path), mirror=False)
    folder = ImageFolder(resolution)
    if folder.found(path):
        return _Source(path.resolve().name, lambda: folder.read(path))
    raise UserError(
        f"{path} holds no images in a known layout; wanted CIFAR, ImageNet16 or IDX files, or one sub-folder of images "
        "for each class"
    )


def _published(name: str, folder: Path) -> _Source:
    published = PUBLISHED_IMAGES[name]
    return _Source(name, lambda: published.format.read(folder), published.mirror, published)


def _shrunk(images: ImageSet, resolution: int | None) -> ImageSet:
    if resolution is None or resolution >= max(images.images.shape[2:]):
        return images
    return resized(images, resolution)


def _constants(source: _Source, train: ImageSet) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel: the published ones, else those of all training images."""
    published = source.published
    if published and published.mean and published.std:
        return published.mean, published.std
    return moments(train)


def _note(parts: ImageParts, published: PublishedImages | None) -> str:
    """What is missing of a published data set."""
    if published is None or parts.test is None:
        return ""
    have, want = (len(parts.train), len(parts.test)), (published.train, published.test)
    if have == want:
        return ""
    return f"{have[0]:,} of {want[0]:,} published training images, {have[1]:,} of {want[1]:,} test images"


def _check_square(name: str, images: dict[str, ImageSet]) -> None:
    shapes = [list(content.images.shape[1:]) for content in images.values()]
    if shapes[0] != shapes[-1]:
        raise UserError(f"{name} has training images {shapes[0]} and test images {shapes[-1]}; wanted equal shapes")
    _, height, width = shapes[0]
    if height != width and min(height, width) < _SMALLEST:
        raise UserError(f"{name} has images of {width}x{height} pixels; wanted squares of {_SMALLEST} or more")
    if height != width:
        raise UserError(
            f"{name} has images of {width}x{height} pixels; wanted squares: give "
            f"{assigned('data.resolution', min(height, width))} or less"
        )

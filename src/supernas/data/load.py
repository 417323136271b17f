"""Load a data set by its published name, or from a folder or file."""

from pathlib import Path

from supernas.core.errors import UserError, unknown
from supernas.data.catalogue import PUBLISHED, Published
from supernas.data.download import default_directory, locate
from supernas.data.formats import digits, npz
from supernas.data.formats.folder import ImageFolder
from supernas.data.formats.idx import IDX
from supernas.data.images import ImageData, Splits, moments, resized, subset

__all__ = ["load", "names"]

_DIGITS = "digits"


def names() -> dict[str, str]:
    """The published data sets by name, each with one line about it."""
    described = {name: published.description for name, published in PUBLISHED.items()}
    return {_DIGITS: "1,437 + 360 grey handwritten digits, 8x8, 10 classes (comes with scikit-learn)", **described}


def load(
    name_or_path: str | Path,
    directory: Path | str | None = None,
    *,
    resolution: int | None = None,
    train_size: int | None = None,
    download: bool = True,
) -> ImageData:
    """Load a data set.

    Args:
        name_or_path: a name of `names()`; or a folder (CIFAR in the binary or Python layout, ImageNet16, IDX, or images
            in one sub-folder a class) or an .npz file. A path that is not absolute counts from `directory`.
        directory: where the files of a published data set are or go; by default `$SUPERNAS_CACHE` or
            `~/.cache/supernas`.
        resolution: height and width to average the images down to; None leaves them as they are.
        train_size: keep so many training images, as equally many of each class as there are, always the same ones.
        download: fetch a published data set that is not there.

    Raises:
        UserError: if the name is unknown, files are missing or damaged, or a size does not fit.
    """
    name = str(name_or_path)
    if name == _DIGITS:
        return _finished(name, digits.read(), resolution, train_size, mirror=False)
    if name in PUBLISHED:
        folder = locate(name, PUBLISHED[name], Path(directory or default_directory()), download=download)
        return _published(name, folder, resolution, train_size)
    path = Path(directory or ".", name)
    if path.is_dir():
        return _from_folder(path, resolution, train_size)
    if path.is_file():
        return _from_file(path, resolution, train_size)
    if len(path.parts) > 1 or path.suffix:
        raise UserError(f"there is no file or folder {path}; give one, or a name: {', '.join(names())}")
    raise unknown("data set", name, names())


def _published(name: str, folder: Path, resolution: int | None, train_size: int | None) -> ImageData:
    published = PUBLISHED[name]
    splits = published.format.read(folder)
    return _finished(name, splits, resolution, train_size, published=published, mirror=published.mirror)


def _from_folder(path: Path, resolution: int | None, train_size: int | None) -> ImageData:
    for name, published in PUBLISHED.items():
        if published.format is not IDX and published.format.found(path):  # IDX files do not say whose they are
            return _published(name, path, resolution, train_size)
    if IDX.found(path):
        return _finished(path.resolve().name, IDX.read(path), resolution, train_size, mirror=False)
    images = ImageFolder(resolution)
    if images.found(path):
        return _finished(path.resolve().name, images.read(path), resolution, train_size)
    raise UserError(
        f"{path} holds no images in a known layout; wanted CIFAR, ImageNet16 or IDX files, or one sub-folder of images "
        "for each class"
    )


def _from_file(path: Path, resolution: int | None, train_size: int | None) -> ImageData:
    if path.suffix != ".npz":
        raise UserError(f"{path} is no .npz file; give one with x_train and y_train, or a folder")
    return _finished(path.stem, npz.read(path), resolution, train_size)


def _finished(
    name: str,
    splits: Splits,
    resolution: int | None,
    train_size: int | None,
    *,
    published: Published | None = None,
    mirror: bool = True,
) -> ImageData:
    """The data set at the wanted resolution and size, with its constants."""
    train, test, classes = splits
    note = _note(splits, published)
    if resolution is not None:
        train, test = resized(train, resolution), resized(test, resolution) if test else None
    if len(classes) < 2:
        raise UserError(f"{name} has images of one class only; wanted two or more")
    _check_square(name, train.images.shape[1:], test.images.shape[1:] if test else train.images.shape[1:])
    if published and published.mean and published.std:
        mean, std = published.mean, published.std
    else:
        mean, std = moments(train)
    if train_size is not None:
        train = subset(train, train_size)
    return ImageData(name, train, test, classes, mean, std, note, mirror)


def _note(splits: Splits, published: Published | None) -> str:
    """What is missing of a published data set."""
    if published is None or splits.test is None:
        return ""
    have, want = (len(splits.train), len(splits.test)), (published.train, published.test)
    if have == want:
        return ""
    return f"{have[0]:,} of {want[0]:,} published training images, {have[1]:,} of {want[1]:,} test images"


def _check_square(name: str, train: tuple[int, ...], test: tuple[int, ...]) -> None:
    if train != test:
        raise UserError(f"{name} has training images {list(train)} and test images {list(test)}; wanted equal shapes")
    if train[1] != train[2]:
        raise UserError(f"{name} has images of {train[2]}x{train[1]} pixels; wanted squares: give a resolution")

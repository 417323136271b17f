"""Folders of image files, one sub-folder a class.

Either `train/CLASS/*.png` with `test/CLASS/*.png` (or `val`, where there is no `test`), or `CLASS/*.png` alone, of
which one fifth of each class is then set aside as test images. Images in folders within a class folder are of that
class. Hidden files and folders are not looked at.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import torch

from supernas.core.errors import UserError
from supernas.data.balance import proportional_quotas, split_indices
from supernas.data.formats.image_file import SUFFIXES, UNREAD_SUFFIXES
from supernas.data.formats.image_files import ImageFiles, Labelled, Memory, Say, listed
from supernas.data.images import ImageParts, LabelledImages

__all__ = ["ImageFolder"]

_TRAIN_NAMES = ("train", "training")
_TEST_NAMES = ("test", "testing")
_VALID_NAMES = ("val", "valid", "validation", "dev")
_PART_NAMES = {*_TRAIN_NAMES, *_TEST_NAMES, *_VALID_NAMES}
_HIDDEN_NAMES = {"__macosx", "__pycache__", "@eadir"}  # what systems leave behind, in lower case
_TRAIN_SHARE = 0.8
_SEED = 0  # the split is part of the data set

Classes = dict[str, list[Path]]
"""The image files of each class, by the name of its folder, all sorted."""


@dataclass(frozen=True)
class ImageFolder:
    """A reader of image folders.

    Attributes:
        resolution: every image becomes a square of that size on reading, if they are not all squares of one size that
            is no larger.
        skip: leave out files that cannot be read, instead of refusing the folder.
        say: called with what a user should know of the folder.
        memory: whether the images are held in memory, as in `ImageFiles`.
        workers: processes that read them where they are not.
    """

    resolution: int | None = None
    skip: bool = False
    say: Say = lambda text: None
    memory: Memory = "hold"
    workers: int | None = None

    def found(self, folder: Path) -> bool:
        """Whether there are image files in sub-folders."""
        return bool(_classes(_part(folder, _TRAIN_NAMES) or folder))

    def read(self, folder: Path) -> ImageParts:
        """All images, classes in alphabetical order of their folders. If every image is grey, so is the data set;
        otherwise all become RGB.

        Raises:
            UserError: if there are fewer than two classes, files cannot be read (all are named), the sizes differ or
                are very large and `resolution` is None, or the images do not fit into memory.
        """
        train_root = _part(folder, _TRAIN_NAMES)
        test_root = train_root and (_part(folder, _TEST_NAMES) or _part(folder, _VALID_NAMES))
        train, test = _classes(train_root or folder), _classes(test_root) if test_root else {}
        _check_classes(train_root or folder, train)
        if strangers := sorted(set(test) - set(train)):
            stranger = f"{test_root}/{strangers[0]}"
            raise UserError(f"{stranger} is a class without training images; add some or remove the folder")
        self._say_what_is_left_out(folder, [root for root in (train_root or folder, test_root) if root])
        classes = tuple(train)
        files = ImageFiles(self.resolution, self.skip, self.say, self.memory, self.workers)
        sets = files.read(*(_labelled(part, classes) for part in (train, test) if part))
        if gone := [name for number, name in enumerate(classes) if not torch.any(sets[0].labels == number)]:
            raise UserError(f"no image of class {gone[0]} can be read; replace them or remove the folder")
        return ImageParts(sets[0], sets[1], classes) if test else _split(sets[0], classes)

    def _say_what_is_left_out(self, folder: Path, roots: list[Path]) -> None:
        """Whatever a person might take for read, and is not."""
        unused = _part(folder, _VALID_NAMES)
        if folder not in roots and unused and unused not in roots:
            count = sum(map(len, _classes(unused).values()))
            self.say(
                f"{unused} ({count:,} images) is not used: a search keeps some of {roots[0]} apart to judge by; move "
                "them there to learn from them"
            )
        for root in roots:
            if beside := [path.name for path in _visible(root) if _is_image(path.name) and not path.is_dir()]:
                self.say(f"images in {root} that are in no class folder are not used: {listed(beside)}")
            if empty := [path.name for path in _visible(root) if path.is_dir() and not _images(path)]:
                self.say(f"folders in {root} without images that are read: {listed(empty)}")
            if deeper := [f"{path.parent.name}/{path.name}" for path in _deeper(root)]:
                self.say(f"images of folders within a class folder count for the class: {listed(deeper)}")
            if unread := sorted({path.suffix.lower() for path in _walked(root)} & UNREAD_SUFFIXES):
                self.say(f"files of kinds that are not read in {root}: {listed(unread)}; save them as .png or .jpg")


def _part(folder: Path, names: tuple[str, ...]) -> Path | None:
    """The sub-folder of one of these names that holds class folders."""
    there = {path.name.lower(): path for path in _visible(folder) if path.is_dir()}
    return next((there[name] for name in names if name in there and _classes(there[name])), None)


def _classes(folder: Path) -> Classes:
    found = {path.name: _images(path) for path in _visible(folder) if path.is_dir()}
    return {name: files for name, files in found.items() if files}


def _visible(folder: Path) -> list[Path]:
    """What is in a folder, sorted; nothing that is hidden."""
    return sorted(path for path in folder.iterdir() if not _is_hidden(path.name)) if folder.is_dir() else []


def _images(folder: Path) -> list[Path]:
    """The image files in a folder and in the folders within."""
    return [path for path in _walked(folder) if _is_image(path.name)]


def _deeper(root: Path) -> list[Path]:
    """The folders with images within the class folders."""
    within = (inner for path in _visible(root) if path.is_dir() for inner in _visible(path))
    return [path for path in within if path.is_dir() and _images(path)]


def _walked(folder: Path) -> list[Path]:
    files = []
    for where, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_hidden(name))
        files += [Path(where, name) for name in sorted(names) if not _is_hidden(name)]
    return files


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _HIDDEN_NAMES


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES


def _check_classes(root: Path, classes: Classes) -> None:
    if classes and {name.lower() for name in classes} <= _PART_NAMES:
        raise UserError(
            f"{root} has the folders {', '.join(classes)}, and no class folders in a folder `train`; wanted "
            "train/CLASS/*.png with test/CLASS/*.png, or CLASS/*.png alone"
        )
    if len(classes) < 2:
        within = next((root / name for name in classes if len(_classes(root / name)) > 1), None)
        meant = f"; did you mean {within}?" if within else ""
        raise UserError(f"{root} has one class of images ({', '.join(classes)}); wanted two or more sub-folders{meant}")


def _labelled(part: Classes, classes: tuple[str, ...]) -> Labelled:
    return [(path, label) for label, name in enumerate(classes) for path in part.get(name, [])]


def _split(images: LabelledImages, classes: tuple[str, ...]) -> ImageParts:
    """Four fifths of every class for training, the rest for testing; the same ones every time."""
    size = min(round(_TRAIN_SHARE * len(images)), len(images) - 1)
    quotas = proportional_quotas(torch.bincount(images.labels).tolist(), size)
    train, test = split_indices(images.labels, quotas, _SEED)
    return ImageParts(images.select(train), images.select(test), classes)

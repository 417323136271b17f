"""Many image files as arrays: one size, one number of channels, and one list of all that cannot be read."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import torch

from supernas.core.errors import UserError
from supernas.core.memory import check_memory, free_memory
from supernas.core.spelling import assigned
from supernas.data.filed_images import FiledImages
from supernas.data.formats.image_file import BrokenImageError, Header, header, pixels
from supernas.data.images import ImageSet, LabelledImages, advise_resolution

__all__ = ["ImageFiles", "Labelled", "Memory", "Say", "listed"]

Say = Callable[[str], None]
Labelled = Sequence[tuple[Path, int]]
T = TypeVar("T")

Memory = Literal["auto", "hold", "stream"]
"""Whether images are held in memory, or read from their files batch by batch."""

_LARGEST_SIDE = 1_024  # pixels, unless a resolution is asked for
_COPIES = 2  # of the images in memory: as read, and on the device of a run
_WORKERS = 4  # that read, unless told otherwise
_NAMED = 100  # files that one message names


class ImageFiles:
    """A reader of many files, to be used once.

    Args:
        resolution: every image becomes a square of that size, if they are not all squares of one size that is no
            larger.
        skip: leave out files that cannot be read, instead of refusing all.
        say: called with what was left out.
        memory: whether the images are held there, or stay in their files; `auto` holds what fits.
        workers: processes that read what stays in files; by default one a core, and four at most.
    """

    def __init__(
        self, resolution: int | None, skip: bool, say: Say, memory: Memory = "hold", workers: int | None = None
    ) -> None:
        self._resolution, self._skip, self._say = resolution, skip, say
        self._memory, self._workers = memory, workers
        self._broken: dict[Path, str] = {}

    def read(self, *parts: Labelled) -> Sequence[LabelledImages]:
        """The images of each part, given as (file, label). If all images are grey, they have one channel, else three.

        Raises:
            UserError: if files cannot be read (all are named), none of a part can, sizes differ or are very large
                without a resolution, or the images do not fit into memory.
        """
        paths = [path for part in parts for path, _ in part]
        headers = {path: found for path in paths if (found := self._looked_at(path, header))}
        if not headers:
            raise UserError(f"{self._broken_of(len(paths))}; no other image is left")
        side, grey = _side(headers, self._resolution), all(found.grey for found in headers.values())
        needed = _COPIES * len(headers) * side**2 * (1 if grey else 3)
        stays = self._stay_in_files(needed)
        if not stays:
            fix = f"give a smaller resolution, or {assigned('data.memory', 'stream')}"
            check_memory(needed, f"{len(headers):,} images of {side}x{side} pixels", fix)
        take = self._files if stays else self._part
        sets = [take([(path, label) for path, label in part if path in headers], grey, side) for part in parts]
        if self._broken and not self._skip:
            fix = f"remove or replace them, or leave them out: {assigned('data.broken', 'skip')}"
            raise UserError(f"{self._broken_of(len(paths))}; {fix}")
        if self._broken:
            self._say(f"{self._broken_of(len(paths))}; left out")
        return sets

    def _stay_in_files(self, needed: int) -> bool:
        """Whether images that take so many bytes are to be read when they are wanted."""
        free = free_memory()
        fits = free is None or needed <= free
        if self._memory == "auto" and not fits:
            self._say("the images do not fit into memory, so they are read from their files again and again")
        return self._memory == "stream" or (self._memory == "auto" and not fits)

    def _files(self, files: Labelled, grey: bool, side: int) -> FiledImages:
        workers = min(_WORKERS, os.cpu_count() or 1) if self._workers is None else self._workers
        labels = torch.tensor([label for _, label in files], dtype=torch.int64)
        return FiledImages(tuple(str(path) for path, _ in files), labels, grey, side, workers)

    def _part(self, files: Labelled, grey: bool, side: int) -> ImageSet:
        images = np.empty((len(files), 1 if grey else 3, side, side), np.uint8)
        labels: list[int] = []
        for path, label in files:
            image = self._looked_at(path, lambda path: pixels(path, grey, side))
            if image is not None:
                images[len(labels)] = image.transpose(2, 0, 1)
                labels.append(label)
        return ImageSet(torch.from_numpy(images[: len(labels)]), torch.tensor(labels, dtype=torch.int64))

    def _looked_at(self, path: Path, look: Callable[[Path], T]) -> T | None:
        """What comes of looking at a file; None if it is broken, which is noted."""
        try:
            return look(path)
        except BrokenImageError as error:
            self._broken[path] = str(error)
            return None

    def _broken_of(self, count: int) -> str:
        named = listed([f"{path} ({why})" for path, why in self._broken.items()], _NAMED)
        return f"{len(self._broken):,} of {count:,} images cannot be read: {named}"


def listed(names: Iterable[object], most: int = 10) -> str:
    """Names with commas, in one line, at most so many."""
    texts = ["".join(sign if sign.isprintable() else "?" for sign in str(name)) for name in names]
    return ", ".join(texts[:most]) + (f" and {len(texts) - most:,} more" if len(texts) > most else "")


def _side(headers: Mapping[Path, Header], resolution: int | None) -> int:
    """The side of the squares that the images become."""
    sizes: dict[tuple[int, int], Path] = {}  # each with its first file
    for path, found in headers.items():
        sizes.setdefault(found.size, path)
    least, most = min(map(min, sizes)), max(map(max, sizes))
    if least == most and (resolution or most <= _LARGEST_SIDE):
        return min(most, resolution or most)
    if resolution:
        return resolution
    examples = [f"{listed([path])} is {width}x{height} pixels" for (width, height), path in sizes.items()]
    wanted = "squares of one size" if least != most else f"{_LARGEST_SIDE:,} pixels a side or less"
    raise UserError(f"{' and '.join(examples[:2])}; wanted {wanted}: {advise_resolution(least)}")

"""Labelled images that stay in their files: what does not fit into memory is read batch by batch, by other processes.

The order in which they are read is decided before, so how many processes read is of no consequence for what they give.
"""

import os
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int64, UInt8
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from supernas.core.errors import UserError
from supernas.data.formats.image_file import BrokenImageError, pixels
from supernas.data.images import LabelledImages

__all__ = ["FiledImages"]

_FEW = 64  # images for which no process is started
_JUDGED = 10_000  # images of which mean and deviation are those of all


@dataclass(frozen=True, eq=False)
class FiledImages(LabelledImages):
    """Labelled images in files.

    Attributes:
        files: one an image.
        labels: int64 [n], counted from 0.
        grey: whether they have one channel, not three.
        side: the height and width that they are brought to on reading.
        workers: processes that read; 0 reads in this one.
    """

    files: tuple[str, ...]
    labels: Int64[Tensor, " n"]
    grey: bool
    side: int
    workers: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        return (1 if self.grey else 3, self.side, self.side)

    @property
    def identity(self) -> object:
        """Names and sizes of the files: what is in them is not read for it."""
        about = [(*Path(file).parts[-2:], os.stat(file).st_size) for file in self.files]
        return about, self.labels, self.shape

    def select(self, indices: Int64[Tensor, " m"]) -> "FiledImages":
        """The images at `indices`, in that order."""
        files = tuple(self.files[index] for index in indices.tolist())
        return FiledImages(files, self.labels[indices], self.grey, self.side, self.workers)

    def judged(self) -> "FiledImages":
        """At most ten thousand of them, evenly spaced."""
        if len(self) <= _JUDGED:
            return self
        return self.select(torch.linspace(0, len(self) - 1, _JUDGED).long())

    def chunks(self, size: int) -> Iterator[UInt8[Tensor, "b c h w"]]:
        """All images in order, so many at a time."""
        return iter(
            _Reader(self, torch.device("cpu"), self.workers if len(self) > _FEW else 0).reading(
                torch.arange(len(self)).split(size)
            )
        )

    def on(self, device: torch.device) -> "_Reader":
        """What reads them for a device."""
        return _Reader(self, device, self.workers)


class _Reader:
    """Reads batches ahead of those that take them.

    Args:
        images: the images.
        device: where they go.
        workers: processes.
    """

    def __init__(self, images: FiledImages, device: torch.device, workers: int) -> None:
        self._device, self._batches = device, list[list[int]]()
        self._loader = DataLoader(
            _Files(images),
            batch_sampler=_Coming(self._batches),
            num_workers=workers,
            collate_fn=_together,
            pin_memory=device.type == "cuda",
            worker_init_fn=_leave_interrupts,
            generator=torch.Generator(),  # or it would draw from the global one
            persistent_workers=workers > 0,
        )
        self._reading: Iterator[Tensor | str] | None = None

    def begin(self, batches: Int64[Tensor, "steps b"]) -> None:
        """What `take` gives from now on: the images of these numbers, batch by batch."""
        self._batches[:], self._reading = batches.tolist(), None

    def take(self, numbers: Int64[Tensor, " b"]) -> UInt8[Tensor, "b c h w"]:
        """The next batch, on the device.

        Raises:
            UserError: if a file of it cannot be read any more.
        """
        if self._reading is None:
            self._reading = iter(self._loader)
        return _checked(next(self._reading)).to(self._device, non_blocking=True)

    def reading(self, batches: Sequence[Tensor]) -> Iterator[Tensor]:
        """The images of these numbers, batch by batch."""
        self._batches[:] = [batch.tolist() for batch in batches]
        return map(_checked, self._loader)


class _Coming:
    """The numbers of the batches that are to be read; others may be put in their place."""

    def __init__(self, batches: list[list[int]]) -> None:
        self._batches = batches

    def __iter__(self) -> Iterator[list[int]]:
        return iter(list(self._batches))

    def __len__(self) -> int:
        return len(self._batches)


class _Files(Dataset[Tensor | str]):
    """The images of files, or why one cannot be read."""

    def __init__(self, images: FiledImages) -> None:
        self._files, self._grey, self._side = images.files, images.grey, images.side

    def __getitem__(self, number: int) -> Tensor | str:
        try:
            image = pixels(Path(self._files[number]), self._grey, self._side)
        except BrokenImageError as error:
            return f"{self._files[number]} cannot be read ({error}); remove or replace it, and begin anew"
        return torch.tensor(image).permute(2, 0, 1)


def _together(images: list[Tensor | str]) -> Tensor | str:
    broken = next((image for image in images if isinstance(image, str)), None)
    return torch.stack([image for image in images if isinstance(image, Tensor)]) if broken is None else broken


def _checked(read: Tensor | str) -> Tensor:
    if isinstance(read, str):
        raise UserError(read)
    return read


def _leave_interrupts(number: int) -> None:
    """^C is for the process that computes, which may want another batch before it stops."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

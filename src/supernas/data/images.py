"""Labelled images as plain tensors, and how they are split.

Images stay unsigned bytes until a batch is drawn (`image_stream.py`): a quarter of the memory, all data sets alike.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Int64, UInt8
from torch import Tensor

from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.data.balance import even_quotas, proportional_quotas, split_indices

__all__ = [
    "ImageParts",
    "ImageSet",
    "LabelledImages",
    "Source",
    "advise_resolution",
    "halves",
    "moments",
    "resized",
    "subset",
]

_CHUNK = 4096  # images converted to floating point at a time
_JUDGED_AT_ONCE = 256  # images that are read for mean and deviation
_SUBSET_SEED = 0  # `train_size` names one fixed subset


@runtime_checkable
class Source(Protocol):
    """What gives a stream its images."""

    def begin(self, batches: Int64[Tensor, "steps b"]) -> None:
        """The numbers of the images of each batch to come."""

    def take(self, numbers: Int64[Tensor, " b"]) -> UInt8[Tensor, "b c h w"]:
        """The images of the next batch, whose numbers these are, on the device."""


class LabelledImages(ABC):
    """Labelled images, in memory or not.

    Attributes:
        labels: int64 [n], counted from 0.
    """

    labels: Int64[Tensor, " n"]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""

    @property
    @abstractmethod
    def identity(self) -> object:
        """What tells them from others, for a digest."""

    @abstractmethod
    def select(self, indices: Int64[Tensor, " m"]) -> Any:
        """The images at `indices` (int64 [m]), in that order, of the same kind."""

    @abstractmethod
    def judged(self) -> "LabelledImages":
        """Those by which mean and deviation are judged."""

    @abstractmethod
    def chunks(self, size: int) -> Iterator[UInt8[Tensor, "b c h w"]]:
        """All of them in order, so many at a time."""

    @abstractmethod
    def on(self, device: torch.device) -> Source:
        """What gives batches of them on a device."""


@dataclass(frozen=True, eq=False)
class ImageSet(LabelledImages):
    """Labelled images: `images` uint8 [n, c, h, w], `labels` int64 [n], counted from 0."""

    images: UInt8[Tensor, "n c h w"]
    labels: Int64[Tensor, " n"]

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise ValueError(f"images are {self.images.dtype} {list(self.images.shape)}; wanted uint8 [n, c, h, w]")
        if self.labels.dtype != torch.int64 or self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"labels are {self.labels.dtype} {list(self.labels.shape)}; wanted int64 [n]")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def identity(self) -> object:
        """Every pixel."""
        return self.images, self.labels

    def select(self, indices: Int64[Tensor, " m"]) -> "ImageSet":
        """The images at `indices` (int64 [m]), in that order."""
        return ImageSet(self.images[indices], self.labels[indices])

    def judged(self) -> "ImageSet":
        """All of them."""
        return self

    def chunks(self, size: int) -> Iterator[UInt8[Tensor, "b c h w"]]:
        """Views of them."""
        return iter(self.images.split(size))

    def on(self, device: torch.device) -> "_Held":
        """All of them on the device."""
        return _Held(self.images, device)


class _Held:
    """Images on a device, as one uint8 tensor [n, h, w, c]."""

    def __init__(self, images: UInt8[Tensor, "n c h w"], device: torch.device) -> None:
        self._pixels = images.to(device).permute(0, 2, 3, 1).contiguous()

    def begin(self, batches: Int64[Tensor, "steps b"]) -> None:
        """They are all there."""

    def take(self, numbers: Int64[Tensor, " b"]) -> UInt8[Tensor, "b c h w"]:
        """A gather."""
        return self._pixels.index_select(0, numbers).permute(0, 3, 1, 2)


class ImageParts(NamedTuple):
    """What a file format holds: training images, test images (where there are any) and the names of the classes."""

    train: LabelledImages
    test: LabelledImages | None
    classes: tuple[str, ...]


ImagesT = TypeVar("ImagesT", bound=LabelledImages)


def halves(images: ImagesT, seed: int, fraction: float = 0.5) -> tuple[ImagesT, ImagesT]:
    """Split `images` at random into two disjoint parts in which every class keeps its share.

    Args:
        images: the images to split.
        seed: the same seed gives the same parts.
        fraction: the share of the first part, between 0 and 1.

    Returns:
        (train, valid), each in random order.

    Raises:
        UserError: if either part would be empty.
    """
    size = round(fraction * len(images))
    if not 0 < size < len(images):
        how = "choose one nearer to 0.5" if len(images) > 1 else "give more images"
        raise UserError(f"a split of {fraction} of {len(images)} images leaves one part empty; {how}")
    quotas = proportional_quotas(torch.bincount(images.labels).tolist(), size)
    first, second = split_indices(images.labels, quotas, seed)
    return images.select(first), images.select(second)


def subset(images: ImagesT, size: int) -> ImagesT:
    """`size` of the images, as many of each class as its number allows; always the same ones.

    Raises:
        UserError: if there are fewer images, or `size` is not positive.
    """
    if not 0 < size <= len(images):
        raise UserError(f"train_size is {size}; wanted 1 to {len(images)}, the number of training images")
    quotas = even_quotas(torch.bincount(images.labels).tolist(), size)
    return images.select(split_indices(images.labels, quotas, _SUBSET_SEED)[0])


def resized(images: ImageSet, resolution: int) -> ImageSet:
    """Their central squares averaged down to `resolution` x `resolution` pixels (areas, rounded to whole bytes).

    Raises:
        UserError: if the images are smaller than that: enlarged images hold nothing new, so it is never done unasked.
    """
    height, width = images.images.shape[2:]
    if not 1 <= resolution <= min(height, width):
        raise UserError(f"resolution is {resolution}; wanted 1 to {min(height, width)}, the size of the images")
    if height == width == resolution:
        return images
    side, top, left = min(height, width), max(0, height - width) // 2, max(0, width - height) // 2
    squares = images.images[:, :, top : top + side, left : left + side]
    chunks = [F.adaptive_avg_pool2d(chunk.float(), resolution) for chunk in torch.split(squares, _CHUNK)]
    return replace(images, images=torch.cat([chunk.round_().to(torch.uint8) for chunk in chunks]))


def advise_resolution(least: int) -> str:
    """What to do about images that are not squares of one size; their smallest side has `least` pixels."""
    side = max(4, min(32, least // 4 * 4))  # every space takes multiples of 4
    return f"give {option('resolution', side)}, or another size"


def moments(images: LabelledImages) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of each channel, with pixels between 0 and 1; a constant channel gets deviation 1."""
    counts = torch.zeros(images.shape[0], 256, dtype=torch.float64)
    for chunk in images.judged().chunks(_JUDGED_AT_ONCE):
        counts += torch.stack([_histogram(channel) for channel in chunk.unbind(1)])
    levels = torch.arange(256, dtype=torch.float64) / 255
    shares = counts / counts.sum(1, keepdim=True)
    mean = shares @ levels
    variance = (shares * (levels - mean[:, None]) ** 2).sum(1)
    std = torch.where(variance > 0, variance.sqrt(), 1.0)
    return tuple(mean.tolist()), tuple(std.tolist())


def _histogram(pixels: Tensor) -> Tensor:
    """How often each byte occurs, float64 [256]: exact sums at any number of images."""
    return torch.bincount(pixels.flatten().int(), minlength=256).double()

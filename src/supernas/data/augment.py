"""Random flips, crops and cutout of whole batches.

The published recipe (He et al. 2016; NAS-Bench-201, DARTS): mirror with probability one half, pad with black, crop a
window of the original size at a random place, and optionally blank one square (cutout, DeVries & Taylor 2017) of the
normalised image. Each image of a batch gets its own draw. Draws come from a generator on the host, so that a run takes
the same crops on every device.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from supernas.core.ranks import mine
from supernas.core.settings import setting, settings

__all__ = [
    "Augmentation",
    "Variation",
    "blank_square",
    "cut_out",
    "draw_variation",
    "flip_and_crop",
    "stacked",
    "window",
]


@settings
class Augmentation:
    """How training images are varied; what is None is as usual for the data in a run, and not done by a bare stream."""

    flip: bool | None = setting(
        default=None, meaning="mirror each image with probability one half; None: where the data allow it"
    )
    crop_padding: int | None = setting(
        default=None,
        meaning="black pixels added on each side before the random crop; 0: no crop; None: an eighth of the side",
        ge=0,
        le=128,
    )
    cutout: int = setting(default=0, meaning="side of the blanked square in pixels; 0: no cutout", ge=0, le=1024)

    def usual_for(self, resolution: int, mirror: bool) -> "Augmentation":
        """The same with the published recipe for what is None: padding 4 at 32 pixels, 2 at 16, 1 at 8.

        Args:
            resolution: side of the images.
            mirror: whether a mirrored image keeps its class.
        """
        return replace(
            self,
            flip=mirror if self.flip is None else self.flip,
            crop_padding=resolution // 8 if self.crop_padding is None else self.crop_padding,
        )


class Variation(NamedTuple):
    """What is drawn for the images of a batch, or of each batch of a pass (then with one more dimension in front).

    Attributes:
        window: top, left and mirrored (0 or 1) of each crop, int64 [3, b]; None leaves the images as they are.
        square: top and left of each blanked square, int64 [2, b]; None blanks nothing.
    """

    window: Tensor | None = None
    square: Tensor | None = None

    def of(self, batch: int) -> "Variation":
        """That of this device's rows of one batch of a pass."""
        return Variation(*(None if drawn is None else mine(drawn[batch], dim=1) for drawn in self))

    def to(self, device: torch.device | str) -> "Variation":
        """The same on a device."""
        return Variation(*(None if drawn is None else drawn.to(device) for drawn in self))


def draw_variation(
    count: int, height: int, width: int, augmentation: Augmentation, generator: torch.Generator
) -> Variation:
    """Draws how `count` images of a size are varied, on the host."""
    padding, place, square = augmentation.crop_padding or 0, None, None
    if augmentation.flip or padding:
        mirrored = torch.zeros(count, dtype=torch.int64)
        if augmentation.flip:
            mirrored = torch.randint(2, (count,), generator=generator)
        offsets = torch.zeros(2, count, dtype=torch.int64)
        if padding:
            offsets = torch.randint(2 * padding + 1, (2, count), generator=generator)
        place = torch.stack([*offsets, mirrored])
    if augmentation.cutout:
        rows = torch.randint(height, (count,), generator=generator)
        columns = torch.randint(width, (count,), generator=generator)
        square = torch.stack([rows, columns]) - augmentation.cutout // 2
    return Variation(place, square)


def stacked(variations: Sequence[Variation]) -> Variation:
    """Those of all batches of a pass as one."""
    return Variation(
        *(None if any(one is None for one in drawn) else torch.stack(drawn) for drawn in zip(*variations, strict=True))
    )


def flip_and_crop(images: Shaped[Tensor, "b c h w"], variation: Variation, padding: int) -> Shaped[Tensor, "b c h w"]:
    """Mirror and crop each image as drawn; any dtype, fastest in channels-last layout, which the result has."""
    if variation.window is None:
        return images
    top, left, mirrored = variation.window
    return window(images, top, left, mirrored.bool(), padding)


def window(
    images: Shaped[Tensor, "b c h w"],
    top: Int64[Tensor, " b"],
    left: Int64[Tensor, " b"],
    mirrored: Bool[Tensor, " b"],
    padding: int,
) -> Shaped[Tensor, "b c h w"]:
    """The h x w window at (top, left) of each image after mirroring (where asked) and padding with zeros.

    One gather for the whole batch. With W the padded width, output pixel (i, j) is pixel (top + i, left + j) of the
    padded image, or (top + i, W - 1 - left - j) where it is mirrored; as a place in the row-by-row list of pixels that
    is a number for the image plus one of two fixed grids for the pixel.
    """
    count, channels, height, width = images.shape
    device = images.device
    pixels = F.pad(images.permute(0, 2, 3, 1), (0, 0, padding, padding, padding, padding))
    padded_height, padded_width = pixels.shape[1:3]
    columns = torch.arange(width, device=device)
    grids = torch.stack([columns, padded_width - 1 - columns])[:, None, :]
    grids = (grids + torch.arange(height, device=device)[:, None] * padded_width).flatten(1)
    first_rows = torch.arange(count, device=device) * padded_height + top
    starts = first_rows * padded_width + torch.where(mirrored, -left, left)
    places = grids.index_select(0, mirrored.long()) + starts[:, None]
    taken = pixels.reshape(-1, channels).index_select(0, places.flatten())
    return taken.view(count, height, width, channels).permute(0, 3, 1, 2)


def cut_out(images: Float[Tensor, "b c h w"], variation: Variation, size: int) -> Float[Tensor, "b c h w"]:
    """Blank one `size` x `size` square of each normalised image; its centre is uniform, so it may cross the edge."""
    if variation.square is None:
        return images
    top, left = variation.square
    return blank_square(images, top, left, size)


def blank_square(
    images: Float[Tensor, "b c h w"], top: Int64[Tensor, " b"], left: Int64[Tensor, " b"], size: int
) -> Float[Tensor, "b c h w"]:
    """Set the part of the square from (top, left) inside each image to zero, the mean of normalised images."""
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) - top[:, None]
    columns = torch.arange(width, device=images.device) - left[:, None]
    inside_rows, inside_columns = (rows >= 0) & (rows < size), (columns >= 0) & (columns < size)
    return images.masked_fill((inside_rows[:, :, None] & inside_columns[:, None, :])[:, None], 0.0)

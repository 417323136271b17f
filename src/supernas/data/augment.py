"""Random flips, crops and cutout of whole batches.

The published recipe (He et al. 2016; NAS-Bench-201, DARTS): mirror with probability one half, pad with black, crop a
window of the original size at a random place, and optionally blank one square (cutout, DeVries & Taylor 2017) of the
normalised image. Each image of a batch gets its own draw. Draws come from a generator on the host, so that a run takes
the same crops on every device, and its state is the whole state.
"""

from dataclasses import replace

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64, Shaped
from torch import Tensor

from supernas.core.settings import setting, settings

__all__ = ["Augmentation", "blank_square", "flip_and_crop", "random_cutout", "window"]


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


def flip_and_crop(
    images: Shaped[Tensor, "b c h w"], augmentation: Augmentation, generator: torch.Generator
) -> Shaped[Tensor, "b c h w"]:
    """Mirror and crop each image at random; any dtype, fastest in channels-last layout, which the result has."""
    count, padding = len(images), augmentation.crop_padding or 0
    if not (augmentation.flip or padding):
        return images
    mirrored = torch.zeros(count, dtype=torch.int64)
    if augmentation.flip:
        mirrored = torch.randint(2, (count,), generator=generator)
    offsets = torch.zeros(2, count, dtype=torch.int64)
    if padding:
        offsets = torch.randint(2 * padding + 1, (2, count), generator=generator)
    top, left, flipped = torch.stack([*offsets, mirrored]).to(images.device)
    return window(images, top, left, flipped.bool(), padding)


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


def random_cutout(images: Float[Tensor, "b c h w"], size: int, generator: torch.Generator) -> Float[Tensor, "b c h w"]:
    """Blank one `size` x `size` square of each normalised image; its centre is uniform, so it may cross the edge."""
    if size == 0:
        return images
    count, _, height, width = images.shape
    rows = torch.randint(height, (count,), generator=generator)
    columns = torch.randint(width, (count,), generator=generator)
    top, left = (torch.stack([rows, columns]) - size // 2).to(images.device)
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

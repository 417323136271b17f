"""Batches of images: an endless shuffled stream for training, one ordered pass for evaluation.

Images live on the device as unsigned bytes, channels last, or come from files batch by batch (`filed_images.py`); a
batch is gathered, augmented and normalised there. What is
random in a pass (order, crops, flips, squares) is drawn on the host when it begins, and crosses over at once: a step
copies nothing. The whole state of a stream is the order of the present pass, the place in it and where its generator
stood after that order was drawn, so a stream resumed in the middle of a pass goes on bit for bit, on any device.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from supernas.core.documents import Values
from supernas.core.errors import UserError
from supernas.core.ranks import mine
from supernas.data.augment import Augmentation, cut_out, draw_variation, flip_and_crop, stacked
from supernas.data.batch import Batch, even_batch
from supernas.data.images import LabelledImages

__all__ = ["ImageStream", "image_batches"]


class ImageStream:
    """Endless random batches of labelled images.

    Each pass visits the images in a new order; a last part smaller than a batch is left out of the pass. Where that
    would be more than a tenth of the images, or there are fewer than `batch_size`, batches are smaller (`even_batch`).

    Args:
        images: what to draw from, in memory or in files.
        batch_size: images in a batch.
        mean: mean of each channel, with pixels between 0 and 1.
        std: standard deviation of each channel, in the same unit.
        augmentation: how the images are varied; None for not at all.
        seed: decides order and augmentation; the same on every device.
        device: where the images are kept and the batches are made.

    Raises:
        UserError: if there are no images, or the batch size is not positive.
    """

    def __init__(
        self,
        images: LabelledImages,
        batch_size: int,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        augmentation: Augmentation | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        _check(images, batch_size)
        self.batch_size = even_batch(len(images), batch_size)
        self._augmentation = augmentation or Augmentation()
        self._shape = images.shape
        self._source = images.on(torch.device(device))
        self._labels = images.labels.to(device)
        self._scale, self._shift = _affine(mean, std, images, device)
        self._generator = torch.Generator().manual_seed(seed)
        self._begin_pass(self._shuffled())

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the images."""
        return len(self._order) // self.batch_size

    def __iter__(self) -> "ImageStream":
        return self

    def __next__(self) -> Batch:
        if self._position + self.batch_size > len(self._order):
            self._begin_pass(self._shuffled())
        taken = mine(self._order_there[self._position : self._position + self.batch_size])
        variation = self._variation.of(self._position // self.batch_size)
        self._position += self.batch_size
        images = self._source.take(taken)
        images = flip_and_crop(images, variation, self._augmentation.crop_padding or 0)
        inputs = _normalised(images, self._scale, self._shift)
        inputs = cut_out(inputs, variation, self._augmentation.cutout)
        return Batch(inputs, self._labels.index_select(0, taken))

    def state_dict(self) -> dict[str, Tensor | int]:
        """Where the stream stands; `load_state_dict` of an equally made stream goes on from there bit for bit."""
        return {
            "order": self._order.clone(),
            "position": self._position,
            "generator": self._drawn_from,
        }

    def load_state_dict(self, state: Values) -> None:
        """Go to where `state_dict` was taken.

        Raises:
            UserError: if the state is of a stream over another number of images.
        """
        if len(state["order"]) != len(self._order):
            raise UserError(
                f"the saved stream has {len(state['order'])} images, this one {len(self._order)}; "
                "resume with the data and split of the saved run"
            )
        self._generator.set_state(state["generator"].cpu())
        self._begin_pass(state["order"].cpu().clone(), int(state["position"]))

    def _begin_pass(self, order: Tensor, position: int = 0) -> None:
        """Draws how the batches of a pass are varied, and puts all that is random in it on the device."""
        device, (_, height, width) = self._labels.device, self._shape
        self._order, self._position = order, position
        self._drawn_from = self._generator.get_state()
        drawn = [
            draw_variation(self.batch_size, height, width, self._augmentation, self._generator)
            for _ in range(self.steps_per_epoch)
        ]
        self._order_there, self._variation = order.to(device), stacked(drawn).to(device)
        batches = order[: self.steps_per_epoch * self.batch_size].view(-1, self.batch_size)
        self._source.begin(mine(batches[position // self.batch_size :], dim=1))

    def _shuffled(self) -> Tensor:
        return torch.randperm(len(self._labels), generator=self._generator)


def image_batches(
    images: LabelledImages,
    batch_size: int,
    *,
    mean: Sequence[float],
    std: Sequence[float],
    device: torch.device | str = "cpu",
) -> Iterator[Batch]:
    """All images once, in order, as they are; the last batch may be smaller. Arguments and errors: as `ImageStream`."""
    _check(images, batch_size)
    scale, shift = _affine(mean, std, images, device)
    for pixels, labels in zip(images.chunks(batch_size), images.labels.split(batch_size), strict=True):
        yield Batch(_normalised(pixels.to(device), scale, shift), labels.to(device))


def _check(images: LabelledImages, batch_size: int) -> None:
    if len(images) == 0:
        raise UserError("there are no images to draw from; choose a larger data set or fraction")
    if batch_size < 1:
        raise UserError(f"batch size is {batch_size}; wanted 1 or more")


def _affine(
    mean: Sequence[float], std: Sequence[float], images: LabelledImages, device: torch.device | str
) -> tuple[Tensor, Tensor]:
    """Scale and shift, float32 [h * w * c], that turn a byte into its normalised value.

    They are repeated for each pixel: a product along rows of c = 3 numbers takes seven times as long.
    """
    channels, height, width = images.shape
    if not len(mean) == len(std) == channels:
        raise UserError(
            f"{len(mean)} means and {len(std)} deviations for {channels} channels; wanted one of each a channel"
        )
    means, stds = torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)
    scale, shift = (1 / (255 * stds)).repeat(height * width), (-means / stds).repeat(height * width)
    return scale.to(device, torch.float32), shift.to(device, torch.float32)


def _normalised(images: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Bytes [b, c, h, w] in any layout to normalised float32 [b, c, h, w] in channels-last layout."""
    pixels = images.permute(0, 2, 3, 1).contiguous()
    values = pixels.flatten(1).float().mul_(scale).add_(shift)
    return values.view(pixels.shape).permute(0, 3, 1, 2)

"""Waves of two frequencies in noise, as images of one channel: data that need no file.

A space reads them whose `data_kind` is the name of this kind.
"""

from typing import ClassVar

import torch

from supernas.core.settings import setting, settings
from supernas.data.datasets import Dataset, TensorDataset
from supernas.data.kinds import DataKind, DataShape

__all__ = ["Example"]


@settings
class Example(DataKind):
    """Waves in noise, in two classes."""

    usual_split: ClassVar[float | None] = 0.5

    source: str = setting("waves", "what the data are called")
    directory: str | None = setting(None, "where their files are; these have none")
    count: int = setting(256, "training images; half as many are for the test", ge=8)
    side: int = setting(8, "height and width of an image", ge=4)

    def load(self) -> Dataset:
        """Draws them, the same each time."""
        generator = torch.Generator().manual_seed(0)
        train, test = (self._drawn(count, generator) for count in (self.count, self.count // 2))
        return TensorDataset.of(train, test=test, name=self.source)

    def _drawn(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Images [count, 1, side, side] and classes [count]."""
        classes = torch.arange(count) % 2
        places = torch.arange(self.side) / self.side
        waves = torch.sin(2 * torch.pi * (1 + classes)[:, None] * places)
        noise = torch.randn(count, 1, self.side, self.side, generator=generator)
        return waves[:, None, None, :] + noise, classes

    @classmethod
    def usual_shape(cls, classes: int | None, resolution: int | None) -> DataShape:
        """For the cost of an architecture."""
        count, side = classes or 2, resolution or 8
        network = {"num_classes": count, "in_channels": 1}
        return DataShape(network, (1, side, side), torch.float32, f"{count} classes", f"{side}x{side}")

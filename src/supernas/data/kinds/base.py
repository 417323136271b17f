"""What a kind of data is: settings that say which data, and load them."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch

from supernas.core.documents import Values
from supernas.data.datasets import Dataset

__all__ = ["DataKind", "DataShape"]


@dataclass(frozen=True)
class DataShape:
    """Data that nobody has to have: what a network must know, one input, and both in words."""

    network: Values
    input_shape: tuple[int, ...]
    input_type: torch.dtype
    classes: str
    example: str


class DataKind(ABC):
    """A kind of data: a settings class with this verb. Its fields are the section `data` of a configuration."""

    usual_split: ClassVar[float | None] = None
    """The part of the training data that trains a search's weights; None where a validation part is there already."""

    source: str
    directory: str | None

    @abstractmethod
    def load(self) -> Dataset:
        """The data.

        Raises:
            UserError: if they cannot be read.
        """

    @classmethod
    def adapted(cls, dataset: Dataset) -> Dataset:
        """Data that were given in Python as networks for this kind of data read them, as far as they can be made so."""
        return dataset

    @classmethod
    def refuses(cls, dataset: Dataset) -> str:
        """Why networks for this kind of data cannot read data that were given in Python; empty if they can."""
        return ""

    @classmethod
    @abstractmethod
    def usual_shape(cls, classes: int | None, resolution: int | None) -> DataShape:
        """Data of the usual size, for the cost of an architecture.

        Args:
            classes: classes, or words of the vocabulary, if not the usual ones.
            resolution: side of an image, if not the usual one.

        Raises:
            UserError: if such data have no resolution.
        """

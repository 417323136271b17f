"""What a kind of data is: settings that say which data, and what a run asks of the data once they are loaded.

A search, a training and the studies know no kind of data: they ask a `Dataset` for batches, for its task, and for what
a network must know to fit it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch

from supernas.core.task import Task
from supernas.data import Batch

__all__ = ["DataKind", "Dataset", "Published", "Stream"]


@runtime_checkable
class Stream(Protocol):
    """Endless batches, which go on bit for bit from a saved state."""

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one pass over the data (on average)."""

    def __next__(self) -> Batch:
        """The next batch."""

    def state_dict(self) -> Mapping[str, Any]:
        """Where the stream stands."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go to where `state_dict` was taken."""


@dataclass(frozen=True)
class Dataset(ABC):
    """The data of a run.

    Attributes:
        name: the published name, or the name of the folder or file.
        note: what the reader of a result should know of them.
        parts: the parts that they have, of `train`, `valid` and `test`.
        network: what a network must know to fit them, as arguments of its class.
        input_shape: one input without the batch.
        input_type: its numbers.
        examples: what is counted, in the plural.
    """

    name: str
    note: str
    parts: tuple[str, ...]
    network: Mapping[str, Any]
    input_shape: tuple[int, ...]
    input_type: torch.dtype
    examples: str

    @abstractmethod
    def task(self, label_smoothing: float = 0.0) -> Task:
        """What is to be learnt from them."""

    @abstractmethod
    def count(self, part: str) -> int:
        """The examples in a part."""

    def terms(self, part: str) -> int:
        """How many terms the task's loss is a mean of, over a part: one for each example, if not said otherwise."""
        return self.count(part)

    @abstractmethod
    def stream(self, part: str, batch_size: int, seed: int, device: torch.device) -> Stream:
        """Endless batches of a part, for training."""

    @abstractmethod
    def batches(self, part: str, device: torch.device, limit: int | None = None, number: int = 0) -> Iterator[Batch]:
        """`limit` examples of a part (or all) once, in order and as they are, for evaluation.

        `number` numbers the pieces of that size that the part falls into; it goes round.
        """

    @abstractmethod
    def first(self, part: str, count: int, device: torch.device) -> Batch:
        """The first examples of a part as they are, as one batch."""

    def facts(self) -> dict[str, Any]:
        """What one must know of the data to use a network that was trained on them, as plain values."""
        kind = str(self.input_type).removeprefix("torch.")
        return {"network": dict(self.network), "input_shape": list(self.input_shape), "input_type": kind}

    @abstractmethod
    def for_search(self, seed: int, split: float | None) -> "Dataset":
        """What a search may see: parts `train` for weights and `valid` for the architecture, and no others.

        Args:
            seed: of the split.
            split: the part of the training data that trains weights; None for the usual one.

        Raises:
            UserError: if the data cannot be split so.
        """

    def for_validation(self, seed: int, split: float) -> "Dataset":
        """As `for_search`, for a training of one architecture that is judged on the part that does not train."""
        return self.for_search(seed, split)


@dataclass(frozen=True)
class Published:
    """Data that nobody has to have: what a network must know, one input, and both in words."""

    network: Mapping[str, Any]
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
    def refuses(cls, dataset: Dataset) -> str:
        """Why networks for this kind of data cannot read data that were given in Python; empty if they can."""
        return ""

    @classmethod
    @abstractmethod
    def published(cls, classes: int | None, resolution: int | None) -> Published:
        """Data of the usual size, for the cost of an architecture.

        Args:
            classes: classes, or words of the vocabulary, if not the usual ones.
            resolution: side of an image, if not the usual one.

        Raises:
            UserError: if such data have no resolution.
        """

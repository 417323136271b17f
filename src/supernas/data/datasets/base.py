"""What a run asks of its data, whatever their kind.

A search, a training and the studies know no kind of data: they ask a `Dataset` for batches, for its task, and for what
a network must know to fit it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch

from supernas.core.documents import Document, Values
from supernas.core.identity import digest_of
from supernas.core.task import Task
from supernas.data.batch import Batch, Stream

__all__ = ["FEW", "Dataset"]

FEW = 8
"""Examples on which a network is tried."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset(ABC):
    """The data of a run, in parts: some of `train`, `valid` and `test`.

    Attributes:
        examples: what is counted, in the plural.
        name: the published name, or the name of the folder or file.
        note: what the reader of a result should know of them.
    """

    examples: ClassVar[str]

    name: str
    note: str = ""

    @property
    @abstractmethod
    def parts(self) -> tuple[str, ...]:
        """The parts that there are, of `train`, `valid` and `test`."""

    @property
    @abstractmethod
    def network(self) -> Values:
        """What a network must know to fit them, as arguments of its class."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """One input without the batch."""

    @property
    @abstractmethod
    def input_type(self) -> torch.dtype:
        """Its numbers."""

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

    @property
    def digest(self) -> str:
        """Eight letters that tell data apart."""
        return digest_of(vars(self))

    def few(self, device: torch.device) -> Batch:
        """A few training examples, on which a network is tried."""
        return self.first("train", min(FEW, self.count("train")), device)

    def facts(self) -> Document:
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

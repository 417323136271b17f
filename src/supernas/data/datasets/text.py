"""Running text in memory."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import torch
from jaxtyping import Int64
from torch import Tensor

from supernas.core.documents import Values
from supernas.core.identity import digest_of
from supernas.core.task import Task, language_modelling
from supernas.data.batch import Batch
from supernas.data.datasets.base import Dataset
from supernas.data.windows import TextStream, windows

__all__ = ["TextDataset"]

_COLUMNS = {"train": 100, "valid": 10, "test": 1}  # a training text that is judged is long


@dataclass(frozen=True, eq=False, kw_only=True)
class TextDataset(Dataset):
    """A text and its windows. An example is a window of `bptt` words.

    Attributes:
        words: part -> word numbers int64 [words].
        vocabulary: the word of each number.
        valid_words: the most words that judge, where a part of the training text does.
        bptt: time steps of a window.
        halve: probability that a window has half of that.
        deviation: standard deviation of the time steps of a training's windows; by default that of AWD-LSTM.
        search_deviation: the same of a search's windows.
        columns: part -> pieces of it that are read side by side where it is judged.
    """

    examples: ClassVar[str] = "windows"

    words: Mapping[str, Int64[Tensor, "_"]]
    vocabulary: tuple[str, ...]
    valid_words: int | None = None
    bptt: int = 35
    halve: float = 0.05
    deviation: float = 5.0
    search_deviation: float = 0.0
    columns: Mapping[str, int] = field(default_factory=lambda: dict(_COLUMNS))

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the text."""
        return tuple(self.words)

    @property
    def network(self) -> Values:
        """The size of the vocabulary."""
        return {"num_classes": len(self.vocabulary)}

    @property
    def input_shape(self) -> tuple[int, ...]:
        """One word."""
        return (1,)

    @property
    def input_type(self) -> torch.dtype:
        """Word numbers."""
        return torch.int64

    def task(self, label_smoothing: float = 0.0) -> Task:
        """The next word."""
        return language_modelling(label_smoothing)

    @property
    def digest(self) -> str:
        """Of the text; how it is read is a setting."""
        return digest_of((self.words, self.vocabulary))

    def count(self, part: str) -> int:
        """How many windows; at least one."""
        return max(1, len(self.words[part]) // self.bptt)

    def terms(self, part: str) -> int:
        """How many words."""
        return len(self.words[part])

    def stream(self, part: str, batch_size: int, seed: int, device: torch.device) -> TextStream:
        """Endless windows of `batch_size` pieces of the text, each of which goes on where the one before ended."""
        return TextStream(
            self.words[part],
            batch_size,
            bptt=self.bptt,
            halve=self.halve,
            deviation=self.deviation,
            seed=seed,
            device=device,
        )

    def batches(self, part: str, device: torch.device, limit: int | None = None, number: int = 0) -> Iterator[Batch]:
        """The text once; with a limit, equally long stretches of all its columns."""
        columns = self.columns[part]
        steps = None if limit is None else -(-limit * self.bptt // columns)
        return windows(self.words[part], columns, bptt=self.bptt, limit=steps, number=number, device=device)

    def first(self, part: str, count: int, device: torch.device) -> Batch:
        """The first window of the text in so many columns."""
        return next(windows(self.words[part], count, bptt=self.bptt, device=device))

    def for_search(self, seed: int, split: float | None) -> "TextDataset":
        """Training text for weights and validation text for the architecture, or two parts of the training text."""
        train, valid = self.words["train"], self.words["valid"]
        if split is not None:
            place = round(split * len(train))
            train, valid = train[:place], train[place:][: self.valid_words]
        return replace(self, words={"train": train, "valid": valid}, deviation=self.search_deviation)

    def for_validation(self, seed: int, split: float) -> "TextDataset":
        """Two parts of the training text, in windows as a training has them."""
        return replace(self.for_search(seed, split), deviation=self.deviation)

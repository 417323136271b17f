"""Running text, for language models."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from supernas import data
from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.core.task import Task, language_modelling
from supernas.data import Batch, TextData, TextStream, windows
from supernas.data.kinds.base import DataKind, Dataset, Published

__all__ = ["TextDataset", "TextSettings"]

_TRAINING_DEVIATION = 5.0  # of AWD-LSTM
_TRAINING_COLUMNS = 100  # a training text that is judged is long


@settings
class TextSettings(DataKind):
    """Which text, and in what windows it is read."""

    source: str = setting("python-docs", "the name of a text, or a folder with train.txt, valid.txt and test.txt")
    directory: str | None = setting(None, "where its files are; the download cache by default")
    train_words: int | None = setting(None, "of a longer training text so many words, from its beginning", ge=100)
    valid_words: int | None = setting(None, "of a longer validation text so many words, from its beginning", ge=2)
    vocabulary: int | None = setting(
        None, "of the words so many, the most frequent in the training text; the others are <unk>", ge=1
    )
    bptt: int = setting(35, "time steps of a window, through which gradients flow back", ge=5)
    halve: float = setting(0.05, "probability that a window has half of that", ge=0, le=1)
    deviation: float | None = setting(
        None, "standard deviation of a window's time steps; by default 0 in a search and 5 in a training", ge=0
    )
    valid_columns: int = setting(10, "pieces of the validation text that are read side by side", ge=2)
    test_columns: int = setting(1, "pieces of the test text that are read side by side", ge=1)

    def load(self) -> "TextDataset":
        """The text."""
        directory = Path(self.directory) if self.directory else None
        text = data.load_text(self.source, directory, self.vocabulary)
        text = replace(text, train=text.train[: self.train_words], valid=text.valid[: self.valid_words])
        return TextDataset.of(text, self, _TRAINING_DEVIATION)

    @classmethod
    def refuses(cls, dataset: Dataset) -> str:
        """Whatever is not a text."""
        if isinstance(dataset, TextDataset):
            return ""
        return "a text is given as a folder with train.txt, valid.txt and test.txt, not as arrays"

    @classmethod
    def published(cls, classes: int | None, resolution: int | None) -> Published:
        """A vocabulary of 10,000 words, as in the Penn Treebank."""
        if resolution is not None:
            raise UserError(f"resolution {resolution}: a text has none; leave it out")
        count = classes or 10_000
        return Published({"num_classes": count}, (1,), torch.int64, f"vocabulary {count:,}", "one word")


@dataclass(frozen=True)
class TextDataset(Dataset):
    """A text, its windows, and the deviation of their lengths. An example is a window of `bptt` words."""

    text: TextData
    settings: TextSettings
    deviation: float

    @classmethod
    def of(cls, text: TextData, settings: TextSettings, usual_deviation: float) -> "TextDataset":
        """The dataset of a text."""
        return cls(
            name=text.name,
            note=text.note,
            parts=("train", "valid", "test") if text.test is not None else ("train", "valid"),
            network={"num_classes": len(text.vocabulary)},
            input_shape=(1,),
            input_type=torch.int64,
            examples="windows",
            text=text,
            settings=settings,
            deviation=usual_deviation if settings.deviation is None else settings.deviation,
        )

    def task(self, label_smoothing: float = 0.0) -> Task:
        """The next word."""
        return language_modelling(label_smoothing)

    def count(self, part: str) -> int:
        """How many windows; at least one."""
        return max(1, len(self.words(part)) // self.settings.bptt)

    def terms(self, part: str) -> int:
        """How many words."""
        return len(self.words(part))

    def words(self, part: str) -> Tensor:
        """The word numbers of a part."""
        words: Tensor = getattr(self.text, part)
        return words

    def stream(self, part: str, batch_size: int, seed: int, device: torch.device) -> TextStream:
        """Endless windows of `batch_size` pieces of the text, each of which goes on where the one before ended."""
        options = self.settings
        return TextStream(
            self.words(part),
            batch_size,
            bptt=options.bptt,
            halve=options.halve,
            deviation=self.deviation,
            seed=seed,
            device=device,
        )

    def batches(self, part: str, device: torch.device, limit: int | None = None, number: int = 0) -> Iterator[Batch]:
        """The text once; with a limit, equally long stretches of all its columns."""
        options = self.settings
        columns = {"valid": options.valid_columns, "test": options.test_columns}.get(part, _TRAINING_COLUMNS)
        steps = None if limit is None else -(-limit * options.bptt // columns)
        return windows(self.words(part), columns, bptt=options.bptt, limit=steps, number=number, device=device)

    def first(self, part: str, count: int, device: torch.device) -> Batch:
        """The first window of the text in so many columns."""
        return next(windows(self.words(part), count, bptt=self.settings.bptt, device=device))

    def for_search(self, seed: int, split: float | None) -> "TextDataset":
        """Training text for weights and validation text for the architecture, or two parts of the training text."""
        text = replace(self.text, test=None)
        if split is not None:
            place = round(split * len(text.train))
            judging = text.train[place:][: self.settings.valid_words]
            text = replace(text, train=text.train[:place], valid=judging)
        return TextDataset.of(text, self.settings, 0.0)

    def for_validation(self, seed: int, split: float) -> "TextDataset":
        """Two parts of the training text, in windows as a training has them."""
        return replace(self.for_search(seed, split), deviation=self.deviation)

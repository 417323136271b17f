"""Running text, for language models."""

from dataclasses import replace

import torch

from supernas.core.errors import UserError
from supernas.core.settings import setting, settings
from supernas.data.datasets import Dataset, TextDataset
from supernas.data.kinds.base import DataKind, DataShape
from supernas.data.load_text import load_text
from supernas.data.windows import TextStream

__all__ = ["TextSettings"]


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
    halve: float = setting(0.05, "probability that a window has half of that", papers=TextStream.__doc__, ge=0, le=1)
    deviation: float | None = setting(
        None, "standard deviation of a window's time steps; by default 0 in a search and 5 in a training", ge=0
    )
    valid_columns: int = setting(10, "pieces of the validation text that are read side by side", ge=2)
    test_columns: int = setting(1, "pieces of the test text that are read side by side", ge=1)

    def load(self) -> TextDataset:
        """The text."""
        text = load_text(self.source, self.directory, self.vocabulary)
        train, valid = text.words["train"][: self.train_words], text.words["valid"][: self.valid_words]
        usual, given = (text.deviation, text.search_deviation), self.deviation
        deviation, search_deviation = usual if given is None else (given, given)
        return replace(
            text,
            words={**text.words, "train": train, "valid": valid},
            valid_words=self.valid_words,
            bptt=self.bptt,
            halve=self.halve,
            columns={**text.columns, "valid": self.valid_columns, "test": self.test_columns},
            deviation=deviation,
            search_deviation=search_deviation,
        )

    @classmethod
    def refuses(cls, dataset: Dataset) -> str:
        """Whatever is not a text."""
        if isinstance(dataset, TextDataset):
            return ""
        return "a text is given as a folder with train.txt, valid.txt and test.txt, not as arrays"

    @classmethod
    def usual_shape(cls, classes: int | None, resolution: int | None) -> DataShape:
        """A vocabulary of 10,000 words, as in the Penn Treebank."""
        if resolution is not None:
            raise UserError(f"resolution {resolution}: a text has none; leave it out")
        count = classes or 10_000
        return DataShape({"num_classes": count}, (1,), torch.int64, f"vocabulary {count:,}", "one word")

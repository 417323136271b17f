"""Texts as tensors: words become numbers by the vocabulary of the training text.

The end of each line is a word of its own, `<eos>`; a word that the training text does not have is `<unk>`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

__all__ = ["END", "UNKNOWN", "TextData", "Words", "text_data"]

END, UNKNOWN = "<eos>", "<unk>"


class Words(NamedTuple):
    """What a reader of texts gives: the words of each text, in order."""

    train: Sequence[str]
    valid: Sequence[str]
    test: Sequence[str]


@dataclass(frozen=True, eq=False)
class TextData:
    """A text in three parts, as word numbers int64 [words].

    Attributes:
        name: the published name, or the name of the folder.
        train: what weights learn from.
        valid: what judges on the way.
        test: what judges at the end; None where a search must not see it.
        vocabulary: the word of each number.
        note: what the reader of a result should know.
    """

    name: str
    train: Int64[Tensor, " train"]
    valid: Int64[Tensor, " valid"]
    test: Int64[Tensor, " test"] | None
    vocabulary: tuple[str, ...]
    note: str = ""


def text_data(name: str, words: Words, note: str = "", limit: int | None = None) -> TextData:
    """The texts by the vocabulary of the training text, whose words are numbered as they first occur.

    With a `limit`, by its so many most frequent words (of equally frequent ones those that occur first), and the two
    that every vocabulary has.
    """
    vocabulary = tuple(dict.fromkeys([*words.train, END, UNKNOWN]))
    if limit is not None:
        kept = {word for word, _ in Counter(words.train).most_common(limit)} | {END, UNKNOWN}
        vocabulary = tuple(word for word in vocabulary if word in kept)
    numbers = {word: number for number, word in enumerate(vocabulary)}
    train, valid, test = (_encoded(part, numbers) for part in words)
    return TextData(name, train, valid, test, vocabulary, note)


def _encoded(words: Iterable[str], numbers: dict[str, int]) -> Tensor:
    unknown = numbers[UNKNOWN]
    return torch.tensor([numbers.get(word, unknown) for word in words], dtype=torch.int64)

"""Texts as numbers: words become numbers by the vocabulary of the training text.

The end of each line is a word of its own, `<eos>`; a word that the training text does not have is `<unk>`.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int64
from torch import Tensor

__all__ = ["END", "UNKNOWN", "Words", "numbered"]

END, UNKNOWN = "<eos>", "<unk>"


class Words(NamedTuple):
    """What a reader of texts gives: the words of each text, in order."""

    train: Sequence[str]
    valid: Sequence[str]
    test: Sequence[str]


def numbered(words: Words, limit: int | None = None) -> tuple[dict[str, Int64[Tensor, "_"]], tuple[str, ...]]:
    """(part -> word numbers int64 [words], the word of each number), numbered as words first occur in training.

    With a `limit`, only its so many most frequent words have numbers of their own (of equally frequent ones those that
    occur first), and the two that every vocabulary has.
    """
    vocabulary = tuple(dict.fromkeys([*words.train, END, UNKNOWN]))
    if limit is not None:
        kept = {word for word, _ in Counter(words.train).most_common(limit)} | {END, UNKNOWN}
        vocabulary = tuple(word for word in vocabulary if word in kept)
    numbers = {word: number for number, word in enumerate(vocabulary)}
    return {part: _encoded(text, numbers) for part, text in words._asdict().items()}, vocabulary


def _encoded(words: Iterable[str], numbers: dict[str, int]) -> Tensor:
    unknown = numbers[UNKNOWN]
    return torch.tensor([numbers.get(word, unknown) for word in words], dtype=torch.int64)

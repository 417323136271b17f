"""Load a text by its published name, or from a folder."""

from dataclasses import dataclass
from pathlib import Path

from supernas.core.errors import UserError
from supernas.data.datasets.text import TextDataset
from supernas.data.download import default_directory
from supernas.data.formats import python_docs, text_folder
from supernas.data.paths import located
from supernas.data.texts import Words, numbered

__all__ = ["load_text", "text_names"]

_PYTHON = "python-docs"


@dataclass(frozen=True)
class PublishedText:
    """A published text: what it is, the sub-folders that its archives unpack to, and its published sizes in words."""

    description: str
    folders: tuple[str, ...]
    words: tuple[int, int, int]
    vocabulary: int
    source: str


PUBLISHED_TEXTS: dict[str, PublishedText] = {
    "penn-treebank": PublishedText(
        description="Penn Treebank, prepared by Mikolov: 1.1 million words, vocabulary 10,000 (files of your own)",
        folders=("penn", "ptb", "simple-examples/data"),
        words=(929_589, 73_760, 82_430),
        vocabulary=10_000,
        source="ptb.train.txt, ptb.valid.txt and ptb.test.txt of Mikolov's simple-examples.tgz",
    ),
    "wikitext-2": PublishedText(
        description="WikiText-2: 2.6 million words of Wikipedia, vocabulary 33,278 (files of your own)",
        folders=("wikitext-2-v1",),
        words=(2_088_628, 217_646, 245_569),
        vocabulary=33_278,
        source="wiki.train.tokens, wiki.valid.tokens and wiki.test.tokens of wikitext-2-v1.zip",
    ),
}


def text_names() -> dict[str, str]:
    """The texts by name, each with one line about it."""
    described = {name: published.description for name, published in PUBLISHED_TEXTS.items()}
    return {_PYTHON: "80,000 words of Python's own documentation (comes with Python)", **described}


def load_text(
    name_or_path: str | Path, directory: Path | str | None = None, vocabulary: int | None = None
) -> TextDataset:
    """Load a text.

    Args:
        name_or_path: a name of `text_names()`, or a folder with `train.txt`, `valid.txt` and `test.txt` (or their usual
            names). A path that is not absolute counts from `directory`.
        directory: where the files of a published text are; by default `$SUPERNAS_CACHE` or `~/.cache/supernas`.
        vocabulary: how many words at most, the most frequent ones; all by default.

    Raises:
        UserError: if the name is unknown, or a text is missing or cannot be read.
    """
    name = str(name_or_path)
    if name == _PYTHON:
        words, note = python_docs.read()
        return _dataset(name, words, vocabulary, note)
    if name in PUBLISHED_TEXTS:
        return _published(name, Path(directory or default_directory()), vocabulary)
    path = located(name, directory, "text", text_names(), "folder")
    if not path.is_dir():
        raise UserError(f"{path} is no folder; give one with train.txt, valid.txt and test.txt")
    return _dataset(path.resolve().name, text_folder.read(path), vocabulary)


def _published(name: str, directory: Path, vocabulary: int | None) -> TextDataset:
    published = PUBLISHED_TEXTS[name]
    bases = (directory, directory / name)
    folders = (base / sub for base in bases for sub in ("", *published.folders))
    folder = next((folder for folder in folders if text_folder.found(folder)), None)
    if folder is None:
        raise UserError(f"{name} is not in {directory}; put {published.source} in {directory / name}")
    words = text_folder.read(folder)
    return _dataset(name, words, vocabulary, _note(words, published))


def _dataset(name: str, words: Words, limit: int | None, note: str = "") -> TextDataset:
    numbers, vocabulary = numbered(words, limit)
    return TextDataset(name=name, note=note, words=numbers, vocabulary=vocabulary)


def _note(words: Words, published: PublishedText) -> str:
    """How the files differ from the published ones."""
    have = tuple(map(len, words))
    if have == published.words:
        return ""
    return "words (train, valid, test): {:,}, {:,}, {:,}; published {:,}, {:,}, {:,}".format(*have, *published.words)

"""A folder of three plain texts: training, validation and test.

Words stand between blanks, as in the Penn Treebank (Mikolov et al. 2010) and WikiText-2 (Merity et al. 2017).
"""

from pathlib import Path

from supernas.core.errors import UserError
from supernas.core.reading import read_text
from supernas.data.texts import END, Words

__all__ = ["found", "read"]

_PARTS = {"train": ("train",), "valid": ("valid", "val", "validation", "dev"), "test": ("test",)}
_PATTERNS = ("{}.txt", "ptb.{}.txt", "wiki.{}.tokens", "wiki.{}.raw", "{}.tokens", "{}.raw")


def found(folder: Path) -> bool:
    """Whether the folder holds one of the texts (the others may still be missing)."""
    return any(_file(folder, part) for part in _PARTS)


def read(folder: Path) -> Words:
    """The words of the three texts; every line ends with `<eos>`.

    Raises:
        UserError: if a text is missing or cannot be read.
    """
    return Words(*(_words(folder, part) for part in _PARTS))


def _file(folder: Path, part: str) -> Path | None:
    candidates = (folder / pattern.format(name) for pattern in _PATTERNS for name in _PARTS[part])
    return next((path for path in candidates if path.is_file()), None)


def _words(folder: Path, part: str) -> list[str]:
    path = _file(folder, part)
    if path is None:
        raise UserError(
            f"{folder} holds no {part} text; wanted train.txt, valid.txt and test.txt (or ptb.train.txt, "
            "wiki.train.tokens and so on)"
        )
    try:
        lines = read_text(path).splitlines()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    return [word for line in lines for word in (*line.split(), END)]

"""Checkpoints: replaced as a whole, checked before they are believed, the one before kept in reserve.

A checkpoint is a `torch.save` file of tensors, numbers and strings, each of whose parts has a checksum; it is read with
`weights_only=True`. Beside the state it holds the lines of `metrics.jsonl`, which can so be written again.
"""

import io
from pathlib import Path
from typing import Any, ClassVar

import pydantic
import torch

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.core.reading import read_bytes
from supernas.core.records import Record, checked_model, within
from supernas.core.spelling import option
from supernas.core.stored import check_stored

__all__ = ["checkpoint_exists", "load_checkpoint", "read_checkpoint", "save_checkpoint"]

_CURRENT, _PREVIOUS, _DAMAGED = "checkpoint.pt", "checkpoint.previous.pt", "checkpoint.damaged.pt"


class CheckpointRecord(Record):
    """What a checkpoint holds beside tensors."""

    remedy: ClassVar[str] = "start again in another folder"

    state: dict[str, Any]
    generators: dict[str, Any]
    lines: list[pydantic.Json[dict[str, Any]]]
    environment: dict[str, str | int]
    earlier: list[dict[str, str | int]]
    contents: dict[str, str] = pydantic.Field(default_factory=dict)


def checkpoint_exists(folder: Path) -> bool:
    """Whether a folder holds a checkpoint, good or not."""
    return any((folder / name).exists() for name in (_CURRENT, _PREVIOUS))


def save_checkpoint(folder: Path, tree: Document) -> None:
    """Writes `checkpoint.pt`, keeping the one before as `checkpoint.previous.pt`."""
    content = io.BytesIO()  # torch says of a full disk that its own archive is broken
    torch.save(tree, content)
    write_atomically(folder / _CURRENT, lambda file: file.write(content.getbuffer()), before=folder / _PREVIOUS)


def load_checkpoint(folder: Path) -> tuple[Document | None, str]:
    """The last good checkpoint of a run folder, and a note about what was found (empty if all is well).

    A damaged `checkpoint.pt` is set aside, so that the next save does not put it in the place of the good one.

    Raises:
        UserError: if checkpoints exist and none of them can be read, or what was read is something else.
    """
    current, previous = folder / _CURRENT, folder / _PREVIOUS
    tree = _read(current)
    if tree is not None:
        checked_model(CheckpointRecord, tree, current)
        return tree, ""
    tree = _read(previous)
    if tree is not None:
        checked_model(CheckpointRecord, tree, previous)
    if tree is None:
        damaged = " and ".join(str(path) for path in (current, previous) if path.exists())
        if damaged:
            raise UserError(f"{damaged}: damaged, nothing to resume from; start again with another {option('out')}")
        return None, ""
    if not current.exists():  # killed between the two steps of a save
        return tree, ""
    current.replace(folder / _DAMAGED)
    return tree, f"{_CURRENT} is damaged (kept as {_DAMAGED}); going on from {_PREVIOUS}"


def read_checkpoint(folder: Path) -> Document | None:
    """The last good checkpoint of a run folder, in which nothing is changed; None if there is none.

    Raises:
        UserError: if what was read is something else.
    """
    for path in (folder / _CURRENT, folder / _PREVIOUS):
        tree = _read(path)
        if tree is not None:
            checked_model(CheckpointRecord, tree, path)
            return tree
    return None


def _read(path: Path) -> Document | None:
    """The content of a checkpoint, or None if it is missing, or damaged anywhere."""
    within(path)
    try:
        content = read_bytes(path)
        check_stored(io.BytesIO(content))
        tree: Document = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception:  # there is no list of what a damaged archive can make its readers raise
        return None
    return tree if isinstance(tree, dict) else None

"""Checkpoints: replaced as a whole, checked before they are believed, the one before kept in reserve.

A checkpoint is a `torch.save` file of tensors, numbers and strings; it is read with `weights_only=True`.
"""

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from supernas.errors import UserError
from supernas.records import write_atomically

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(folder: Path, tree: dict[str, Any]) -> None:
    """Writes `checkpoint.pt`, keeping the one before as `checkpoint.previous.pt`."""
    current = folder / "checkpoint.pt"
    if current.exists():
        current.replace(folder / "checkpoint.previous.pt")
    write_atomically(current, lambda file: torch.save(tree, file))


def load_checkpoint(folder: Path) -> tuple[dict[str, Any] | None, str]:
    """The last good checkpoint of a run folder, and a note about what was found (empty if all is well).

    Raises:
        UserError: if checkpoints exist and none of them can be read.
    """
    paths = [folder / "checkpoint.pt", folder / "checkpoint.previous.pt"]
    present = [path for path in paths if path.exists()]
    damaged = []
    for path in present:
        tree = _read(path)
        if tree is not None:
            note = f"{damaged[0].name} is damaged; going on from {path.name}" if damaged else ""
            return tree, note
        damaged.append(path)
    if damaged:
        names = " and ".join(str(path) for path in damaged)
        raise UserError(f"{names}: damaged, nothing to resume from; start again with another --out")
    return None, ""


def _read(path: Path) -> dict[str, Any] | None:
    """The content of a checkpoint, or None if it is damaged anywhere."""
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if archive.testzip() is not None:
                return None
        tree: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True)
    except (OSError, zipfile.BadZipFile, RuntimeError, ValueError, EOFError, KeyError, NotImplementedError):
        return None
    return tree

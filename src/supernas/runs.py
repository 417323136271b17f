"""The folder of a run: whose it is, where it stands, and what it leaves behind."""

import random
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from supernas.architecture import Architecture
from supernas.checkpoint import load_checkpoint, save_checkpoint
from supernas.configuration import Document, fingerprint, read_file
from supernas.errors import UserError
from supernas.records import cut_back, write_atomically, write_json
from supernas.spaces.base import Space

__all__ = ["RunFolder", "choose_device", "diverged", "seed_everything"]


class RunFolder:
    """The folder of one run.

    Attributes:
        path: the folder.
        checkpoint: the tree to resume from, if any.
        notes: what the user should know about the resumption.
        kept: the (choice, option) pairs that each later stage of a search kept.

    Raises:
        UserError: if the folder holds the run of another configuration, or a run and `resume` is not asked for.
    """

    def __init__(self, path: Path, document: Document, resume: bool) -> None:
        self.path = path
        self.document = document
        self.notes: list[str] = []
        self.kept: list[Any] = []
        self.checkpoint: dict[str, Any] | None = None
        self._check_owner()
        if resume:
            self.checkpoint, note = load_checkpoint(path)
            self.notes += [note] if note else []
        elif (path / "checkpoint.pt").exists():
            raise UserError(f"{path} already holds this run; add --resume to go on with it, or choose another --out")

    @property
    def metrics(self) -> Path:
        """One line an epoch."""
        return self.path / "metrics.jsonl"

    def _check_owner(self) -> None:
        config = self.path / "config.json"
        if not config.exists():
            return
        theirs = read_file(config)
        if fingerprint(theirs) != fingerprint(self.document) or _seed(theirs) != _seed(self.document):
            differ = "; ".join(_differences(theirs, self.document)[:3])
            raise UserError(f"{self.path} holds the run of another configuration ({differ}); choose another --out")

    def begin(self, environment: dict[str, Any]) -> None:
        """Writes the configuration, and cuts the records back to the checkpoint."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.path / "config.json", self.document)
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror}; choose another --out") from None
        cut_back(self.metrics, self.checkpoint["lines"] if self.checkpoint else 0)
        if self.checkpoint and self.checkpoint["environment"] != environment:
            before = self.checkpoint["environment"]
            changed = [f"{key}: {before.get(key)} -> {value}" for key, value in environment.items() if before.get(key) != value]
            self.notes.append("resumed in another environment, so not bit for bit the same: " + "; ".join(changed))
        self.environment = environment

    def save(self, tree: dict[str, Any], lines: int) -> None:
        """Saves a checkpoint; `lines` of the records belong to it."""
        save_checkpoint(self.path, {**tree, "lines": lines, "environment": self.environment})

    def write(self, name: str, content: bytes) -> None:
        """Writes one file, atomically."""
        write_atomically(self.path / name, lambda file: file.write(content))

    def finish(self, record: dict[str, Any], space: Space, architecture: Architecture) -> None:
        """Writes `result.json`."""
        write_json(self.path / "result.json", record)


def _seed(document: Document) -> Any:
    return next((document[section].get("seed") for section in ("search", "train") if section in document), None)


def _differences(theirs: Document, mine: Document, where: str = "") -> list[str]:
    found = []
    for key in dict.fromkeys([*theirs, *mine]):
        one, other = theirs.get(key), mine.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            found += _differences(one, other, f"{where}{key}.")
        elif one != other:
            found.append(f"{where}{key} is {one} there and {other} here")
    return found


def choose_device(name: str) -> torch.device:
    """The device of a name; `auto` is the fastest at hand.

    Raises:
        UserError: if the machine has no such device.
    """
    here = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(device for device in ("cuda", "mps", "cpu") if here[device])
    if not here[name]:
        raise UserError(f"this machine has no device '{name}'; use --device {' or '.join(d for d in here if here[d])}")
    return torch.device(name)


def seed_everything(seed: int) -> None:
    """Seeds the global generators (initial weights, dropout)."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from it
    torch.manual_seed(seed)


def diverged(name: str, epoch: int, folder: Path) -> NoReturn:
    """Stops a run whose loss is no longer a number.

    Raises:
        UserError: always.
    """
    raise UserError(
        f"{name} is not a finite number in epoch {epoch}; the last good checkpoint is kept in {folder}. "
        "Try a lower weights.lr (--set weights.lr=...), or a positive weights.clip"
    )

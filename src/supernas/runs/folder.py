"""The folder of a run: whose it is, where it stands, and what it leaves behind."""

import random
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, cast

import numpy as np
import torch

from supernas.core.errors import UserError, unknown
from supernas.core.files import cut_back, read_json, remove_temporaries, write_atomically, write_json
from supernas.runs.checkpoint import checkpoint_exists, load_checkpoint, save_checkpoint
from supernas.runs.configuration import Document, fingerprint, read_file

__all__ = [
    "RunFolder",
    "check_precision",
    "choose_device",
    "diverged",
    "generator_states",
    "restore_generators",
    "seed_everything",
    "stop_on_interrupt",
]


class RunFolder:
    """The folder of one run.

    Attributes:
        path: the folder.
        document: the complete configuration of the run.
        checkpoint: the tree to resume from, if any.
        environment: versions and machine of this process; set by `begin`.
        earlier: the environments of earlier parts of the run, where they were others.
        notes: what the user should know about the resumption.

    Raises:
        UserError: if the folder holds the run of another configuration, or a run and `resume` is not asked for.
    """

    environment: dict[str, Any]

    def __init__(self, path: Path, document: Document, resume: bool) -> None:
        self.path = path
        self.document = document
        self.notes: list[str] = []
        self.checkpoint: dict[str, Any] | None = None
        self.earlier: list[dict[str, Any]] = []
        self._check_owner()
        if resume:
            self.checkpoint, note = load_checkpoint(path)
            self.notes += [note] if note else []
        elif checkpoint_exists(path) or (path / "result.json").exists():
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

    def begin(self, environment: dict[str, Any], finished: bool) -> None:
        """Writes the configuration, and cuts the records back to the checkpoint; a `finished` run has no more to do.

        Raises:
            UserError: if the folder cannot be written.
        """
        self.environment = environment
        with self._writing():
            self.path.mkdir(parents=True, exist_ok=True)
            remove_temporaries(self.path)
            write_json(self.path / "config.json", self.document)
            cut_back(self.metrics, self.checkpoint["lines"] if self.checkpoint else 0)
        if self.checkpoint and not finished:
            self._compare(self.checkpoint["environment"], self.checkpoint["earlier"])

    def _compare(self, before: dict[str, Any], earlier: list[dict[str, Any]]) -> None:
        now = self.environment
        changed = [f"{key}: {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]]
        self.earlier = [*earlier, before] if changed else earlier
        if changed:
            self.notes.append("resumed in another environment, so not bit for bit the same: " + "; ".join(changed))

    def save(self, tree: dict[str, Any], lines: int) -> None:
        """Saves a checkpoint; `lines` of the records belong to it.

        Raises:
            UserError: if it cannot be written; the one before is kept.
        """
        with self._writing():
            about = {"lines": lines, "environment": self.environment, "earlier": self.earlier}
            save_checkpoint(self.path, {**tree, **about})

    def write(self, name: str, content: bytes) -> None:
        """Writes one file, atomically.

        Raises:
            UserError: if it cannot be written.
        """
        with self._writing():
            write_atomically(self.path / name, lambda file: file.write(content))

    def finish(self, record: dict[str, Any]) -> None:
        """Writes `result.json`: what has it is complete.

        Raises:
            UserError: if it cannot be written.
        """
        with self._writing():
            write_json(self.path / "result.json", record)

    def result(self) -> dict[str, Any] | None:
        """The content of `result.json`, or None if it is missing or damaged."""
        return read_json(self.path / "result.json")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise UserError(f"cannot write to {self.path}: {reason}; make room, or choose another --out") from None


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
    if name not in here:
        raise unknown("device", name, ["auto", *here])
    if not here[name]:
        raise UserError(f"this machine has no device '{name}'; use --device {' or '.join(d for d in here if here[d])}")
    return torch.device(name)


def check_precision(precision: str, device: torch.device) -> None:
    """Whether a device computes in a precision.

    Raises:
        UserError: if it does not.
    """
    if precision == "bfloat16":
        there = torch.amp.is_autocast_available(device.type)
        if not there or (device.type == "cuda" and not torch.cuda.is_bf16_supported()):
            raise UserError(f"this {device.type} does not compute in bfloat16; use train.precision=float32")


def seed_everything(seed: int) -> None:
    """Seeds the global generators (initial weights, dropout, and what libraries draw)."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries draw from it
    torch.manual_seed(seed)


def generator_states() -> dict[str, Any]:
    """Where the global generators stand, as tensors, numbers and strings."""
    name, keys, *place = cast(tuple[Any, ...], np.random.get_state())  # noqa: NPY002
    return {
        "python": list(random.getstate()[1]),
        "numpy": [name, keys.tolist(), *place],
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def restore_generators(states: dict[str, Any]) -> None:
    """Puts the global generators where `generator_states` found them."""
    random.setstate((3, tuple(states["python"]), None))
    np.random.set_state(tuple(states["numpy"]))  # noqa: NPY002
    torch.set_rng_state(states["torch"])
    if torch.cuda.is_available() and len(states["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(states["cuda"])


@contextmanager
def stop_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first ^C calls `stop`, the second interrupts at once. Whoever handles ^C already goes on doing so."""
    mine = threading.current_thread() is threading.main_thread()
    if not mine or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def first(number: int, frame: Any) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        stop()

    signal.signal(signal.SIGINT, first)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def diverged(name: str, epoch: int, folder: RunFolder) -> NoReturn:
    """Stops a run whose loss or weights are no longer numbers.

    Raises:
        UserError: always.
    """
    saved = checkpoint_exists(folder.path)
    kept = f"the last good checkpoint is in {folder.path}" if saved else "nothing was saved yet"
    weights = folder.document["weights"]
    clip = "" if weights["clip"] else ", or clip gradients (--set weights.clip=5)"
    raise UserError(
        f"{name} is not a finite number in epoch {epoch}; {kept}. "
        f"Try a weights.lr below {weights['lr']:g} (--set weights.lr=...){clip}"
    )

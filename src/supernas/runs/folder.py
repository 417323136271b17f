"""The folder of a run: whose it is, where it stands, and what it leaves behind."""

import errno
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supernas.core.claims import CLAIM, Claim
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import append_line, check_places, remove_temporaries, write_atomically, write_json
from supernas.core.records import (
    RESULT,
    RunRecord,
    check_files,
    damaged,
    digest_file,
    digests,
    is_found_later,
    read_content,
    read_record,
    write_record,
)
from supernas.core.spelling import option
from supernas.runs.checkpoint import checkpoint_exists, load_checkpoint, read_checkpoint, save_checkpoint
from supernas.runs.configuration import fingerprint, read_file

__all__ = ["Followed", "RunFolder", "check_unfinished"]

CONFIG, METRICS = "config.json", "metrics.jsonl"


class RunFolder:
    """The folder of one run.

    Attributes:
        path: the folder.
        document: the complete configuration of the run.
        contents: digests of what the configuration only names, such as the data.
        checkpoint: the tree to resume from, if any.
        environment: versions and machine of this process; set by `begin`.
        earlier: the environments of earlier parts of the run, where they were others.
        lines: of `metrics.jsonl`, one an epoch; a checkpoint holds them too.
        before: what `result.json` said where a file that it names is damaged; else empty.
        notes: what the user should know about the resumption.
        claim: keeps other processes out, until it is released or this object is forgotten.

    Raises:
        UserError: if the folder holds the run of another configuration or on other data, or a run and `resume` is not
            asked for, or another process is running it.
    """

    environment: Document
    claim: "Claim | NoClaim"

    def __init__(
        self, path: Path, document: Document, resume: bool, contents: Mapping[str, str], extends: bool = False
    ) -> None:
        self._set_up(path, document, contents)
        with self._writing():
            check_places(path)
        self._check_owner(extends)
        with self._writing():
            self.claim = claim = Claim(path / CLAIM, str(path))
            self._made = True
        if claim.taken_from:
            self.notes.append(f"took over from {claim.taken_from}, which was not heard of for minutes")
        try:
            self._open(resume)
        except UserError:
            self.claim.release()
            raise

    def _set_up(self, path: Path, document: Document, contents: Mapping[str, str]) -> None:
        """All that is known before anybody has looked into the folder."""
        self.path = path
        self.document = document
        self.contents = dict(contents)
        self.notes: list[str] = []
        self.checkpoint: Document | None = None
        self.earlier: list[Document] = []
        self.before: Document = {}
        self.lines: list[str] = []
        self._made = False

    def _open(self, resume: bool) -> None:
        if resume:
            self.checkpoint, note = load_checkpoint(self.path)
            self.notes += [note] if note else []
            self._check_contents()
        elif checkpoint_exists(self.path) or (self.path / RESULT).exists():
            raise UserError(
                f"{self.path} already holds this run; add {option('resume', True)} to go on with it, or choose another "
                f"{option('out')}"
            )

    @property
    def metrics(self) -> Path:
        """One line an epoch."""
        return self.path / METRICS

    @property
    def epochs(self) -> list[Document]:
        """The lines of `metrics.jsonl` so far."""
        return [json.loads(line) for line in self.lines]

    def _check_owner(self, extends: bool) -> None:
        config = self.path / CONFIG
        if read_content(config) is None:
            return
        theirs = read_file(config)
        before, now = _epochs(theirs), _epochs(self.document)
        if before != now and _differences(_without_epochs(theirs), _without_epochs(self.document)) == []:
            if extends and before < now:
                return
            raise UserError(
                f"{self.path} holds this run with {before} epochs, for which its schedule was made; give {before}, or "
                f"choose another {option('out')}, and {option('from_run', str(self.path))} to begin with its weights"
            )
        if fingerprint(theirs) != fingerprint(self.document) or _seed(theirs) != _seed(self.document):
            differ = "; ".join(_differences(theirs, self.document)[:3])
            raise UserError(
                f"{self.path} holds the run of another configuration ({differ}); choose another {option('out')}"
            )

    def _check_contents(self) -> None:
        """What a configuration calls the same must still be the same."""
        before = self.checkpoint.get("contents", {}) if self.checkpoint else {}
        for name, digest in self.contents.items():
            if before.get(name, digest) != digest:
                raise UserError(
                    f"{self.path} holds a run whose {name} were others under the same name; resume with those, or "
                    f"choose another {option('out')}"
                )

    def begin(self, environment: Document, finished: bool) -> None:
        """Writes the configuration, and the records as the checkpoint has them; a `finished` run has no more to do.

        Raises:
            UserError: if the folder cannot be written.
        """
        self.environment = environment
        with self._writing():
            remove_temporaries(self.path, lambda name: not is_found_later(name))
            self._note_configuration()
            write_json(self.path / CONFIG, self.document)
            self._restore_lines()
            if not finished:  # it may have been, with fewer epochs
                (self.path / RESULT).unlink(missing_ok=True)
        if self.checkpoint and not finished:
            self._compare(self.checkpoint["environment"], self.checkpoint["earlier"])

    def _note_configuration(self) -> None:
        """A run that goes on with more epochs has another configuration than its checkpoint knows."""
        if self.checkpoint and self.checkpoint.get("contents", {}).get(CONFIG, self._digest) != self._digest:
            self.checkpoint["contents"][CONFIG] = self._digest
            save_checkpoint(self.path, self.checkpoint)

    @property
    def _digest(self) -> str:
        return digest_file(CONFIG, json.dumps(self.document).encode())

    def _restore_lines(self) -> None:
        """What was written after the checkpoint is written again, and so is what was lost since."""
        self.lines = list(self.checkpoint["lines"]) if self.checkpoint else []
        whole = "".join(f"{line}\n" for line in self.lines).encode()
        there = read_content(self.metrics) or b""
        if not there.startswith(whole):
            self.notes.append(f"{self.metrics.name} was missing or damaged; it is written again from the checkpoint")
        if there != whole:
            write_atomically(self.metrics, lambda file: file.write(whole))

    def _compare(self, before: Document, earlier: list[Document]) -> None:
        there, now = ({"devices": 1, **environment} for environment in (before, self.environment))
        changed = [f"{key}: {there.get(key)} -> {now[key]}" for key in now if there.get(key) != now[key]]
        self.earlier = [*earlier, before] if changed else earlier
        if changed:
            self.notes.append("resumed in another environment, so not bit for bit the same: " + "; ".join(changed))

    def append(self, line: Document) -> None:
        """Adds an epoch's line to the records.

        Raises:
            UserError: if it cannot be written, or another process has taken over.
        """
        text = json.dumps(line)
        self.claim.check()
        with self._writing():
            append_line(self.metrics, text)
        self.lines.append(text)

    def save(self, tree: Document) -> None:
        """Saves a checkpoint, and with it the lines so far.

        Raises:
            UserError: if it cannot be written, and the one before is kept; or if another process has taken over.
        """
        self.claim.check()
        with self._writing():
            about = {
                "lines": self.lines,
                "environment": self.environment,
                "earlier": self.earlier,
                "contents": {**self.contents, CONFIG: self._digest},
            }
            save_checkpoint(self.path, {**tree, **about})

    def write(self, name: str, content: bytes) -> None:
        """Writes one file, atomically.

        Raises:
            UserError: if it cannot be written.
        """
        with self._writing():
            write_atomically(self.path / name, lambda file: file.write(content))

    def write_record(self, name: str, document: Document) -> None:
        """Writes one record, atomically.

        Raises:
            UserError: if it cannot be written.
        """
        with self._writing():
            write_record(self.path / name, document)

    def finish(self, record: Document) -> Document:
        """Writes `result.json`, with the digests of all other files, and returns it: what has it is complete.

        Raises:
            UserError: if it cannot be written, or another process has taken over.
        """
        self.claim.check()
        with self._writing():
            return write_record(self.path / RESULT, {**record, "files": digests(self.path)})

    def result(self) -> Document | None:
        """The content of `result.json`; None if it is missing, or if it or a file that it names is damaged: then these
        have to be written again.
        """
        record = None
        try:
            record = read_record(self.path / RESULT, RunRecord)
            check_files(self.path, record or {})
        except UserError as error:
            self.before = record or {}
            self.notes.append(
                f"{str(error).partition(';')[0]}; the end of the run is written again from its checkpoint"
            )
            return None
        return record

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            if self._made and not self.path.is_dir():  # it was taken away, and what it held with it
                raise FileNotFoundError(errno.ENOENT, "the folder is gone")
            yield
        except OSError as error:
            reason = error.strerror or error
            raise UserError(
                f"cannot write to {self.path}: {reason}; make room, or choose another {option('out')}"
            ) from None


class Followed(RunFolder):
    """The folder of a run that another process writes: this one is told what is in it, and writes nothing."""

    def __init__(self, path: Path, document: Document) -> None:
        self._set_up(path, document, {})
        self.claim = NoClaim()

    def begin(self, environment: Document, finished: bool) -> None:
        """Takes over the lines of the checkpoint."""
        self.environment = environment
        self.lines = list(self.checkpoint["lines"]) if self.checkpoint else []

    def append(self, line: Document) -> None:
        """Adds an epoch's line."""
        self.lines.append(json.dumps(line))

    def save(self, tree: Document) -> None:
        """Nothing."""

    def write(self, name: str, content: bytes) -> None:
        """Nothing."""

    def write_record(self, name: str, document: Document) -> None:
        """Nothing."""

    def finish(self, record: Document) -> Document:
        """The record as it is."""
        return record

    def result(self) -> Document | None:
        """Nothing: whoever writes knows."""
        return None


class NoClaim:
    """The claim of who writes nothing."""

    def check(self) -> None:
        """It cannot be lost."""

    def release(self) -> None:
        """There is nothing to release."""


def check_unfinished(folder: Path) -> None:
    """Whether the configuration and the lines of a run that has not ended are those that its checkpoint holds.

    The lines may be more, of the epochs that follow. There is nothing to compare before the first checkpoint, and where
    the lines are gone.

    Raises:
        UserError: if they are not.
    """
    lines = read_content(folder / METRICS)
    saved = read_checkpoint(folder) if lines is not None else None
    if lines is None or saved is None:
        return
    remedy = f"resume the run ({option('resume', True)})"
    whole = "".join(f"{line}\n" for line in saved["lines"]).encode()
    if not lines.startswith(whole):
        raise damaged(folder / METRICS, "its lines are not those of the checkpoint", remedy)
    if not _follow(lines[len(whole) :].splitlines(), len(saved["lines"])):
        raise damaged(folder / METRICS, "its last lines are not those of the epochs after the checkpoint", remedy)
    digest = saved.get("contents", {}).get(CONFIG)
    if digest is not None and digest_file(CONFIG, read_content(folder / CONFIG) or b"") != digest:
        raise damaged(folder / CONFIG, "its SHA-256 is not the one in the checkpoint", remedy)


def _follow(lines: list[bytes], first: int) -> bool:
    """Whether lines are those of the epochs from that one on; the last may be there in part."""
    epochs = [_epoch_of(line) for line in lines]
    return all(epoch == number for number, epoch in enumerate(epochs[:-1], first)) and (
        not epochs or epochs[-1] in (None, first + len(epochs) - 1)
    )


def _epoch_of(line: bytes) -> Any:
    """None where it is no line of an epoch."""
    try:
        return json.loads(line)["epoch"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


_LOOPS = ("search", "train")


def _seed(document: Document) -> Any:
    return next((document[section].get("seed") for section in _LOOPS if section in document), None)


def _epochs(document: Document) -> Any:
    return next((document[section].get("epochs") for section in _LOOPS if section in document), None)


def _without_epochs(document: Document) -> Document:
    return {**document, **{section: {**document[section], "epochs": None} for section in _LOOPS if section in document}}


def _differences(theirs: Document, mine: Document, where: str = "") -> list[str]:
    differences = []
    for key in dict.fromkeys([*theirs, *mine]):
        there, here = theirs.get(key), mine.get(key)
        if key == "digest" and there and here and there != here:
            differences.append(f"the code or the values of the {where.rstrip('.')} are others")
        elif isinstance(there, dict) and isinstance(here, dict):
            differences += _differences(there, here, f"{where}{key}.")
        elif there != here:
            differences.append(f"{where}{key} is {there} there and {here} here")
    return differences

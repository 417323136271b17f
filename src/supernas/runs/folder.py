"""The folder of a run: whose it is, where it stands, and what it leaves behind."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from supernas.core.claims import Claim
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import append_line, cut_back, read_json, remove_temporaries, write_atomically, write_json
from supernas.core.spelling import option
from supernas.runs.checkpoint import checkpoint_exists, load_checkpoint, save_checkpoint
from supernas.runs.configuration import fingerprint, read_file

__all__ = ["RunFolder"]


class RunFolder:
    """The folder of one run.

    Attributes:
        path: the folder.
        document: the complete configuration of the run.
        contents: digests of what the configuration only names, such as the data.
        checkpoint: the tree to resume from, if any.
        environment: versions and machine of this process; set by `begin`.
        earlier: the environments of earlier parts of the run, where they were others.
        notes: what the user should know about the resumption.
        claim: keeps other processes out, until it is released or this object is forgotten.

    Raises:
        UserError: if the folder holds the run of another configuration or on other data, or a run and `resume` is not
            asked for, or another process is running it.
    """

    environment: Document

    def __init__(
        self, path: Path, document: Document, resume: bool, contents: Mapping[str, str], extends: bool = False
    ) -> None:
        self.path = path
        self.document = document
        self.contents = dict(contents)
        self.notes: list[str] = []
        self.checkpoint: Document | None = None
        self.earlier: list[Document] = []
        self._check_owner(extends)
        with self._writing():
            self.claim = Claim(path / "claim.json", str(path))
        try:
            self._open(resume)
        except UserError:
            self.claim.release()
            raise

    def _open(self, resume: bool) -> None:
        if self.claim.taken_from:
            self.notes.append(f"took over from {self.claim.taken_from}, which was not heard of for minutes")
        if resume:
            self.checkpoint, note = load_checkpoint(self.path)
            self.notes += [note] if note else []
            self._check_contents()
        elif checkpoint_exists(self.path) or (self.path / "result.json").exists():
            raise UserError(
                f"{self.path} already holds this run; add {option('resume', True)} to go on with it, or choose another "
                f"{option('out')}"
            )

    @property
    def metrics(self) -> Path:
        """One line an epoch."""
        return self.path / "metrics.jsonl"

    def _check_owner(self, extends: bool) -> None:
        config = self.path / "config.json"
        if not config.exists():
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
            if not finished:  # it may have been, with fewer epochs
                (self.path / "result.json").unlink(missing_ok=True)
        if self.checkpoint and not finished:
            self._compare(self.checkpoint["environment"], self.checkpoint["earlier"])

    def _compare(self, before: Document, earlier: list[Document]) -> None:
        now = self.environment
        changed = [f"{key}: {before.get(key)} -> {now[key]}" for key in now if before.get(key) != now[key]]
        self.earlier = [*earlier, before] if changed else earlier
        if changed:
            self.notes.append("resumed in another environment, so not bit for bit the same: " + "; ".join(changed))

    def record(self, line: Document) -> None:
        """Adds an epoch's line.

        Raises:
            UserError: if it cannot be written, or another process has taken over.
        """
        self.claim.check()
        with self._writing():
            append_line(self.metrics, line)

    def save(self, tree: Document, lines: int) -> None:
        """Saves a checkpoint; `lines` of the records belong to it.

        Raises:
            UserError: if it cannot be written, and the one before is kept; or if another process has taken over.
        """
        self.claim.check()
        with self._writing():
            about = {
                "lines": lines,
                "environment": self.environment,
                "earlier": self.earlier,
                "contents": self.contents,
            }
            save_checkpoint(self.path, {**tree, **about})

    def write(self, name: str, content: bytes) -> None:
        """Writes one file, atomically.

        Raises:
            UserError: if it cannot be written.
        """
        with self._writing():
            write_atomically(self.path / name, lambda file: file.write(content))

    def finish(self, record: Document) -> None:
        """Writes `result.json`: what has it is complete.

        Raises:
            UserError: if it cannot be written, or another process has taken over.
        """
        self.claim.check()
        with self._writing():
            write_json(self.path / "result.json", record)

    def result(self) -> Document | None:
        """The content of `result.json`, or None if it is missing or damaged."""
        return read_json(self.path / "result.json")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or error
            raise UserError(
                f"cannot write to {self.path}: {reason}; make room, or choose another {option('out')}"
            ) from None


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

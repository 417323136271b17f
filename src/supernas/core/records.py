"""What a run leaves for others to read: records and files that say whether they are whole, read within their folder.

A record is a JSON file with an entry `digest`, the SHA-256 of the rest; `result.json` also holds the digests of the
other files of its folder. What two equal runs may differ in (`seconds`, where the data lay, where it was computed) is
no part of a digest, so that equal runs leave equal digests. A digest shows damage; it is no signature: who can write
into a folder can write the digest too.
"""

import errno
import hashlib
import json
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pydantic

from supernas.core.claims import CLAIM
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import write_json
from supernas.core.reading import read_bytes
from supernas.core.spelling import option

__all__ = [
    "RESULT",
    "FileName",
    "Record",
    "RunRecord",
    "check_files",
    "checked_model",
    "damaged",
    "digest_file",
    "digests",
    "is_found_later",
    "read_checked",
    "read_content",
    "read_lines",
    "read_record",
    "within",
    "write_record",
]

RESULT = "result.json"
_FREE = frozenset({"seconds", "directory", "device", "checkpoint_minutes"})
_KEPT = {".json", ".jsonl", ".svg", ".safetensors"}
FileName = Annotated[str, pydantic.Field(pattern=r"^[^/\\]+$")]
"""Of a file in the folder itself."""


class Record(pydantic.BaseModel):
    """What a kind of record must hold; there may be more.

    Attributes:
        remedy: what to do where it is damaged.
    """

    model_config = pydantic.ConfigDict(extra="allow", strict=True, allow_inf_nan=False)
    remedy: ClassVar[str] = "remove it, and run what wrote it again"


class RunRecord(Record):
    """`result.json` of a search or a training."""

    remedy: ClassVar[str] = "remove it and resume the run, or run it again"

    architecture: str
    space: str | None = None
    method: str | None = None
    objective: str | None = None
    data: str | None = None
    data_note: str | None = None
    preset: str | None = None
    metric: str | None = None
    flops_convention: str | None = None
    seed: int | None = pydantic.Field(None, ge=0)
    epochs: int | None = pydantic.Field(None, ge=0)
    steps: int | None = pydantic.Field(None, ge=0)
    parameters: int | None = pydantic.Field(None, ge=0)
    flops: int | None = pydantic.Field(None, ge=0)
    seconds: float | None = pydantic.Field(None, ge=0)
    history: list[str] = []
    truth: dict[str, Annotated[float, pydantic.AllowInfNan(True)]] = {}
    versions: dict[str, str | int] = {}
    earlier_versions: list[dict[str, str | int]] = []
    files: dict[FileName, str] = {}

    @pydantic.model_validator(mode="after")
    def _metrics_are_numbers(self) -> "RunRecord":
        for name, value in (self.model_extra or {}).items():
            part, _, quantity = name.partition("_")
            if part not in ("train", "valid", "test") or value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ValueError(f"{name} is {str(value)[:40]!r}, wanted a number")
            if quantity.endswith("accuracy") and not 0 <= value <= 100:
                raise ValueError(f"{name} is {value!r}, wanted an accuracy from 0 to 100 %")
        return self


# -- digests -----------------------------------------------------------------------------------------------------------


def digest_file(name: str, content: bytes) -> str:
    """The digest of a file's content: of JSON its values, apart from what equal runs may differ in; else its bytes."""
    try:
        if name.endswith(".json"):
            return _digest_of(json.loads(content))
        if name.endswith(".jsonl"):
            return _digest_of([json.loads(line) for line in content.splitlines()])
    except (ValueError, RecursionError):  # it is no JSON
        pass
    return hashlib.sha256(content).hexdigest()


def digests(folder: Path) -> dict[str, str]:
    """The digests of the files in a run folder, name -> digest; not of `result.json`, the claim, checkpoints and logs,
    nor of what is found of a run later.
    """
    there = sorted(path for path in folder.iterdir() if _is_own_file(path))
    return {path.name: digest_file(path.name, read_content(path) or b"") for path in there}


def is_found_later(name: str) -> bool:
    """Whether a file of a run folder is found of the run when it is over, perhaps by several processes at once, and may
    grow: its name has a dash (`derive-...`), and it looks after itself.
    """
    return "-" in name


def _is_own_file(path: Path) -> bool:
    own = path.suffix in _KEPT and not is_found_later(path.name) and path.name not in (RESULT, CLAIM)
    return own and path.is_file() and not path.is_symlink()


def _digest_of(value: Any) -> str:
    if isinstance(value, dict):
        value = {name: inner for name, inner in value.items() if name != "digest"}  # its own
    return hashlib.sha256(json.dumps(_counted(value), sort_keys=True).encode()).hexdigest()


def _counted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _counted(inner) for name, inner in value.items() if name not in _FREE}
    return [_counted(inner) for inner in value] if isinstance(value, list) else value


# -- files of a folder -------------------------------------------------------------------------------------------------


def within(path: Path) -> Path:
    """A path that does not lead out of its folder.

    Raises:
        UserError: if it is a link that does.
    """
    try:
        leads_out = path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve())
    except (OSError, RuntimeError) as error:  # which of both it is for a circle of links depends on the Python
        if isinstance(error, OSError) and error.errno != errno.ELOOP:
            raise
        raise UserError(f"{path} is a link that leads to itself; put the file itself there") from None
    if leads_out:
        raise UserError(f"{path} is a link that leads out of its folder, so it is not read; put the file itself there")
    return path


def read_content(path: Path) -> bytes | None:
    """The content of a file of a folder that somebody else may have made; None if there is none.

    Raises:
        UserError: if it is a link out of the folder, no ordinary file, or cannot be read.
    """
    try:
        return read_bytes(path) if within(path).exists() else None
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from None


def read_checked(path: Path) -> bytes | None:
    """As `read_content`, of a file whose digest the `result.json` beside it may hold.

    Raises:
        UserError: also if the digests differ.
    """
    content = read_content(path)
    if content is None or path.name == RESULT:
        return content
    record = read_record(path.with_name(RESULT), RunRecord) or {}
    return _as_noted(path, content, record.get("files", {}).get(path.name))


def check_files(folder: Path, record: Document, noted: str = RESULT, remedy: str = RunRecord.remedy) -> None:
    """Whether all files that a record names under `files` are there, and as they were written.

    Args:
        folder: where the files and the record are.
        record: the record; a `result.json` by default, like the next two.
        noted: its name.
        remedy: what to do where a file is damaged.

    Raises:
        UserError: naming one that is not.
    """
    for name, digest in record.get("files", {}).items():
        _as_noted(folder / name, read_content(folder / name) or b"", digest, noted, remedy)


def _as_noted(
    path: Path, content: bytes, digest: str | None, noted: str = RESULT, remedy: str = RunRecord.remedy
) -> bytes:
    if digest is not None and digest_file(path.name, content) != digest:
        raise damaged(path, f"its SHA-256 is not the one in {noted}", remedy)
    return content


def read_lines(path: Path) -> list[Document]:
    """The lines of a run's `metrics.jsonl`; none if there is no such file. A last line without an end is left out: the
    run that wrote it goes on, or was killed.

    Raises:
        UserError: if the file is damaged, or as `read_checked`.
    """
    content = read_checked(path) or b""
    lines = content.splitlines(keepends=True)
    return [_line(path, number, line) for number, line in enumerate(lines, 1) if line.endswith(b"\n")]


def _line(path: Path, number: int, line: bytes) -> Document:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        remedy = f"resume the run ({option('resume', True)}), or run it again"
        raise damaged(path, f"line {number} is no JSON object", remedy)
    return value


# -- records -----------------------------------------------------------------------------------------------------------


def write_record(path: Path, document: Document) -> Document:
    """Writes a record, atomically, and returns it with its digest."""
    record = {**document, "digest": _digest_of(json.loads(json.dumps(document)))}
    write_json(path, record)
    return record


def read_record(path: Path, kind: type[Record]) -> Document | None:
    """A record as plain values; None if there is none.

    Raises:
        UserError: if it is damaged, lacks something or holds a wrong type, or as `read_content`.
    """
    content = read_content(path)
    if content is None:
        return None
    try:
        document = json.loads(content)
        digest = _digest_of(document)
    except (ValueError, RecursionError):
        document = digest = None
    if not isinstance(document, dict):
        raise damaged(path, "it holds no JSON object", kind.remedy)
    if document.get("digest", digest) != digest:
        raise damaged(path, "its SHA-256 is not the one that it holds", kind.remedy)
    checked_model(kind, document, path)
    return document


def checked_model(kind: type[Record], value: Any, path: Path) -> None:
    """Refuses what is not of a kind.

    Raises:
        UserError: naming the file, the entry and what was wanted.
    """
    try:
        kind.model_validate(value)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        entry = ".".join(map(str, first["loc"]))[:80]
        what = first["msg"].removeprefix("Value error, ").replace("Input should be", "wanted")
        raise damaged(path, f"{entry}: {what}" if entry else what, kind.remedy) from None


def damaged(path: Path, what: str, remedy: str) -> UserError:
    """The error for a file that is not as it was written."""
    return UserError(f"{path} is damaged ({what}); {remedy}")

"""What an architecture is at the front door: a text, an index, as it is, or what a run found."""

import os
import re
from pathlib import Path
from typing import TypeAlias

from supernas.api.parameters import AnyArchitecture
from supernas.core.architecture import Architecture
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.records import RESULT, RunRecord, read_record
from supernas.core.spelling import option
from supernas.runs.configuration import DEFAULT_SPACE, read_own, read_space
from supernas.spaces.base import Space
from supernas.spaces.pasted import pasted

__all__ = ["AnySpace", "check_no_path", "read_architecture"]

AnySpace: TypeAlias = str | Values | Space | None


def is_written_out(text: str) -> bool:
    """Whether a text is rather an architecture, perhaps within a line of a log, than a path."""
    return len(text) > 255 or (re.search(r"[|({~=]", text) is not None and not Path(text).exists())


def check_no_path(text: str) -> None:
    """Refuses what was meant as the folder of a run.

    Raises:
        UserError: if it looks like a path.
    """
    if "/" in text and not is_written_out(text):
        raise UserError(f"there is no run folder {text}, and it is no architecture")


def read_architecture(given: AnyArchitecture | os.PathLike[str], space: AnySpace) -> tuple[str, AnySpace, Document]:
    """(architecture text, space with its settings, defaults) of an argument that is an architecture, its text or index,
    the folder of a run, or a record in one.

    Raises:
        UserError: if it is none of them, or a run of another space.
    """
    if isinstance(given, Architecture):
        return read_space(space or DEFAULT_SPACE).format(given), space, {}
    if isinstance(given, os.PathLike):
        given = os.fspath(given)
    text = given if isinstance(given, str) else pasted(given)
    path = Path(text)
    there = len(text) <= 255 and path.is_dir()  # longer than the name of a file
    record = path / RESULT if there else path
    if not there and (is_written_out(text) or path.suffix != ".json"):
        check_no_path(text)
        return text, space, {}
    return _found(record, space)


def _found(record: Path, space: AnySpace) -> tuple[str, AnySpace, Document]:
    """What a run found, its space, and the data and preset with which it did."""
    folder = record.parent
    if not record.is_file():
        raise UserError(
            f"{folder} holds no {record.name}: it is no run folder, or the run has not ended (give its command again, "
            f"with {option('resume', True)})"
        )
    result, config = read_record(record, RunRecord) or {}, read_own(folder) or {}
    if not {"architecture", "space"} <= set(result):
        raise UserError(f"{record} names no architecture and space: it is not the record of a run")
    wanted = read_space(space).name if space else result["space"]
    if wanted != result["space"]:
        raise UserError(f"{folder} is a run in the space {result['space']}, not {wanted}")
    defaults = {
        "data": config.get("data", {}),
        "train": {"preset": result.get("preset", "demo")},
        **({"plugins": config["plugins"]} if "plugins" in config else {}),
    }
    named = space is None or isinstance(space, str)
    return result["architecture"], config.get("space", result["space"]) if named else space, defaults

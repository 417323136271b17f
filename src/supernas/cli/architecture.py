"""What an architecture on the command line is: a text, or what a run found."""

from pathlib import Path
from typing import Any

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import RunRecord, read_record
from supernas.runs.configuration import read_own

__all__ = ["read_architecture"]


def read_architecture(text: str, space: str | None) -> tuple[str, Any, Document]:
    """(architecture text, space with its settings, defaults) of an argument that is a text, the folder of a run, or a
    record in one.
    """
    given = Path(text)
    there = len(text) <= 255 and given.is_dir()  # longer than the name of a file
    record = given / "result.json" if there else given
    if not there and given.suffix != ".json":
        if "/" in text and "|" not in text:
            raise UserError(f"there is no run folder {text}, and it is no architecture")
        return text, space, {}
    folder = record.parent
    if not record.is_file():
        raise UserError(
            f"{folder} holds no {record.name}: it is no run folder, or the run has not ended (use --resume)"
        )
    result, config = read_record(record, RunRecord) or {}, read_own(folder) or {}
    if not {"architecture", "space"} <= set(result):
        raise UserError(f"{record} names no architecture and space: it is not the record of a run")
    if space and space != result["space"]:
        raise UserError(f"{folder} is a run in the space {result['space']}, not {space}")
    defaults = {"data": config.get("data", {}), "train": {"preset": result.get("preset", "demo")}}
    return result["architecture"], config.get("space", result["space"]), defaults

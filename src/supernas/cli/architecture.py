"""What an architecture on the command line is: a text, or what a run found."""

import re
from pathlib import Path
from typing import Any

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import RunRecord, read_record
from supernas.runs.configuration import read_own

__all__ = ["check_no_path", "read_architecture"]


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


def read_architecture(text: str, space: str | None) -> tuple[str, Any, Document]:
    """(architecture text, space with its settings, defaults) of an argument that is a text, the folder of a run, or a
    record in one.
    """
    given = Path(text)
    there = len(text) <= 255 and given.is_dir()  # longer than the name of a file
    record = given / "result.json" if there else given
    if not there and (is_written_out(text) or given.suffix != ".json"):
        check_no_path(text)
        return text, space, {}
    folder = record.parent
    if not record.is_file():
        raise UserError(
            f"{folder} holds no {record.name}: it is no run folder, or the run has not ended (give its command again, "
            "with --resume)"
        )
    result, config = read_record(record, RunRecord) or {}, read_own(folder) or {}
    if not {"architecture", "space"} <= set(result):
        raise UserError(f"{record} names no architecture and space: it is not the record of a run")
    if space and space != result["space"]:
        raise UserError(f"{folder} is a run in the space {result['space']}, not {space}")
    defaults = {
        "data": config.get("data", {}),
        "train": {"preset": result.get("preset", "demo")},
        **({"plugins": config["plugins"]} if "plugins" in config else {}),
    }
    return result["architecture"], config.get("space", result["space"]), defaults

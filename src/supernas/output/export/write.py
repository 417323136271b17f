"""An export: what is written, checked, and only then moved to where it was wanted."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import environment
from supernas.core.parameters import Meaning, Option, documented
from supernas.core.records import write_record
from supernas.core.spelling import option
from supernas.output.export import formats
from supernas.output.export.about import about
from supernas.output.export.check import agreement
from supernas.output.export.image_helper import image_helper
from supernas.output.export.trained import Trained, read_trained
from supernas.spaces.base import Space

__all__ = ["Exported", "export"]

_RECORD = "export.json"


@dataclass(frozen=True)
class Exported:
    """What an export wrote.

    Attributes:
        folder: where.
        files: the files of the format.
        record: the content of `export.json`: what the network is, reads, and how well the written one agrees with it.
    """

    folder: Path
    files: tuple[Path, ...]
    record: Document


@documented
def export(
    run: Annotated[os.PathLike[str] | str, Option("the run folder of a finished training, or the weights in it")],
    *,
    format: Annotated[str, Option("pytorch (readable source), pt2 or onnx")] = "pytorch",
    out: Annotated[
        os.PathLike[str] | str | None,
        Option("a new or empty folder (default: export-<format> in the run folder)"),
    ] = None,
    space: Annotated[
        Space | None, Meaning("the `ModelSpace` of a model of your own; it is not needed for the others")
    ] = None,
) -> Exported:
    """Writes a trained network for use without supernas, and checks in a process of its own that it computes the same.

    Returns:
        The folder, the files and the record.

    Raises:
        UserError: if there is no finished training, the format does not fit, the folder is taken, or what was written
            computes something else. Then nothing is left behind.
    """
    form = formats.get(format)
    trained = read_trained(Path(run), space)
    form.check(trained)
    folder = Path(out) if out else trained.weights.parent / f"export-{format}"
    try:
        _check_free(folder)
        place = folder.absolute()
        scratch = place.with_name(f".{place.name}.{os.getpid()}.part")
        scratch.mkdir(parents=True)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    try:
        files = (*form.write(trained, scratch), *_helper(trained, form, scratch))
        agreed = agreement(form, trained, scratch)
        record = {
            **about(trained),
            **_origin(trained),
            "format": format,
            "files": list(files),
            "compared_on": trained.examples_are,
        }
        record |= {"difference": agreed.difference, "largest_logit": agreed.largest}
        record = write_record(scratch / _RECORD, record)
        if folder.exists():
            folder.rmdir()
        scratch.replace(folder)
    except OSError as error:
        raise _cannot_write(folder, error) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Exported(folder, tuple(folder / file for file in files), record)


def _cannot_write(folder: Path, error: OSError) -> UserError:
    reason = error.strerror or error
    return UserError(f"cannot write to {folder}: {reason}; make room, or choose another {option('out')}")


def _check_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        what = "holds an export" if (folder / _RECORD).is_file() else "is not empty"
        raise UserError(f"{folder} {what} already; remove it, or choose another {option('out')}")


def _helper(trained: Trained, form: formats.Format, folder: Path) -> tuple[str, ...]:
    """Writes what makes the network's input of a file, and says which files."""
    texts = image_helper(trained, form.opens)
    for name, text in texts.items():
        folder.joinpath(name).write_text(text, encoding="utf-8")
    return tuple(texts)


def _origin(trained: Trained) -> Document:
    return {"weights": str(trained.weights), "environment": environment(torch.device("cpu"))}

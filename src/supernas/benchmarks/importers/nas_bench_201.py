"""NAS-Bench-201's own files, `NAS-Bench-201-v1_0-e61699.pth` and `NAS-Bench-201-v1_1-096897.pth`.

PyTorch's reader with `weights_only` runs nothing of what a file asks for, beyond the few names that arrays of numbers
need.
"""

import collections
import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from supernas.benchmarks.collect import Collector
from supernas.benchmarks.importers.nats import add_all
from supernas.benchmarks.importers.official import check_order
from supernas.benchmarks.table import Source
from supernas.core.errors import UserError
from supernas.core.memory import check_memory
from supernas.core.reading import open_ordinary
from supernas.core.stored import check_stored

__all__ = ["import_pth"]

_MEMORY = 5  # memory of a file's objects, as multiple of its size; measured on a file in this layout


def import_pth(
    file: Path, collector: Collector, progress: Callable[[int, int], None], say: Callable[[str], None]
) -> None:
    """Reads a NAS-Bench-201 file, which is one object and must fit into memory.

    Raises:
        UserError: if the file is damaged, laid out in another way, or asks for more than arrays of numbers.
    """
    size = file.stat().st_size
    say(f"{file.name} is one object and needs about {_MEMORY * size / 1e9:.1f} GB of memory")
    check_memory(_MEMORY * size, f"the objects in {file}", "import the -simple folder of NATS-Bench")
    content = _load(file)
    if not isinstance(content, dict):
        raise UserError(f"{file} holds {type(content).__name__}, wanted the table of an official file")
    check_order(content.get("meta_archs"), collector, str(file))
    add_all(content.get("arch2infos"), collector, file, progress, say)
    with open_ordinary(file) as raw:
        checksum = _sha256(raw)
    collector.write(Source(file.name, _version(file.name), checksum))


def _load(file: Path) -> Any:
    try:
        with open_ordinary(file) as opened, torch.serialization.safe_globals(_allowed()):
            check_stored(opened)
            return torch.load(opened, map_location="cpu", weights_only=True)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}; fetch it again") from None
    except Exception as error:  # a damaged file makes torch raise nearly anything
        asked = re.search(r"GLOBAL ([\w.]+)", str(error))
        why = f"it asks for {asked[1][:80]}" if asked else f"damaged or cut short ({type(error).__name__})"
        raise UserError(f"{file} is refused: {why}; wanted an official file of plain containers and numbers") from None


def _allowed() -> list[Any]:
    """The names in official files, old and new spelling of numpy's modules included."""
    scalar = np.float64(0).__reduce__()[0]
    kinds = {type(np.dtype(code)) for code in ("f2", "f4", "f8", "i4", "i8", "u1", "?")}
    spellings = [(scalar, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return [collections.OrderedDict, np.dtype, np.ndarray, *spellings, *sorted(kinds, key=repr)]


def _sha256(raw: Any) -> str:
    checksum = hashlib.sha256()
    while block := raw.read(1 << 20):
        checksum.update(block)
    return checksum.hexdigest()


def _version(name: str) -> str:
    match = re.search(r"v(\d+)_(\d+)", name)
    return f"NAS-Bench-201 v{match[1]}.{match[2]}" if match else "NAS-Bench-201, version not named"

"""Arrays in a safetensors file, mapped into memory: only what is looked at is read."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.reading import open_ordinary

__all__ = ["digest_arrays", "header", "map_arrays", "save_arrays"]

_TYPES = {"F64": np.dtype("<f8"), "I64": np.dtype("<i8")}


def map_arrays(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The text and the arrays (float64 and int64, read-only, mapped) of a safetensors file.

    safetensors checks the file but its arrays are copies, so they are mapped here from where its header says.

    Raises:
        UserError: if the file is missing, cut short, or no such file.
    """
    try:
        with open_ordinary(path), safe_open(path, framework="numpy") as file:  # checks lengths, shapes and places
            metadata: dict[str, str] = file.metadata() or {}
        with open_ordinary(path) as raw:
            length = int.from_bytes(raw.read(8), "little")
            header = json.loads(raw.read(length))
        mapped = np.memmap(path, mode="r", offset=0).view(np.ndarray)
        arrays = {
            name: mapped[slice(*(8 + length + place for place in entry["data_offsets"]))]
            .view(_TYPES[entry["dtype"]])
            .reshape(entry["shape"])
            for name, entry in header.items()
            if name != "__metadata__"
        }
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or 'no such file'}; name an imported table") from None
    except (SafetensorError, KeyError, ValueError, MemoryError) as error:
        raise UserError(
            f"{path} is no table, or is damaged ({type(error).__name__}); make one with `supernas benchmark import`"
        ) from None
    return metadata, arrays


def save_arrays(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """The content of such a file; equal arrays and texts give equal bytes: safetensors writes texts in any order."""
    content = save(arrays, metadata)
    length = 8 + int.from_bytes(content[:8], "little")
    return header(json.loads(content[8:length])) + content[length:]


def header(described: Document) -> bytes:
    """What such a file begins with, from texts (`__metadata__`) and the type, shape and place of each array."""
    text = json.dumps(described, sort_keys=True).encode()
    text += b" " * (-len(text) % 8)  # the numbers begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text


def digest_arrays(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """The SHA-256 of a text and of arrays by name, as hexadecimal digits."""
    digest = hashlib.sha256(text.encode())
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()

"""NATS-Bench's topology space: a folder of one small file an architecture, or everything in a single file."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supernas.benchmarks.collect import Collector
from supernas.benchmarks.importers.official import add_architecture, check_order, size_space
from supernas.benchmarks.table import Source
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.memory import check_memory
from supernas.core.reading import open_ordinary
from supernas.data.packed import unpacked_bz2
from supernas.data.pickles import safe_load

__all__ = ["import_folder", "import_single"]

_EXTENSION = ".pickle.pbz2"
_LIMIT = 1 << 23  # bytes of one unpacked file of a folder: 25 times the usual
_RATIO = 16  # of unpacked to packed bytes of a large file: 4 times that of official ones
MEMORY = 30  # memory of a compressed file's objects and bytes, as multiple of its size; measured on official files


def import_folder(
    folder: Path, collector: Collector, progress: Callable[[int, int], None], say: Callable[[str], None]
) -> None:
    """Reads a folder `NATS-tss-...-simple` file by file; files that are missing are counted and said.

    Raises:
        UserError: if the folder has no such files, or one is damaged or belongs to another architecture.
    """
    numbered = {
        int(path.name[:6]): path for path in folder.iterdir() if re.fullmatch(r"\d{6}\.pickle\.pbz2", path.name)
    }
    files = sorted((index, path) for index, path in numbered.items())
    count = len(collector.space)
    if not files:
        raise UserError(f"{folder} holds no files 000000{_EXTENSION} ...; unpack NATS-tss-v1_0-3ffb9-simple.tar")
    if files[-1][0] >= count and "nats-sss" in folder.name.lower():
        raise UserError(size_space(str(folder)))
    if files[-1][0] >= count:
        raise UserError(f"{files[-1][1]} is beyond the {count:,} architectures of {collector.space.name}")
    checksum = hashlib.sha256()
    meta = folder / f"meta{_EXTENSION}"
    if meta.exists():
        check_order(_table(_unpacked(meta, checksum, _LIMIT), meta).get("meta_archs"), collector, str(meta))
    for done, (index, path) in enumerate(files):
        add_architecture(collector, index, _table(_unpacked(path, checksum, _LIMIT), path), str(path))
        progress(done + 1, len(files))
    if len(files) < count:
        say(f"{count - len(files):,} of {count:,} files are missing; their architectures have no values")
    collector.write(Source(folder.name, _version(folder.name), checksum.hexdigest()))


def import_single(
    file: Path, collector: Collector, progress: Callable[[int, int], None], say: Callable[[str], None]
) -> None:
    """Reads a single file `NATS-tss-....pickle.pbz2`, which is one object and must fit into memory.

    Raises:
        UserError: if the file is damaged or laid out in another way.
    """
    if "nats-sss" in file.name.lower():
        raise UserError(size_space(str(file)))
    size = file.stat().st_size
    say(f"{file.name} is one object and needs about {MEMORY * size / 1e9:.1f} GB of memory; the -simple folder 1 GB")
    check_memory(MEMORY * size, f"the objects in {file}", "import the -simple folder")
    checksum = hashlib.sha256()
    content = _table(_unpacked(file, checksum, _LIMIT + _RATIO * size), file)
    check_order(content.get("meta_archs"), collector, str(file))
    add_all(content.get("arch2infos"), collector, file, progress, say)
    collector.write(Source(file.name, _version(file.name), checksum.hexdigest()))


def add_all(
    infos: Any, collector: Collector, file: Path, progress: Callable[[int, int], None], say: Callable[[str], None]
) -> None:
    """Notes all architectures of a single file's `arch2infos`, releasing each one when it is done."""
    count = len(collector.space)
    if not isinstance(infos, dict) or not infos or not all(type(i) is int and 0 <= i < count for i in infos):
        raise UserError(f"{file} has no results by official index as 'arch2infos'; fetch it again")
    total = len(infos)
    for done, index in enumerate(sorted(infos)):
        states = infos.pop(index)
        if not isinstance(states, dict):
            raise UserError(f"{file} has no table of results for architecture {index}; fetch it again")
        add_architecture(collector, index, states, f"{file}, architecture {index}")
        progress(done + 1, total)
    if total < count:
        say(f"{count - total:,} of {count:,} architectures are missing; they have no values")


def _unpacked(path: Path, checksum: Any, limit: int) -> bytes:
    """The bytes in a bz2 file, which are added to the checksum as they lie on the disk."""
    try:
        content = unpacked_bz2(path, limit)  # first, since it refuses what is too large
        with open_ordinary(path) as packed:
            while block := packed.read(1 << 20):
                checksum.update(block)
        return content
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; fetch it again") from None


def _table(data: bytes, path: Path) -> Document:
    content = safe_load(data, name=str(path))
    if not isinstance(content, dict):
        raise UserError(f"{path} holds {type(content).__name__}, wanted the table of an official file")
    return content


def _version(name: str) -> str:
    """`NATS-tss-v1_0-3ffb9-simple` holds NATS-Bench v1.0."""
    match = re.search(r"v(\d+)_(\d+)", name)
    return f"NATS-Bench topology v{match[1]}.{match[2]}" if match else "NATS-Bench topology, version not named"

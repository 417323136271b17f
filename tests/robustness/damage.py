"""What a file can suffer, by seed: each damage takes a whole file and leaves it otherwise.

A damage is a function of a path and a generator; `damages(path)` says which ones fit a file.
"""

import bz2
import contextlib
import gzip
import io
import json
import os
import pickle
import random
import re
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .world import SECRET

__all__ = ["PLACES", "Damage", "damages"]

Damage = Callable[[Path, random.Random], None]

EXECUTED = "executed"
"""The file that any code from a file would leave beside the folder."""

MARKUP = "[bold red]x[/bold red][/]<script>alert(1)</script>"
CONTROL = "a\x1b[31mb\x1b]0;title\x07\x08\x00\x9b2J\u202ec\ud800"
VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    -7.5,
    1e308,
    10**30,
    float("nan"),
    float("inf"),
    float("-inf"),
    "",
    "text",
    MARKUP,
    CONTROL,
    "../outside/secret.txt",
    "x" * 300,
    "x/" * 3000,
    [],
    {},
    [None],
    {"": None},
    [[[[1]]]],
    {"name": {"name": []}},
)


# -- any file ----------------------------------------------------------------------------------------------------------


def bit_flips(path: Path, generator: random.Random) -> None:
    content = bytearray(path.read_bytes())
    for _ in range(generator.choice((1, 1, 1, 8))):
        content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
    path.write_bytes(content)


def truncated(path: Path, generator: random.Random) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: generator.randrange(len(content))])


def zeroed(path: Path, generator: random.Random) -> None:
    content = bytearray(path.read_bytes())
    start = generator.randrange(len(content))
    length = min(len(content) - start, generator.choice((1, 64, 4096)))
    content[start : start + length] = bytes(length)
    path.write_bytes(content)


def spliced(path: Path, generator: random.Random) -> None:
    """A part of it stands twice, or at another place."""
    content = path.read_bytes()
    start, end, place = sorted(generator.randrange(len(content) + 1) for _ in range(3))
    path.write_bytes(content[:place] + content[start:end] + content[place:])


def emptied(path: Path, generator: random.Random) -> None:
    path.write_bytes(b"")


def noise(path: Path, generator: random.Random) -> None:
    path.write_bytes(generator.randbytes(generator.choice((1, 100, 5000))))


def a_folder(path: Path, generator: random.Random) -> None:
    path.unlink()
    path.mkdir()


def a_fifo(path: Path, generator: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link_outside(path: Path, generator: random.Random) -> None:
    """To a whole file of the same kind, or to a text, outside of what was given."""
    outside = _outside(path)
    target = outside / "secret.txt"
    if generator.random() < 0.5:
        target = outside / f"other-{path.name}"
        shutil.copy2(path, target)
        with contextlib.suppress(ValueError):
            _mark(target)
    path.unlink()
    path.symlink_to(target)


def _outside(path: Path) -> Path:
    return next(folder / "outside" for folder in path.parents if (folder / "outside").is_dir())


def _mark(target: Path) -> None:
    """Puts the secret into a text of the same kind."""
    text = target.read_text(encoding="utf-8")
    target.write_text(text.replace('"', f'"{SECRET}', 1) if target.suffix == ".csv" else text)


def a_link_to_itself(path: Path, generator: random.Random) -> None:
    path.unlink()
    path.symlink_to(path.name)


def sparse(path: Path, generator: random.Random) -> None:
    """Takes no room on the disk, and would take all of the memory."""
    with path.open("r+b") as file:
        file.truncate(64 << 30)


def missing(path: Path, generator: random.Random) -> None:
    path.unlink()


ANY: tuple[Damage, ...] = (
    bit_flips,
    bit_flips,
    bit_flips,
    truncated,
    truncated,
    zeroed,
    spliced,
    emptied,
    noise,
    a_folder,
    a_fifo,
    a_link_outside,
    a_link_to_itself,
    sparse,
    missing,
)


PLACES: tuple[Damage, ...] = (a_folder, a_fifo, a_link_outside, a_link_to_itself, sparse)
"""What is done to the place of a file rather than to its content."""


# -- documents ---------------------------------------------------------------------------------------------------------


def places(value: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value within a document."""
    found: list[tuple[Any, Any]] = []
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        found += [(value, key), *places(value[key])]
    return found


def _rewritten(path: Path, change: Callable[[Any], Any]) -> None:
    """Changes a JSON document, or one line of JSON lines."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        lines = [json.loads(line) for line in text.splitlines()]
        path.write_text("".join(json.dumps(line) + "\n" for line in change(lines)), encoding="utf-8")
    else:
        path.write_text(json.dumps(change(json.loads(text))), encoding="utf-8")


def other_value(path: Path, generator: random.Random) -> None:
    def change(document: Any) -> Any:
        container, key = generator.choice(places(document))
        container[key] = generator.choice(VALUES)
        return document

    _rewritten(path, change)


def other_key(path: Path, generator: random.Random) -> None:
    def change(document: Any) -> Any:
        tables = [(container, key) for container, key in places(document) if isinstance(container, dict)]
        container, key = generator.choice(tables)
        value = container.pop(key)
        name = generator.choice((None, f"{key}x", MARKUP, CONTROL, "__class__", ""))
        if name is not None:
            container[name] = value
        return document

    _rewritten(path, change)


def other_top(path: Path, generator: random.Random) -> None:
    path.write_text(json.dumps(generator.choice(VALUES)), encoding="utf-8")


def deep(path: Path, generator: random.Random) -> None:
    opened = generator.choice(("[", '{"a":', '{"search":'))
    closed = {"[": "]"}.get(opened, "}")
    depth = generator.choice((900, 100_000))
    path.write_text(opened * depth + "1" + closed * depth)


def many_digits(path: Path, generator: random.Random) -> None:
    """A number of the text becomes one that no number is."""
    text = path.read_text(encoding="utf-8")
    found = list(re.finditer(r"(?<![\w.])-?\d+(\.\d+)?", text))
    place = generator.choice(found) if found else re.match("", text)
    number = generator.choice(("9" * 5000, "1e999", "-1e308", "8_5", "٣", "0x10", "1" + "0" * 30, "NaN"))
    path.write_text(text[: place.start()] + number + text[place.end() :], encoding="utf-8")


def marked_up(path: Path, generator: random.Random) -> None:
    """Words of a text become what a terminal or a browser would obey."""
    text = path.read_text(encoding="utf-8")
    words = list(re.finditer(r"[a-z]{3,}", text))
    if words:
        word = generator.choice(words)
        evil = generator.choice((MARKUP, CONTROL.replace("\ud800", "")))
        path.write_text(text[: word.start()] + evil + text[word.end() :], encoding="utf-8")


def twice(path: Path, generator: random.Random) -> None:
    """A line stands twice."""
    lines = path.read_bytes().splitlines(keepends=True)
    place = generator.randrange(len(lines))
    path.write_bytes(b"".join([*lines[: place + 1], *lines[place:]]))


TEXT: tuple[Damage, ...] = (many_digits, many_digits, marked_up, twice)
DOCUMENT: tuple[Damage, ...] = (*(other_value,) * 8, *(other_key,) * 4, other_top, deep, *TEXT)


# -- pickles, archives, tensors, images --------------------------------------------------------------------------------


class _Evil:
    """Runs a command where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.place}'",)


def evil_pickle(path: Path, generator: random.Random) -> None:
    """A pickle that calls a function, packed as the file was."""
    evil: Any = _Evil(_outside(path) / EXECUTED)
    content = pickle.dumps(
        generator.choice((evil, {"meta_archs": evil, b"data": evil}, [evil])), generator.choice((0, 2, 4))
    )
    _packed(path, content)


def _packed(path: Path, content: bytes) -> None:
    if path.suffix == ".pbz2":
        path.write_bytes(bz2.compress(content))
    elif zipfile.is_zipfile(path):
        _with_member(path, lambda name: name.endswith((".pkl", ".npy")), content)
    else:
        path.write_bytes(content)


def _with_member(path: Path, chosen: Callable[[str], bool], content: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, value in members.items():
            archive.writestr(name, content if chosen(name) else value)


def memo_bomb(path: Path, generator: random.Random) -> None:
    """A small pickle of nested tuples, each twice in the next, as keys of a dictionary: hashing them takes for ever."""
    doubling = b"".join(b"2\x86" for _ in range(60))
    _packed(path, b"\x80\x02}" + b"K\x01" + doubling + b"K\x01s.")


def compressed_bomb(path: Path, generator: random.Random) -> None:
    """Some kilobytes that unpack to gigabytes."""
    block = bytes(1 << 24)
    if path.suffix == ".pbz2":
        path.write_bytes(bz2.compress(block) * 200)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(block) * 200)
    else:
        _zip_bomb(path, 2 << 30)


def _zip_bomb(path: Path, size: int) -> None:
    """The first member of an archive becomes so many zeros, after its first bytes."""
    with zipfile.ZipFile(path) as archive:
        name = archive.namelist()[0]
        head = archive.read(name)[:128]
        rest = {other: archive.read(other) for other in archive.namelist()[1:]}
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    first = packer.compress(head) + packer.flush(zlib.Z_FULL_FLUSH)
    block = packer.compress(bytes(1 << 24)) + packer.flush(zlib.Z_FULL_FLUSH)
    content = first + block * (size >> 24) + packer.flush()
    info = zipfile.ZipInfo(name)
    info.compress_type, info.CRC = zipfile.ZIP_DEFLATED, 0  # nobody should come to the end of it, where it is compared
    with zipfile.ZipFile(path, "w") as archive:
        for other, value in rest.items():
            archive.writestr(other, value)
        place = archive.fp.tell()
        info.header_offset, info.file_size, info.compress_size = place, len(head) + size, len(content)
        archive.fp.write(info.FileHeader(zip64=False) + content)
        archive.start_dir = archive.fp.tell()
        archive.filelist.append(info)
        archive.NameToInfo[name] = info
        archive._didModify = True


def tensor_header(path: Path, generator: random.Random) -> None:
    """The header of a safetensors file says something else than what follows."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    container, key = generator.choice(places(header))
    container[key] = generator.choice((*VALUES[:10], "F64", [2**62, 2], [0], "I8"))
    text = json.dumps(header).encode("utf-8", "replace")
    path.write_bytes(struct.pack("<Q", generator.choice((len(text), 2**62))) + text + content[8 + size :])


def tensor_values(path: Path, generator: random.Random) -> None:
    """Numbers of a safetensors file become NaN, infinite or huge; everything else stays whole."""
    content = bytearray(path.read_bytes())
    start = 8 + struct.unpack("<Q", content[:8])[0]
    place = start + 4 * generator.randrange((len(content) - start) // 4)
    content[place : place + 4] = struct.pack("<f", generator.choice((float("nan"), float("inf"), 3e38, -1.0)))
    path.write_bytes(content)


def record_value(path: Path, generator: random.Random) -> None:
    """A value of a record of a TFRecord file, whose checksums stay right; or a length that is a lie."""
    from benchmarks.official_tfrecord import framed

    content, records = path.read_bytes(), []
    while content:
        end = 12 + struct.unpack("<Q", content[:8])[0]
        records.append(content[12:end])
        content = content[end + 4 :]
    number = generator.randrange(len(records))
    row = json.loads(records[number])
    row[generator.randrange(len(row))] = generator.choice(VALUES)
    frames = [framed(record) for record in records]
    lie = generator.random() < 0.2
    frames[number] = framed(b"x", 2**62) if lie else framed(json.dumps(row).encode("utf-8", "replace"))
    path.write_bytes(b"".join(frames))


_EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n(x) print\n%%EOF\n"


def other_image(path: Path, generator: random.Random) -> None:
    """Something that another decoder would take, or that decodes to very much."""
    from PIL import Image

    kind = generator.choice(("eps", "large", "wide", "deep"))
    if kind == "eps":
        path.write_bytes(_EPS)
    else:
        size = {"large": (9000, 9000), "wide": (60_000, 1), "deep": (1, 1)}[kind]
        Image.new("1" if kind == "large" else "I;16", size).save(path, "PNG")


def other_archive(path: Path, generator: random.Random) -> None:
    """A member more, which leads elsewhere, is no file, or unpacks to very much."""
    kind = generator.choice(
        ("up", "absolute", "drive", "link", "hard link", "device", "pipe", "large", "twice", "over")
    )
    info = tarfile.TarInfo(f"{path.stem}/{kind}")
    info.type = {"device": tarfile.CHRTYPE, "pipe": tarfile.FIFOTYPE}.get(kind, tarfile.REGTYPE)
    outside = _outside(path)
    if kind in ("up", "absolute", "drive"):
        info.name = {"up": f"{path.stem}/../../../outside/{EXECUTED}", "absolute": str(outside / EXECUTED)}.get(
            kind, f"C:\\{EXECUTED}"
        )
    elif kind in ("link", "hard link", "over"):
        info.type = tarfile.LNKTYPE if kind == "hard link" else tarfile.SYMTYPE
        info.linkname = str(outside if kind == "over" else outside / "secret.txt")
    with tarfile.open(path, "a") as archive:
        if kind == "twice":
            info = archive.getmembers()[-1]
        archive.addfile(info, io.BytesIO(bytes(info.size)) if info.isreg() else None)
        if kind == "over":  # a file below the link
            archive.addfile(tarfile.TarInfo(f"{info.name}/{EXECUTED}"))
        if kind == "large":  # a header alone
            info.size = 1 << 40
            archive.fileobj.write(info.tobuf())


def renamed(path: Path, generator: random.Random) -> None:
    """Its name is as long as a name can be, or says something to a terminal."""
    stem = generator.choice(
        (
            "x" * (255 - len(path.suffix)),
            "\x1b[31mx\x07",
            "[red]x[bold]",
            b"\xff\xfe".decode("utf-8", "surrogateescape"),
            "-o",
            "a\nb",
        )
    )
    path.rename(path.with_name(f"{stem}{path.suffix}"))


PACKED: tuple[Damage, ...] = (evil_pickle, evil_pickle, memo_bomb)
TENSORS: tuple[Damage, ...] = (*(tensor_header,) * 3, *(tensor_values,) * 4)


def damages(path: Path) -> tuple[Damage, ...]:
    """What a file of its kind can suffer."""
    head = path.read_bytes()[:4]
    special: tuple[Damage, ...] = {
        ".json": DOCUMENT,
        ".jsonl": DOCUMENT,
        ".toml": TEXT,
        ".csv": TEXT,
        ".svg": TEXT,
        ".txt": TEXT,
        ".safetensors": TENSORS,
        ".pbz2": (*PACKED, compressed_bomb),
        ".gz": (compressed_bomb,),
        ".tar": (other_archive,) * 12,
        ".tfrecord": (record_value,) * 8,
        ".pt": PACKED,
        ".pth": PACKED,
        ".npz": (*PACKED, compressed_bomb, compressed_bomb),
    }.get(path.suffix, ())
    if path.parent.parent.parent.name == "images":
        special = (other_image, other_image, renamed, renamed)
    elif head[:1] == b"\x80":
        special = PACKED
    return ANY + special

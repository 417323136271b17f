"""Gathers what an importer reads, and writes the table whole or not at all."""

import json
import os
import shutil
import tempfile
import zlib
from contextlib import suppress
from math import nan
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np

from supernas import spaces
from supernas.benchmarks.arrays import digest_arrays, header, save_arrays
from supernas.benchmarks.columns import Column, Seed
from supernas.benchmarks.curves import curves_path
from supernas.benchmarks.table import COSTS, FORMAT, Source
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import check_place, write_atomically

__all__ = ["Collector"]


class Collector:
    """A table in the making. Curves go to an unnamed temporary file beside the destination, which holds them all.

    Use as a context manager; nothing appears at the destination before `write`.
    """

    def __init__(self, space: str, destination: Path, *, curves: bool = True) -> None:
        if destination.suffix != ".safetensors":
            raise UserError(f"a table's file ends in .safetensors; {destination.name} does not")
        self.space, self.destination = spaces.get(space), destination
        self._accuracy: dict[tuple[Column, Seed], np.ndarray] = {}
        self._costs: dict[str, np.ndarray] = {}
        self._starts: dict[tuple[Column, Seed], np.ndarray] = {}
        self._checks: dict[tuple[Column, Seed], np.ndarray] = {}
        self._points = 0
        self._spool: BinaryIO | None = None
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            check_place(destination)
            check_place(curves_path(destination))
            if curves:
                self._spool = tempfile.TemporaryFile(dir=destination.parent)  # noqa: SIM115  # closed by __exit__
        except OSError as error:
            raise UserError(f"cannot write in {destination.parent}: {error.strerror}; name another place") from None

    def __enter__(self) -> "Collector":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._spool is not None:
            with suppress(OSError):  # what it still had to write has no place, and is not wanted
                self._spool.close()

    # -- what importers say -----------------------------------------------------------------------------------------

    def accuracy(self, index: int | np.ndarray, column: Column, seed: Seed, value: float) -> None:
        """Notes an accuracy in percent, of one architecture or of several that share it.

        Raises:
            UserError: if it is none.
        """
        if not 0 <= value <= 100:
            raise UserError(f"architecture {index} has accuracy {value} for {column} seed={seed}; wanted 0 to 100 %")
        if (column, seed) not in self._accuracy:
            self._accuracy[column, seed] = np.full(len(self.space), nan)
        self._accuracy[column, seed][index] = value

    def curve(self, index: int, column: Column, seed: int, values: np.ndarray) -> None:
        """Notes a learning curve, percent [column.epochs]; forgotten where curves are not wanted.

        Raises:
            UserError: if there is no room.
        """
        if self._spool is None:
            return
        if (column, seed) not in self._starts:
            self._starts[column, seed] = np.full(len(self.space), -1, dtype="<i8")
            self._checks[column, seed] = np.zeros(len(self.space), dtype="<i8")
        content = values.astype("<f8").tobytes()
        self._starts[column, seed][index] = self._points
        self._checks[column, seed][index] = zlib.crc32(content)
        self._points += len(values)
        try:
            self._spool.write(content)
        except OSError as error:
            raise UserError(
                f"cannot write in {self.destination.parent}: {error.strerror}; name another place"
            ) from None

    def cost(self, index: int | np.ndarray, dataset: str, parameters: float, flops: float, latency: float) -> None:
        """Notes parameters, multiply-adds and seconds of a batch (NaN: unknown), of one architecture or of several."""
        if dataset not in self._costs:
            self._costs[dataset] = np.full((len(COSTS), len(self.space)), nan)
        for row, value in zip(self._costs[dataset], (parameters, flops, latency), strict=True):
            row[index] = value

    # -- the files --------------------------------------------------------------------------------------------------

    def write(self, source: Source) -> None:
        """Writes the curves, if any, and then the table that points at them.

        Raises:
            UserError: if nothing was gathered, or there is no room.
        """
        if not self._accuracy:
            raise UserError(f"{source.name} holds no accuracy of {self.space.name}")
        identity = digest_arrays("", self._curve_places()) if self._starts else None
        try:
            if identity:
                write_atomically(curves_path(self.destination), lambda file: self._write_curves(file, identity))
            write_atomically(self.destination, lambda file: file.write(self._table(source, identity)))
            if not identity:  # those of an earlier import
                curves_path(self.destination).unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {self.destination}: {error.strerror}") from None

    def _table(self, source: Source, identity: str | None) -> bytes:
        keys = sorted(self._accuracy, key=lambda key: (key[0], str(key[1])))
        about = {
            "format": FORMAT,
            "space": self.space.name,
            "source": vars(source),
            "columns": _addresses(keys),
            "costs": sorted(self._costs),
            "curves": identity,
        }
        arrays = {"accuracy": np.stack([self._accuracy[key] for key in keys])}
        if self._costs:
            arrays["costs"] = np.stack([self._costs[name] for name in sorted(self._costs)])
        text = json.dumps(about)
        return save_arrays(arrays, {"supernas-benchmark": text, "sha256": digest_arrays(text, arrays)})

    def _curve_places(self) -> dict[str, np.ndarray]:
        """Where the curves begin, and their checksums, int64 [columns, architectures]."""
        places = {"start": self._starts, "check": self._checks}
        return {name: np.stack(list(columns.values())) for name, columns in places.items()}

    def _write_curves(self, file: BinaryIO, identity: str) -> None:
        """The safetensors layout written piece by piece: the library wants all arrays in memory at once."""
        assert self._spool is not None
        arrays = self._curve_places()
        text = json.dumps(_addresses(self._starts))
        metadata = {"identity": identity, "columns": text, "sha256": digest_arrays(identity + text, arrays)}
        size = 8 * self._points
        described: Document = {"values": {"dtype": "F64", "shape": [self._points], "data_offsets": [0, size]}}
        for name, array in arrays.items():
            described[name] = {"dtype": "I64", "shape": array.shape, "data_offsets": [size, size + array.nbytes]}
            size += array.nbytes
        file.write(header({"__metadata__": metadata, **described}))
        self._spool.seek(0, os.SEEK_SET)
        shutil.copyfileobj(self._spool, file, 1 << 20)
        for array in arrays.values():
            file.write(array.tobytes())


def _addresses(keys: "list[tuple[Column, Seed]] | dict[tuple[Column, Seed], np.ndarray]") -> list[list[str | int]]:
    return [[column.dataset, column.trained_on, column.split, column.epochs, seed] for column, seed in keys]

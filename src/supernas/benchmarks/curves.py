"""Learning curves of a table, in a file of their own: about a gigabyte for all of NATS-Bench, opened when asked for."""

import zlib
from pathlib import Path

import numpy as np
import pydantic

from supernas.benchmarks.arrays import digest_arrays, map_arrays
from supernas.benchmarks.columns import Column
from supernas.core.errors import UserError

__all__ = ["Curves", "curves_path"]


def curves_path(table: Path) -> Path:
    """Where the curves of a table lie: `t.safetensors` has them in `t.curves.safetensors`."""
    return table.with_name(f"{table.stem}.curves.safetensors")


_COLUMNS = pydantic.TypeAdapter(list[tuple[str, str, str, int, int]])


class Curves:
    """All curves one after the other, and where each one starts.

    The file holds `values` float64 [points], and int64 [columns, architectures] `start`, -1 where the source has no
    curve, and `check`, the CRC-32 of each curve's bytes; a curve has as many points as its training has epochs. What is
    looked at is checked then.
    """

    def __init__(self, path: Path, identity: str) -> None:
        metadata, arrays = map_arrays(path)
        if metadata.get("identity") != identity or set(arrays) != {"values", "start", "check"}:
            raise UserError(f"{path} holds the curves of another table; import the source again")
        self._path, self._values = path, arrays.pop("values")
        self._start, self._check = arrays["start"], arrays["check"]
        text = metadata.get("columns", "")
        if metadata.get("sha256") != digest_arrays(identity + text, arrays):
            raise self._damaged()
        try:
            columns = _COLUMNS.validate_json(text)
        except pydantic.ValidationError:
            raise self._damaged() from None
        if len(set(columns)) < len(columns) or any(len(array) != len(columns) for array in arrays.values()):
            raise self._damaged()
        self._rows = {
            (Column(dataset, trained_on, split, epochs), seed): row
            for row, (dataset, trained_on, split, epochs, seed) in enumerate(columns)
        }

    def _damaged(self) -> UserError:
        return UserError(f"{self._path} is damaged; import the source again")

    def seeds(self, column: Column) -> list[int]:
        """The seeds with curves in a column."""
        return [seed for known, seed in self._rows if known == column]

    def get(self, index: int, column: Column, seed: int) -> np.ndarray | None:
        """Accuracy in percent after each epoch, float64 [epochs], or None; NaN at epochs that were not measured.

        Raises:
            UserError: if it is damaged.
        """
        row = self._rows.get((column, seed))
        start = -1 if row is None else int(self._start[row, index])
        if row is None or start < 0:
            return None
        curve = self._values[start : start + column.epochs]
        if zlib.crc32(curve.tobytes()) != self._check[row, index] or ((curve < 0) | (curve > 100)).any():
            raise self._damaged()
        return curve

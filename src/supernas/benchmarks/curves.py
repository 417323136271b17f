"""Learning curves of a table, in a file of their own: about a gigabyte for all of NATS-Bench, opened when asked for."""

import json
from pathlib import Path

import numpy as np

from supernas.benchmarks.arrays import map_arrays
from supernas.benchmarks.columns import Column
from supernas.core.errors import UserError

__all__ = ["Curves", "curves_path"]


def curves_path(table: Path) -> Path:
    """Where the curves of a table lie: `t.safetensors` has them in `t.curves.safetensors`."""
    return table.with_name(f"{table.stem}.curves.safetensors")


class Curves:
    """All curves one after the other, and where each one starts.

    The file holds `values` float64 [points] and `start` int64 [columns, architectures], -1 where the source has no
    curve; a curve has as many points as its training has epochs.
    """

    def __init__(self, path: Path, identity: str) -> None:
        metadata, arrays = map_arrays(path)
        if metadata.get("identity") != identity or set(arrays) != {"values", "start"}:
            raise UserError(f"{path} holds the curves of another table; import the source again")
        self._values, self._start = arrays["values"], arrays["start"]
        columns = json.loads(metadata["columns"])
        self._rows = {(Column(*names), seed): row for row, (*names, seed) in enumerate(columns)}

    def seeds(self, column: Column) -> list[int]:
        """The seeds with curves in a column."""
        return [seed for known, seed in self._rows if known == column]

    def get(self, index: int, column: Column, seed: int) -> np.ndarray | None:
        """Accuracy in percent after each epoch, float64 [epochs], or None; NaN at epochs that were not measured."""
        row = self._rows.get((column, seed))
        start = -1 if row is None else int(self._start[row, index])
        return None if start < 0 else self._values[start : start + column.epochs]

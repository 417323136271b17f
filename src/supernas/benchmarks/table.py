"""A table of ground truth: the accuracies of all architectures of a space, each with its full address.

Architectures stand in the space's official order; columns are addressed by data set, what was trained on, split,
epochs and seed. A question that fits several columns is refused, with what would tell them apart: published
"test accuracies" of one cell differ by 18 % for a default that nobody saw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import nan, sqrt
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydantic
from typing_extensions import Unpack

from supernas import spaces
from supernas.benchmarks.arrays import digest_arrays, map_arrays
from supernas.benchmarks.columns import Address, Column, Seed, Value, choose, dataset_name
from supernas.benchmarks.curves import Curves, curves_path
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError, unknown

__all__ = ["Best", "PublishedCost", "Source", "Table", "load"]

FORMAT = 2
COSTS = ("parameters", "flops", "latency")
AnyArchitecture = Architecture | str | int


@dataclass(frozen=True)
class Source:
    """Where a table comes from.

    Attributes:
        name: the file or folder that was imported.
        version: the publication it holds (versions differ by up to 7 % for a cell), as far as its format tells.
        sha256: checksum of the file, or of the folder's files in the order of their names.
        made_up: whether the accuracies were invented, for tests and examples.
    """

    name: str
    version: str
    sha256: str
    made_up: bool = False


@dataclass(frozen=True)
class Best:
    """The best architecture of a column; the first of equals."""

    index: int
    architecture: Architecture
    value: Value


class PublishedCost(NamedTuple):
    """Published cost: learnable parameters, multiply-adds of one image, and seconds of a batch (NaN: not published)."""

    parameters: int
    flops: float
    latency: float


class Table:
    """Accuracies of the architectures of a space. Usually made by `load`.

    Args:
        space: name of the search space.
        columns: the address of each row of `accuracy`.
        accuracy: float64 [columns, architectures], percent; NaN where the source has none.
        costs: per data set, float64 [3, architectures]: parameters, multiply-adds, latency in seconds; NaN: unknown.
        source: where the numbers come from.
        curves: the file with learning curves and the identity that it must have, or None.
    """

    def __init__(
        self,
        space: str,
        columns: Sequence[tuple[Column, Seed]],
        accuracy: np.ndarray,
        costs: Mapping[str, np.ndarray],
        source: Source,
        curves: tuple[Path, str] | None = None,
    ) -> None:
        self.space = spaces.get(space)
        self.source = source
        self._accuracy, self._costs, self._curves_file = accuracy, dict(costs), curves
        self._rows: dict[Column, dict[Seed, int]] = {}
        for row, (column, seed) in enumerate(columns):
            self._rows.setdefault(column, {})[seed] = row
        self._chosen: dict[tuple[object, ...], Column] = {}
        self._queried: dict[tuple[object, ...], tuple[tuple[int, ...], bool]] = {}
        self._means: dict[Column, np.ndarray] = {}
        self._index = lru_cache(maxsize=4 * len(self.space))(self._look_up)

    def __len__(self) -> int:
        """How many architectures the space has."""
        return len(self.space)

    def __repr__(self) -> str:
        made_up = "made-up " if self.source.made_up else ""
        return f"<{made_up}table of {self.space.name}: {len(self.columns)} columns, from {self.source.name}>"

    # -- what there is ----------------------------------------------------------------------------------------------

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns, seeds aside."""
        return tuple(self._rows)

    def seeds(self, column: Column) -> tuple[int, ...]:
        """The seeds of a column; none where the source holds their mean only."""
        return tuple(seed for seed in self._rows[column] if seed != "mean")

    @cached_property
    def missing(self) -> int:
        """How many architectures have no accuracy at all."""
        return int(np.isnan(self._accuracy).all(axis=0).sum()) if len(self._accuracy) else len(self)

    def index(self, architecture: AnyArchitecture) -> int:
        """The official index of an architecture, its text or its index.

        Raises:
            UserError: if the space has no such architecture.
        """
        return self._index(architecture)

    def _look_up(self, architecture: AnyArchitecture) -> int:
        if isinstance(architecture, (int, np.integer)):
            if not 0 <= architecture < len(self):
                raise UserError(f"index {architecture} is not in {self.space.name}; wanted 0 to {len(self) - 1}")
            return int(architecture)
        parsed = self.space.parse(architecture) if isinstance(architecture, str) else architecture
        try:
            return self.space.index(parsed)
        except (ValueError, IndexError):
            raise UserError(f"{parsed} is no architecture of {self.space.name}") from None

    # -- questions --------------------------------------------------------------------------------------------------

    def choose(self, **address: Unpack[Address]) -> Column:
        """The one column that fits; what is not given must not matter.

        Raises:
            UserError: if none or several fit.
        """
        asked = tuple(address.items())
        if asked not in self._chosen:
            self._chosen[asked] = choose(self._rows, **address)
        return self._chosen[asked]

    def query(self, architecture: AnyArchitecture, *, seed: Seed = "mean", **address: Unpack[Address]) -> Value:
        """The true accuracy of an architecture.

        Args:
            architecture: itself, its text, or its official index.
            seed: of the training, or `mean`: over the seeds that the source has for this architecture.
            **address: `dataset`, `trained_on`, `split` and `epochs` (see `Address`).

        Raises:
            UserError: if the question is ambiguous, or the source has no answer.
        """
        asked = (seed, *address.items())
        if asked not in self._queried:
            column = self.choose(**address)
            self._queried[asked] = self._rows_of(column, seed), "mean" not in self._rows[column]
        rows, seeds_known = self._queried[asked]
        index = self._index(architecture)
        item = self._accuracy.item
        values = [value for row in rows if (value := item(row, index)) == value]  # NaN differs from itself
        if not values:
            column = self.choose(**address)
            raise UserError(f"{self.source.name} has no accuracy of architecture {index} for {column} seed={seed}")
        count = len(values)
        mean = sum(values) / count
        # `statistics.stdev` takes as long as five queries
        deviation = sqrt(sum([(value - mean) ** 2 for value in values]) / (count - 1)) if count > 1 else nan
        return Value(mean, deviation, count if seeds_known else None)

    def _rows_of(self, column: Column, seed: Seed) -> tuple[int, ...]:
        rows = self._rows[column]
        if seed == "mean":
            return tuple(rows.values())
        if seed not in rows:
            raise UserError(f"{column} has no seed={seed}; wanted {'|'.join(map(str, dict.fromkeys([*rows, 'mean'])))}")
        return (rows[seed],)

    def column(self, *, seed: Seed = "mean", **address: Unpack[Address]) -> np.ndarray:
        """All accuracies of a column, float64 [architectures], read-only; NaN where the source has none.

        Raises:
            UserError: if the question is ambiguous.
        """
        column = self.choose(**address)
        rows = self._rows_of(column, seed)
        if len(rows) == 1:
            return self._accuracy[rows[0]]
        if column not in self._means:
            self._means[column] = _mean(self._accuracy[list(rows)])
        return self._means[column]

    def best(self, *, seed: Seed = "mean", **address: Unpack[Address]) -> Best:
        """The architecture with the highest accuracy of a column.

        Raises:
            UserError: if the question is ambiguous.
        """
        column = self.choose(**address)
        accuracies = self.column(**address, seed=seed)
        if np.isnan(accuracies).all():
            raise UserError(f"{self.source.name} has no accuracy for {column} seed={seed}")
        index = int(np.nanargmax(accuracies))
        return Best(index, self.space[index], self.query(index, **address, seed=seed))

    def rank(self, architecture: AnyArchitecture, *, seed: Seed = "mean", **address: Unpack[Address]) -> int:
        """1 for the best architecture of a column; equals share the better rank. What is missing is not counted.

        Raises:
            UserError: if the question is ambiguous, or the source has no answer.
        """
        value = self.query(architecture, **address, seed=seed).mean
        return 1 + int((self.column(**address, seed=seed) > value).sum())

    # -- curves and costs -------------------------------------------------------------------------------------------

    def curve(self, architecture: AnyArchitecture, *, seed: Seed = "mean", **address: Unpack[Address]) -> np.ndarray:
        """The accuracy after each epoch of a training, float64 [epochs]; opens the file of curves when first asked.

        Raises:
            UserError: if the question is ambiguous, or the source has no such curve.
        """
        column = self.choose(**address)
        index = self._index(architecture)
        known = [other for other in self._curves.seeds(column) if seed in (other, "mean")]
        curves = [curve for other in known if (curve := self._curves.get(index, column, other)) is not None]
        if not curves:
            raise UserError(f"{self.source.name} has no curve of architecture {index} for {column} seed={seed}")
        return curves[0] if len(curves) == 1 else _mean(np.stack(curves))

    @cached_property
    def _curves(self) -> Curves:
        if self._curves_file is None:
            raise UserError(f"the table of {self.source.name} was imported without learning curves, or has none")
        return Curves(*self._curves_file)

    @property
    def has_curves(self) -> bool:
        """Whether learning curves were imported with the table."""
        return self._curves_file is not None

    @property
    def cost_datasets(self) -> tuple[str, ...]:
        """The data sets for which the source holds parameters, multiply-adds or latency."""
        return tuple(self._costs)

    def cost(self, architecture: AnyArchitecture, *, dataset: str) -> PublishedCost:
        """The published cost of an architecture on a data set (images and classes make the difference).

        Raises:
            UserError: if the source does not hold it.
        """
        index = self._index(architecture)
        parameters, flops, latency = (self.costs(kind, dataset=dataset).item(index) for kind in COSTS)
        if parameters != parameters:
            raise UserError(f"{self.source.name} has no costs of architecture {index} on {dataset}")
        return PublishedCost(int(parameters), flops, latency)

    def costs(self, kind: str, *, dataset: str) -> np.ndarray:
        """`parameters`, `flops` (multiply-adds) or `latency` (seconds) of all, float64 [architectures]; NaN: unknown.

        Raises:
            UserError: if the source does not hold them.
        """
        if kind not in COSTS:
            raise unknown("cost", kind, COSTS)
        name = dataset_name(dataset)
        if not self._costs:
            raise UserError(f"{self.source.name} holds accuracies only, no {kind}; import an official file for costs")
        if name not in self._costs:
            raise unknown("dataset", dataset, self._costs)
        return self._costs[name][COSTS.index(kind)]


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is not NaN; NaN where nothing is left. Read-only."""
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    mean = np.divide(
        np.where(there, values, 0.0).sum(axis=0), count, out=np.full(values.shape[1:], nan), where=count > 0
    )
    mean.flags.writeable = False
    return mean


class _SourceRecord(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    name: str
    version: str
    sha256: str
    made_up: bool


class _About(pydantic.BaseModel):
    """What the header of a table says."""

    model_config = pydantic.ConfigDict(strict=True, extra="forbid")

    format: int
    space: str
    source: _SourceRecord
    columns: list[tuple[str, str, str, int, Seed]]
    costs: list[str]
    curves: str | None


def load(path: str | Path) -> Table:
    """Opens a table that `supernas benchmark import` wrote, and checks that it is as it was written; its curves are
    read, and checked, when they are asked for.

    Raises:
        UserError: if the file is missing, damaged, or no table.
    """
    path = Path(path)
    metadata, arrays = map_arrays(path)
    about = _about(path, metadata.get("supernas-benchmark", ""))
    if metadata.get("sha256") != digest_arrays(metadata["supernas-benchmark"], arrays):
        raise _damaged(path, "its SHA-256 is not the one that it holds")
    columns = [
        (Column(data, trained_on, split, epochs), seed) for data, trained_on, split, epochs, seed in about.columns
    ]
    if len(set(columns)) < len(columns) or len(set(about.costs)) < len(about.costs):
        raise _damaged(path, "a column stands twice")
    held = {name: arrays[name] for name in ("accuracy", *(["costs"] if about.costs else [])) if name in arrays}
    count = spaces.get(about.space).size
    shapes = [array.shape for array in held.values()]
    if shapes != [(len(columns), count), (len(about.costs), len(COSTS), count)][: 1 + bool(about.costs)]:
        raise _damaged(path, f"its arrays are not of {len(columns)} columns of {about.space}")
    if not _in_range(held["accuracy"], 100) or not _in_range(held.get("costs", np.zeros(0)), np.finfo(float).max):
        raise _damaged(path, "it has an accuracy that is not from 0 to 100 %, or a cost below 0")
    costs = dict(zip(about.costs, held.get("costs", ()), strict=True))
    curves = (curves_path(path), about.curves) if about.curves else None
    return Table(about.space, columns, held["accuracy"], costs, Source(**about.source.model_dump()), curves)


def _about(path: Path, text: str) -> _About:
    try:
        about = _About.model_validate_json(text)
    except pydantic.ValidationError:
        raise UserError(f"{path} is no table of a benchmark; make one with `supernas benchmark import`") from None
    if about.format != FORMAT:
        raise UserError(f"{path} has table format {about.format}, wanted {FORMAT}; import the source again")
    return about


def _in_range(values: np.ndarray, most: float) -> bool:
    """Whether all values are from 0 to the most; NaN, where there is none, is no value."""
    return not bool(((values < 0) | (values > most)).any())


def _damaged(path: Path, what: str) -> UserError:
    return UserError(f"{path} is damaged ({what}); import the source again")

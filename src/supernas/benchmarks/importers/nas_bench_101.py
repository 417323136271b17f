"""NAS-Bench-101's own files, `nasbench_only108.tfrecord` and `nasbench_full.tfrecord`, for the spaces within it.

C. Ying et al., "NAS-Bench-101: Towards Reproducible Neural Architecture Search", ICML 2019. A record is a training: in
JSON the module's hash, epochs, adjacency matrix and operations, and in base64 a protocol buffer with three evaluations
(before, half-way, at the end), each of training, validation and test accuracy, and the number of parameters. Networks
were trained on 40,000 images of CIFAR-10 and validated on 10,000. Each module was trained three times; which seeds that
were is not known, and they are 0, 1 and 2 here, in the order of the file. Cells with the same module share its values.
"""

import base64
import binascii
import re
import struct
from collections.abc import Callable
from math import nan
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pydantic

from supernas.benchmarks.collect import Collector
from supernas.benchmarks.columns import Column
from supernas.benchmarks.importers.protobuf import fields
from supernas.benchmarks.importers.tfrecord import TFRecords
from supernas.benchmarks.table import Source
from supernas.core.errors import UserError
from supernas.core.memory import check_memory
from supernas.spaces.one_shot.cells import OneShotCells
from supernas.spaces.one_shot.modules import Module

__all__ = ["import_tfrecord"]

_SPLITS = {3: "train", 4: "valid", 5: "test"}  # number of the field -> split
_TRAININGS, _EVALUATIONS = 3, 3
_MEMORY = 0.6  # memory of what is remembered of a file, as multiple of its size
_ROW = pydantic.TypeAdapter(tuple[str, int, str, str, str], config=pydantic.ConfigDict(strict=True))


class _Row(NamedTuple):
    """A record: a training of a module."""

    hash: str
    epochs: int
    adjacency: str
    operations: str
    metrics: str


class _Metrics(NamedTuple):
    """What a training gave: learnable parameters, and the final accuracies in percent by split."""

    parameters: int
    accuracies: dict[str, float]


def import_tfrecord(
    file: Path, collector: Collector, progress: Callable[[int, int], None], say: Callable[[str], None]
) -> None:
    """Reads a NAS-Bench-101 file; modules that are not of the space are checked and left out.

    Raises:
        UserError: naming the record: damaged, no training of a module, of another module than its hash says, or one
            that stands there already.
    """
    space = collector.space
    assert isinstance(space, OneShotCells), "a space within NAS-Bench-101"
    try:
        check_memory(int(_MEMORY * file.stat().st_size), f"what is remembered of {file}", "close other programs")
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    numbers, records, trainings, found = space.numbers_by_hash, TFRecords(file), _Trainings(), set()
    for number, record in enumerate(records, start=1):
        try:
            row = _row(record)
            seed, metrics = trainings.add(row), _metrics(row.metrics)
        except ValueError as error:
            raise UserError(f"{file}, record {number:,}: {error}; wanted a file of NAS-Bench-101") from None
        if row.hash in numbers:
            _add(collector, numbers[row.hash], row.epochs, seed, metrics)
            found.add(row.hash)
            progress(len(found), len(numbers))
    if len(found) < len(numbers):
        say(f"{len(numbers) - len(found):,} of {len(numbers):,} modules are missing; their cells have no values")
    collector.write(Source(file.name, "NAS-Bench-101", records.sha256))


def _add(collector: Collector, cells: np.ndarray, epochs: int, seed: int, metrics: _Metrics) -> None:
    for split, value in metrics.accuracies.items():
        collector.accuracy(cells, Column("cifar10", "train", split, epochs), seed, value)
    collector.cost(cells, "cifar10", metrics.parameters, nan, nan)


class _Trainings:
    """What stood in the file so far: the modules whose hash is right, and the trainings of each."""

    def __init__(self) -> None:
        self._right: set[tuple[str, str, str]] = set()
        self._metrics: dict[tuple[str, int], tuple[int, ...]] = {}

    def add(self, row: _Row) -> int:
        """Notes a training; returns how many there were of its module and length before.

        Raises:
            ValueError: if its hash is another module's, or it stands there already.
        """
        module = (row.hash, row.adjacency, row.operations)
        if module not in self._right:
            _check_module(row)
            self._right.add(module)
        before, digest = self._metrics.get((row.hash, row.epochs), ()), hash(row.metrics)
        if digest in before:
            raise ValueError(f"a training of {row.hash} that stands twice")
        if len(before) == _TRAININGS:
            raise ValueError(f"a fourth training of {row.hash} for {row.epochs} epochs")
        self._metrics[row.hash, row.epochs] = (*before, digest)
        return len(before)


def _row(record: bytes) -> _Row:
    try:
        row = _Row(*_ROW.validate_json(record))
    except pydantic.ValidationError:
        raise ValueError("no JSON list of hash, epochs, matrix, operations and metrics") from None
    if not re.fullmatch("[0-9a-f]{32}", row.hash):
        raise ValueError(f"a hash {row.hash[:40]!r}")
    if not 0 < row.epochs <= 10_000:
        raise ValueError(f"{row.epochs} epochs")
    return row


def _check_module(row: _Row) -> None:
    operations = tuple(row.operations.split(","))
    count = len(operations)
    if not re.fullmatch("[01]+", row.adjacency) or len(row.adjacency) != count * count:
        raise ValueError(f"a matrix that is not {count}x{count} of 0 and 1")
    rows = (row.adjacency[start : start + count] for start in range(0, count * count, count))
    module = Module(tuple(tuple(map(int, one)) for one in rows), operations)
    if module.pruned != module:
        raise ValueError("a module that is not pruned")
    if module.hash != row.hash:
        raise ValueError(f"a module with the hash {module.hash}, not {row.hash}")


def _metrics(text: str) -> _Metrics:
    evaluations, parameters = [], 0
    try:
        message = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("metrics that are not base64") from None
    for number, value in fields(message):
        if number == 1 and isinstance(value, bytes):
            evaluations.append(value)
        elif number == 2 and isinstance(value, int):
            parameters = value
    if len(evaluations) != _EVALUATIONS or not 0 < parameters < 1 << 31:
        raise ValueError(f"{len(evaluations)} evaluations of {parameters} parameters; wanted {_EVALUATIONS}")
    return _Metrics(parameters, _accuracies(evaluations[-1]))


def _accuracies(evaluation: bytes) -> dict[str, float]:
    found = {}
    for number, value in fields(evaluation):
        if number in _SPLITS and isinstance(value, bytes) and len(value) == 8:
            found[_SPLITS[number]] = 100 * struct.unpack("<d", value)[0]
    for split in _SPLITS.values():
        if not 0 <= found.get(split, nan) <= 100:
            raise ValueError(f"a {split} accuracy of {found.get(split, nan) / 100}; wanted 0 to 1")
    return found

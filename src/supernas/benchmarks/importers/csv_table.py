"""A CSV file of accuracies: a line an architecture, columns `<dataset>_<split>_<epochs>`.

`arch` holds the text of the architecture and `index`, if there, its official index. As in NAS-Bench-201, `valid` of
CIFAR-10 was measured after training on half of its training images (`train`), `test` after training on all
(`train+valid`); the other data sets are trained on `train`. Only means over seeds are known.
"""

import csv
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from supernas.benchmarks.collect import Collector
from supernas.benchmarks.columns import Column, dataset_name
from supernas.benchmarks.table import Source
from supernas.core.errors import UserError
from supernas.core.reading import read_bytes

__all__ = ["import_csv"]

_NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)  # Python's own reader takes 8_5 as 85


def import_csv(file: Path, collector: Collector, progress: Callable[[int, int], None]) -> None:
    """Reads a CSV file with every architecture of the space.

    Raises:
        UserError: naming the line: an unreadable, repeated or missing architecture, a wrong index, a value that is no
            percentage. An empty field is a missing value.
    """
    try:
        data = read_bytes(file)
        lines = data.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UserError(f"{file} is no text in UTF-8; wanted a CSV file") from None
    reader = csv.reader(lines)
    try:
        header = next(reader, [])
        columns = _columns(header, file)
        seen: dict[int, int] = {}
        for row in reader:
            if row:
                _add_row(row, header, columns, collector, seen, f"{file}, line {reader.line_num}", reader.line_num)
                progress(len(seen), len(collector.space))
    except csv.Error as error:
        raise UserError(f"{file}, line {reader.line_num}: {error}") from None
    if len(seen) < len(collector.space):
        first = next(index for index in range(len(collector.space)) if index not in seen)
        raise UserError(
            f"{file} ends at line {reader.line_num} with {len(seen):,} of {len(collector.space):,} architectures: "
            f"architecture {first}, {collector.space.format(collector.space[first])}, is missing"
        )
    collector.write(Source(file.name, "not named (CSV)", hashlib.sha256(data).hexdigest()))


def _columns(header: list[str], file: Path) -> dict[int, Column]:
    """Place in a line -> column."""
    if "arch" not in header:
        raise UserError(f"{file}, line 1: no column 'arch'; wanted arch,<dataset>_<split>_<epochs>,...")
    columns: dict[int, Column] = {}
    for place, name in enumerate(header):
        if name in ("arch", "index"):
            continue
        match = re.fullmatch(r"(\w+)_(train|valid|test)_([0-9]{1,4})", name)
        if not match:
            raise UserError(
                f"{file}, line 1: column {name[:80]!r}; wanted <dataset>_<split>_<epochs>: cifar10_test_200"
            )
        dataset, split, epochs = dataset_name(match[1]), match[2], int(match[3])
        trained_on = "train+valid" if dataset == "cifar10" and split == "test" else "train"
        columns[place] = Column(dataset, trained_on, split, epochs)
    if not columns or len(set(header)) < len(header) or len(set(columns.values())) < len(columns):
        raise UserError(f"{file}, line 1: {'a column stands twice' if columns else 'no column of accuracies'}")
    return columns


def _add_row(
    row: list[str],
    header: list[str],
    columns: dict[int, Column],
    collector: Collector,
    seen: dict[int, int],
    where: str,
    line: int,
) -> None:
    if len(row) != len(header):
        raise UserError(f"{where}: {len(row)} fields; wanted {len(header)} as in line 1")
    text = row[header.index("arch")]
    try:
        index = collector.space.index(collector.space.parse(text))
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    if "index" in header and row[header.index("index")].strip() != str(index):
        raise UserError(f"{where}: index {row[header.index('index')][:40]!r}, but {text} has official index {index}")
    if index in seen:
        raise UserError(f"{where}: {text} stands already in line {seen[index]}")
    seen[index] = line
    for place, column in columns.items():
        if row[place].strip():
            collector.accuracy(index, column, "mean", _percentage(row[place], header[place], where))


def _percentage(text: str, column: str, where: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text.strip(" ")) else -1.0
    if not 0 <= value <= 100:
        raise UserError(f"{where}: {column} is {text[:40]!r}; wanted an accuracy from 0 to 100 %")
    return value

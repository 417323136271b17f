"""Reads published files into a table: one file a format."""

from collections.abc import Callable
from pathlib import Path

from supernas import spaces
from supernas.benchmarks.collect import Collector
from supernas.benchmarks.table import Table, load
from supernas.core.errors import UserError
from supernas.core.spelling import option
from supernas.spaces.one_shot.cells import OneShotCells

__all__ = ["import_table"]

DEFAULT = "nas-bench-201"


def import_table(
    source: str | Path,
    destination: str | Path,
    *,
    space: str | None = None,
    curves: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> Table:
    """Reads a published benchmark and writes it as a table, whole or not at all.

    Args:
        source: a NATS-Bench topology folder (`...-simple`) or single file (`.pickle.pbz2`), a NAS-Bench-201 `.pth`, or
            a `.tfrecord` of NAS-Bench-101, or a CSV file. Pickles are read without running anything in them.
        destination: the `.safetensors` file to write; learning curves go to `.curves.safetensors` beside it.
        space: the search space of the architectures: nas-bench-201 by default, but a `.tfrecord` holds several.
        curves: whether to keep learning curves where the source has them.
        progress: called with how many architectures are done, of how many.
        say: called with what a user should know: memory needed, files missing.

    Returns:
        The table, opened.

    Raises:
        UserError: if the source is missing, damaged, or wrong; the message names the place, and nothing is written.
    """
    source, destination = Path(source), Path(destination)
    if not source.exists():
        raise UserError(f"there is no {source}; name a published folder or file")
    with Collector(_space(source, space), destination, curves=curves) as collector:
        if source.is_dir():
            from supernas.benchmarks.importers.nats import import_folder

            import_folder(source, collector, progress, say)
        elif source.suffix == ".csv":
            from supernas.benchmarks.importers.csv_table import import_csv

            import_csv(source, collector, progress)
        elif source.suffix == ".pbz2":
            from supernas.benchmarks.importers.nats import import_single

            import_single(source, collector, progress, say)
        elif source.suffix == ".pth":
            from supernas.benchmarks.importers.nas_bench_201 import import_pth

            import_pth(source, collector, progress, say)
        elif source.suffix == ".tfrecord":
            from supernas.benchmarks.importers.nas_bench_101 import import_tfrecord

            import_tfrecord(source, collector, progress, say)
        else:
            raise UserError(
                f"cannot import {source.name}: wanted a NATS-tss folder, .pickle.pbz2, .pth, .tfrecord or .csv"
            )
    return load(destination)


def _space(source: Path, space: str | None) -> str:
    """The space of the table.

    Raises:
        UserError: if it is not one of those that such a file holds.
    """
    within = [name for name in spaces.names() if issubclass(spaces.settings_class(name), OneShotCells)]
    if source.suffix == ".tfrecord":
        if space not in within:
            given = "" if space is None else f", not {space}"
            raise UserError(
                f"{source.name} is of NAS-Bench-101, of which the spaces {', '.join(within)} are parts; say which with "
                f"{option('space', within[0])}{given}"
            )
        return space
    if source.suffix != ".csv" and space not in (None, DEFAULT):
        raise UserError(f"{source.name} is no table of {space}; wanted {option('space', DEFAULT)}, or nothing")
    return space or DEFAULT

"""Reads published files into a table: one file a format."""

from collections.abc import Callable
from pathlib import Path

from supernas.benchmarks.collect import Collector
from supernas.benchmarks.table import Table, load
from supernas.core.errors import UserError

__all__ = ["import_table"]


def import_table(
    source: str | Path,
    destination: str | Path,
    *,
    space: str = "nas-bench-201",
    curves: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
    say: Callable[[str], None] = lambda text: None,
) -> Table:
    """Reads a published benchmark and writes it as a table, whole or not at all.

    Args:
        source: a NATS-Bench topology folder (`...-simple`) or single file (`.pickle.pbz2`), a NAS-Bench-201 `.pth`, or
            a CSV file. Pickles are read without running anything in them.
        destination: the `.safetensors` file to write; learning curves go to `.curves.safetensors` beside it.
        space: the search space of the architectures.
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
    with Collector(space, destination, curves=curves) as collector:
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
        else:
            raise UserError(f"cannot import {source.name}: wanted a NATS-tss folder, .pickle.pbz2, .pth or .csv")
    return load(destination)

"""The command line's benchmark part: `supernas benchmark import | fetch | info | baselines`, and `supernas query`."""

import re
from dataclasses import asdict
from pathlib import Path
from statistics import fmean, stdev
from typing import Annotated

import numpy as np
import typer
from rich.table import Table as Grid

from supernas.api.architectures import check_no_path
from supernas.benchmarks.table import Table, load
from supernas.cli.command import Command
from supernas.cli.console import Console
from supernas.cli.display import counting_bar
from supernas.cli.rows import out, print_rows
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import RESULT, RunRecord, read_record

__all__ = ["benchmark_app", "query"]

benchmark_app = typer.Typer(help="Tables of true accuracies.", no_args_is_help=True, rich_markup_mode=None)

File = Annotated[Path, typer.Argument(help="a table, as written by `supernas benchmark import`")]


@benchmark_app.command(name="import", cls=Command)
def import_(
    source: Annotated[
        Path,
        typer.Argument(help="NATS-tss folder or .pickle.pbz2, NAS-Bench-201 .pth, NAS-Bench-101 .tfrecord, or .csv"),
    ],
    destination: Annotated[Path, typer.Argument(help="the .safetensors file to write")],
    space: Annotated[
        str | None,
        typer.Option(help="of the architectures: one within NAS-Bench-101 for a .tfrecord, else nas-bench-201"),
    ] = None,
    curves: Annotated[bool, typer.Option(help="also keep learning curves, in a file beside it")] = True,
) -> None:
    """Read a published benchmark into a table that opens at once. Nothing in the files is run."""
    from supernas.benchmarks.importers import import_table

    with counting_bar() as bar:
        task = bar.add_task("architectures", total=None)
        table = import_table(
            source,
            destination,
            space=space,
            curves=curves,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
            say=lambda text: bar.console.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True),
        )
    print_rows({"table": str(destination), **_about(table)})


@benchmark_app.command(cls=Command)
def fetch(
    name: Annotated[str, typer.Argument(help="nats-bench, nats-bench-single, nas-bench-201 or nas-bench-101")],
    url: Annotated[str | None, typer.Option(help="a mirror to download from")] = None,
    checksum: Annotated[str | None, typer.Option(help="of the mirror's file, sha256:... or md5:...")] = None,
) -> None:
    """Find a published benchmark, download it from a mirror, or say how to get it by hand."""
    from supernas.benchmarks.fetch import fetch as fetch_file

    out.print(str(fetch_file(name, url=url, checksum=checksum)), markup=False)


@benchmark_app.command(cls=Command)
def info(file: File) -> None:
    """What is in a table: columns, seeds, missing cells, the optimum of each column, source and its checksum."""
    table = load(file)
    print_rows(_about(table))
    grid = Grid(
        "dataset", "trained on", "split", "epochs", "seeds", "cells", "optimum", "index", box=None, pad_edge=False
    )
    for column in table.columns:
        accuracies = table.column(**asdict(column))
        best = table.best(**asdict(column))
        grid.add_row(
            column.dataset,
            column.trained_on,
            column.split,
            str(column.epochs),
            " ".join(map(str, table.seeds(column))) or "mean only",
            f"{np.count_nonzero(~np.isnan(accuracies)):,}",
            f"{best.value.mean:.2f}",
            str(best.index),
        )
    Console(width=max(out.width, 100), highlight=False).print(grid)


@benchmark_app.command(cls=Command)
def baselines(
    file: File,
    evaluations: Annotated[int, typer.Option(min=1, help="how often a search may ask")] = 200,
    runs: Annotated[int, typer.Option(min=1, help="runs of each search, with seeds 0, 1, ...")] = 20,
    noise: Annotated[float, typer.Option(min=0, help="deviation of noise added to what is seen, in percent")] = 0.0,
    plot: Annotated[Path | None, typer.Option(help="write the trajectories as a picture")] = None,
) -> None:
    """Random, evolutionary and local search: they see cifar10 valid 12 and are judged on cifar10 test 200 (valid 108
    and test 108 in the spaces of NAS-Bench-101).
    """
    from supernas.benchmarks.baselines import BASELINES, run_baseline, usual_columns
    from supernas.benchmarks.noise import Noise

    table = load(file)
    searches = {
        name: [
            run_baseline(name, table, evaluations=evaluations, seed=seed, asked=Noise(table, noise, seed))
            for seed in range(runs)
        ]
        for name in BASELINES
    }
    _, judged_on = usual_columns(table.space)
    optimum = table.best(**judged_on).value.mean
    truths = {name: [run[-1].truth for run in trajectories] for name, trajectories in searches.items()}
    print_rows({name: _spread(values) for name, values in truths.items()} | {"optimum": f"{optimum:.2f} %"})
    if plot:
        from supernas.evaluation.plots.trajectory import plot_trajectories

        plot_trajectories(searches, plot, title=str(table.choose(**judged_on)), optimum=optimum)


def query(
    architecture: Annotated[str, typer.Argument(help="an architecture as text, its index, or the folder of a run")],
    benchmark: Annotated[Path, typer.Option(help="a table, as written by `supernas benchmark import`")],
    dataset: Annotated[str | None, typer.Option(help="cifar10, cifar100, imagenet16-120")] = None,
    trained_on: Annotated[str | None, typer.Option(help="train or train+valid")] = None,
    split: Annotated[str | None, typer.Option(help="train, valid, test or valid+test")] = None,
    epochs: Annotated[int | None, typer.Option(help="length of the training")] = None,
    seed: Annotated[str, typer.Option(help="a seed of the training, or mean")] = "mean",
) -> None:
    """The true accuracy of an architecture. What several columns fit is refused, with what would tell them apart."""
    table = load(benchmark)
    asked: Document = {"dataset": dataset, "trained_on": trained_on, "split": split, "epochs": epochs}
    if seed != "mean" and not seed.isdecimal():
        raise UserError(f"--seed {seed}: wanted a number or mean")
    try:
        index = table.index(_text(architecture, table))
        column = table.choose(**asked)
        address = {**asdict(column), "seed": "mean" if seed == "mean" else int(seed)}
        value = table.query(index, **address)
    except UserError as error:
        raise UserError(_as_options(str(error))) from None
    there = np.count_nonzero(~np.isnan(table.column(**address)))
    print_rows(
        {
            "architecture": table.space.format(table.space[index]),
            "index": str(index),
            "column": f"{column} seed={seed}",
            "accuracy": str(value),
            "rank": f"{table.rank(index, **address):,} of {there:,}",
            "optimum": f"{table.best(**address).value.mean:.2f} %",
            "source": f"{table.source.name} ({table.source.version})",
        }
    )


def _text(architecture: str, table: Table) -> str:
    """The architecture that a run found, or what was typed."""
    folder = Path(architecture)
    if len(architecture) > 255 or not folder.is_dir():  # longer than the name of a file
        check_no_path(architecture)
        return architecture
    result = read_record(folder / RESULT, RunRecord)
    if result is None:
        raise UserError(f"{folder} holds no result.json: it is no run folder, or the run has not ended (use --resume)")
    if result.get("space") != table.space.name:
        raise UserError(f"{folder} is a run in the space {result.get('space')}; the table is of {table.space.name}")
    return str(result["architecture"])


def _as_options(message: str) -> str:
    """Addresses as they are typed: `trained_on=train` becomes `--trained-on train`."""
    return re.sub(r"\b(dataset|trained_on|split|epochs|seed)=", lambda m: f"--{m[1].replace('_', '-')} ", message)


def _about(table: Table) -> dict[str, str]:
    source = table.source
    count = len(table)
    rows = {"source": source.name, "version": source.version, "sha256": source.sha256}
    rows |= {
        "space": table.space.name,
        "architectures": f"{count - table.missing:,} of {count:,}",
        "costs": ", ".join(table.cost_datasets) or "none",
        "learning curves": "yes" if table.has_curves else "none",
    }
    return rows


def _spread(values: list[float]) -> str:
    deviation = f" ± {stdev(values):.2f}" if len(values) > 1 else ""
    return f"{fmean(values):.2f}{deviation} % (mean, deviation, n = {len(values)})"

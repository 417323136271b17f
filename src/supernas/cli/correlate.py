"""`supernas correlate`: does the supernet rank architectures as their own training does?"""

import os
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from supernas.cli.console import Console
from supernas.cli.display import counting_bar
from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.settings import build

__all__ = ["correlate"]

_DEFAULT_COUNT = "500"


def correlate(
    run_dir: Annotated[Path, typer.Argument(help="the run folder of a finished search")],
    benchmark: Annotated[Path | None, typer.Option(help="a table of ground truth")] = None,
    retrained: Annotated[Path | None, typer.Option(help="instead: a folder of `train` runs of own retrainings")] = None,
    architectures: Annotated[
        str | None, typer.Option(help="with --benchmark: how many, drawn by the seed, or all (default 500)")
    ] = None,
    images: Annotated[int, typer.Option(help="validation images on which each is judged")] = 1000,
    batch_norm: Annotated[str, typer.Option(help="statistics that normalise: batch, recalibrate or tracked")] = "batch",
    dataset: Annotated[str | None, typer.Option(help="column of the benchmark: data set")] = None,
    split: Annotated[str | None, typer.Option(help="column of the benchmark: where accuracy was measured")] = None,
    epochs: Annotated[int | None, typer.Option(help="column of the benchmark: length of the training")] = None,
    trained_on: Annotated[str | None, typer.Option(help="column of the benchmark: train or train+valid")] = None,
    proxy: Annotated[
        str, typer.Option(help="zero-cost proxies that rank them too, separated by commas (supernas list proxies)")
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="of the architectures, of ties and of the intervals")] = 0,
    workers: Annotated[int | None, typer.Option(min=1, help="processes (default: one a core)")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
) -> None:
    """Rank architectures with a search's inherited weights, and compare with the truth (tau, rho, top-k regret)."""
    # statistics and plots are heavy, and the command line's help must not wait for them
    from supernas.evaluation import correlate as study
    from supernas.evaluation.supernet_accuracy import EvaluationSettings, read_run
    from supernas.runs.device import choose_device

    evaluation = build(EvaluationSettings, {"images": images, "batch_norm": batch_norm}, "correlate")
    space = read_run(run_dir)[0].space
    column = {"dataset": dataset, "split": split, "epochs": epochs, "trained_on": trained_on}
    if (benchmark is None) == (retrained is None):
        raise UserError("give the truth: either --benchmark FILE or --retrained STUDY_DIR")
    if benchmark is not None:
        compared, truth, name = _from_table(benchmark, column, space, architectures or _DEFAULT_COUNT, seed)
    else:
        useless = [f"--{key.replace('_', '-')}" for key, value in column.items() if value is not None]
        useless += ["--architectures"] if architectures else []
        if useless:
            raise UserError(f"{useless[0]} belongs to --benchmark; --retrained takes every architecture of its folder")
        compared, truth = study.retrained(Path(str(retrained)), space)
        name = "test accuracy of own retrainings"
    started = time.monotonic()
    with counting_bar() as bar:
        task = bar.add_task("evaluations", total=None)
        correlation = study.correlate(
            run_dir,
            compared,
            truth,
            name,
            evaluation,
            seed=seed,
            workers=workers or os.cpu_count() or 1,
            device=choose_device(device),
            on_progress=lambda done, of: bar.update(task, completed=done, total=of),
            proxies=[name.strip() for name in proxy.split(",") if name.strip()],
        )
    _print(correlation, time.monotonic() - started, correlation.save(run_dir))


def _from_table(
    path: Path, column: Document, space: Any, count: str, seed: int
) -> tuple[list[Architecture], np.ndarray, str]:
    """(architectures, truth, name of the truth)."""
    from supernas.benchmarks import load
    from supernas.evaluation.correlate import draw

    if count != "all" and not count.isdecimal():
        raise UserError(f"--architectures {count}: wanted a number, or all")
    table = load(path)
    if table.space.name != space.name:
        raise UserError(f"{path} is a benchmark of {table.space.name}, and the search was in {space.name}")
    chosen = table.choose(**column)
    values = table.column(**column)
    compared = draw(space, len(space) if count == "all" else int(count), seed)
    truth = values[[space.index(architecture) for architecture in compared]]
    name = f"{chosen.dataset} {chosen.split} accuracy after {chosen.epochs} epochs on {chosen.trained_on}"
    return compared, truth, name


def _print(correlation: Any, seconds: float, files: tuple[Path, Path]) -> None:
    out = Console(highlight=False, soft_wrap=True)
    regrets = list(next(iter(correlation.rankings.values())).regret)
    table = Table("ranked by", "Kendall tau-b", "Spearman rho", *(f"regret of top {k}, %" for k in regrets), box=None)
    for name, ranking in correlation.rankings.items():
        table.add_row(name, str(ranking.tau), str(ranking.rho), *map(str, ranking.regret.values()))
    Console(width=max(out.width, 150), highlight=False).print(table)
    without = f"; {correlation.missing} without truth left out" if correlation.missing else ""
    evaluation = correlation.evaluation
    out.print(f"{len(correlation.architectures)} architectures against {correlation.truth_name}{without}", markup=False)
    out.print(
        f"{evaluation.images} validation images, batch normalisation: {evaluation.batch_norm}, {seconds:.0f} s; "
        "95 % bootstrap intervals over architectures, of this one supernet",
        markup=False,
    )
    out.print(f"{files[0]}\n{files[1]}", markup=False)

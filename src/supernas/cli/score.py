"""`supernas score`: what zero-cost proxies say of architectures, and whether they rank them as the truth does."""

import os
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from supernas.api import score_config
from supernas.cli.console import Console
from supernas.cli.display import counting_bar
from supernas.cli.options import Resolution
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.runs.configuration import read_file
from supernas.spaces.search_strategies import draw

__all__ = ["score"]

_SHOWN = 20  # architectures in the table


def score(
    architectures: Annotated[list[str] | None, typer.Argument(help="architectures as text, index or name")] = None,
    proxy: Annotated[str, typer.Option(help="one or more, separated by commas (supernas list proxies)")] = "synflow",
    sample: Annotated[int | None, typer.Option(min=1, help="so many architectures, drawn by the seed")] = None,
    all_: Annotated[bool, typer.Option("--all", help="every architecture of the space")] = False,
    space: Annotated[str | None, typer.Option(help="the search space (default nas-bench-201)")] = None,
    data: Annotated[str | None, typer.Option(help="a data set's name, or a path (default digits)")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="where the files of a named data set are")] = None,
    resolution: Resolution = None,
    channels: Annotated[int | None, typer.Option(help="channels C of the networks")] = None,
    cells: Annotated[int | None, typer.Option(help="cells N of the networks")] = None,
    batch_size: Annotated[int | None, typer.Option(help="images that proxies look at (default 64)")] = None,
    seed: Annotated[int | None, typer.Option(help="of images, initial weights and --sample (default 0)")] = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", help="any setting, as section.name=value or proxy.name=value")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="a TOML or JSON file of settings")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="processes (default: one a core)")] = None,
    out: Annotated[Path, typer.Option(help="folder of the files of scores")] = Path("runs/scores"),
    benchmark: Annotated[Path | None, typer.Option(help="a table of true accuracies to compare with")] = None,
    dataset: Annotated[str | None, typer.Option(help="column of the benchmark: data set")] = None,
    split: Annotated[str | None, typer.Option(help="column of the benchmark: where accuracy was measured")] = None,
    epochs: Annotated[int | None, typer.Option(help="column of the benchmark: length of the training")] = None,
    trained_on: Annotated[str | None, typer.Option(help="column of the benchmark: train or train+valid")] = None,
) -> None:
    """Score architectures without training them; with --benchmark, compare with the truth (Kendall tau-b, Spearman)."""
    from supernas.evaluation import proxy_scores as study

    made = score_config(
        proxy=[name.strip() for name in proxy.split(",") if name.strip()],
        space=space,
        data=data,
        data_dir=data_dir,
        resolution=resolution,
        channels=channels,
        cells=cells,
        batch_size=batch_size,
        seed=seed,
        set=set or (),
        config=read_file(config) if config else None,
    )
    column = {"dataset": dataset, "split": split, "epochs": epochs, "trained_on": trained_on}
    table = _table(benchmark, column, made.space)
    chosen = _chosen(made, architectures or [], sample, all_)
    started = time.monotonic()
    with counting_bar() as bar:
        task = bar.add_task("scores", total=None)
        scores = study.score(
            chosen,
            made,
            out,
            workers=min(workers or os.cpu_count() or 1, len(chosen)),
            on_progress=lambda done, of: bar.update(task, completed=done, total=of),
        )
    _print(scores, time.monotonic() - started)
    if table is not None:
        truth = table.column(**column)[[made.space.index(architecture) for architecture in chosen]]
        _print_rankings(scores.rankings(truth, made.score.seed), truth, str(table.choose(**column)))


def _table(path: Path | None, column: Document, space: Any) -> Any:
    """The benchmark, whose column is known to be there; None without one."""
    from supernas.benchmarks import load

    if path is None:
        given = [f"--{name.replace('_', '-')}" for name, value in column.items() if value is not None]
        if given:
            raise UserError(f"{given[0]} says which column of a benchmark; give --benchmark FILE too, or leave it out")
        return None
    table = load(path)
    if table.space.name != space.name:
        raise UserError(f"{path} is a benchmark of {table.space.name}, and the architectures are of {space.name}")
    table.choose(**column)
    return table


def _chosen(config: Any, texts: list[str], sample: int | None, everything: bool) -> list[Any]:
    if (bool(texts) + (sample is not None) + everything) != 1:
        raise UserError("say what to score: architectures, or --sample N, or --all")
    space = config.space
    if texts:
        return list(dict.fromkeys(space.parse(text) for text in texts))  # a repeat would count twice in a correlation
    if sample is not None:
        return draw(space, sample, np.random.default_rng(config.score.seed))
    if not space.enumerable:
        raise UserError(f"{space.name} has {space.size:,} architectures, too many for --all; use --sample N")
    return list(space)


def _print(scores: Any, seconds: float) -> None:
    out = Console(highlight=False, soft_wrap=True)
    names = list(scores.scores)
    order = sorted(
        range(len(scores.architectures)),
        key=lambda place: -scores.scores[names[0]][place] * (1 if _rises(scores, names[0]) else -1),
    )
    grid = Table("architecture", *(f"{name} {'↑' if _rises(scores, name) else '↓'}" for name in names), box=None)
    for place in order[:_SHOWN]:
        text = scores.config.space.format(scores.architectures[place])
        grid.add_row(text, *(f"{scores.scores[name][place]:.6g}" for name in names))
    Console(width=max(out.width, 160), highlight=False, markup=False).print(grid)
    if len(order) > _SHOWN:
        out.print(f"... and {len(order) - _SHOWN:,} more, best first by {names[0]}", markup=False)
    out.print(f"{len(order):,} architectures at {scores.scale}; {seconds:.0f} s", markup=False)
    for path in scores.files.values():
        out.print(str(path), markup=False)


def _rises(scores: Any, name: str) -> bool:
    return bool(scores.config.proxies[name].direction == "max")


def _print_rankings(rankings: Document, truth: np.ndarray, column: str) -> None:
    out = Console(highlight=False, soft_wrap=True)
    regrets = list(next(iter(rankings.values())).regret)
    grid = Table("ranked by", "Spearman rho", "Kendall tau-b", *(f"regret of top {k}, %" for k in regrets), box=None)
    for name, ranking in rankings.items():
        grid.add_row(name, str(ranking.rho), str(ranking.tau), *map(str, ranking.regret.values()))
    Console(width=max(out.width, 160), highlight=False).print(grid)
    missing = int(np.isnan(truth).sum())
    without = f"; {missing} without truth left out" if missing else ""
    out.print(f"{len(truth) - missing:,} architectures against {column}{without}", markup=False)
    out.print("95 % bootstrap intervals over architectures, of this one draw of initial weights", markup=False)

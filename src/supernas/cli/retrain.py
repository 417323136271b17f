"""`supernas retrain`: the architectures that a search followed, each trained from scratch."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from supernas.api import document
from supernas.cli.options import Config, DataDir, Epochs, Sets
from supernas.cli.rows import out
from supernas.evaluation.tracking import retrain as train_followed
from supernas.runs.configuration import merge, read_file, resolve_train
from supernas.runs.finished import read_run, training_beside

__all__ = ["retrain"]


def retrain(
    run_dir: Annotated[Path, typer.Argument(help="the run folder of a finished search with --track K")],
    data_dir: DataDir = None,
    preset: Annotated[str | None, typer.Option(help="demo, cpu or paper (default: the search's)")] = None,
    epochs: Epochs = None,
    seed: Annotated[int | None, typer.Option(help="of the trainings (default: the search's)")] = None,
    set: Sets = None,
    config: Config = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps (default: the search's)")] = None,
) -> None:
    """Train what a search followed (--track K) on its halves of the images, and draw it beside the supernet's curves.

    What is not given is as in the search; the same command goes on where it was.
    """
    search, _ = read_run(run_dir)
    beside = {
        **training_beside(search),
        "architecture": search.space.format(search.space.sample(np.random.default_rng(0))),
    }
    given = {
        "data": {"directory": str(data_dir) if data_dir else None},
        "train": {"preset": preset, "epochs": epochs, "seed": seed, "device": device},
    }
    training = resolve_train(document(merge(beside, read_file(config) if config else {}), given, set or ()))
    results = train_followed(run_dir, training, lambda run: out.print(f"training {run.config.text}", markup=False))
    for number, result in enumerate(results, start=1):
        metric = result.task.text(result.record[f"valid_{result.task.quantity}"])
        out.print(f"A{number}  {metric} on the validation part  {result.text}", markup=False)
    out.print(str(run_dir / "tracked.svg"), markup=False)

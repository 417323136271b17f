"""`supernas train`: one architecture, from scratch."""

from pathlib import Path
from statistics import mean, stdev
from typing import Annotated

import typer

from supernas.api import Training
from supernas.cli.architecture import read_architecture
from supernas.cli.options import (
    Config,
    DataDir,
    DataOption,
    Device,
    Epochs,
    From,
    Out,
    Preset,
    Resolution,
    Resume,
    Seed,
    Sets,
    SpaceOption,
    TrackerOption,
    read_count,
)
from supernas.cli.rows import print_rows
from supernas.cli.running import run_displayed
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.runs.configuration import TrainConfig, merge, read_file
from supernas.runs.training import TrainResult, train_random

__all__ = ["train"]


def train(
    architecture: Annotated[str, typer.Argument(help="an architecture as text, a search's folder, or a derive-*.json")],
    space: SpaceOption = None,
    data: DataOption = None,
    data_dir: DataDir = None,
    resolution: Resolution = None,
    preset: Preset = None,
    epochs: Epochs = None,
    seed: Seed = None,
    set: Sets = None,
    config: Config = None,
    out: Out = None,
    resume: Resume = False,
    from_run: From = None,
    device: Device = None,
    tracker: TrackerOption = None,
    compare_random: Annotated[
        int, typer.Option(min=0, help="also train so many random architectures alike, and print their mean")
    ] = 0,
    parameters: Annotated[
        str | None, typer.Option(help="size of the network, such as 3.6M: finds the channels that come nearest to it")
    ] = None,
) -> None:
    """Train an architecture from scratch and test it. With a search's folder, its space, data and preset are taken."""
    text, where, defaults = read_architecture(architecture, space)
    made: Document = {
        "space": where,
        "data": data,
        "data_dir": data_dir,
        "resolution": resolution,
        "preset": preset,
        "epochs": epochs,
        "seed": seed,
        "set": set or (),
        "config": merge(
            {**defaults, "data": {}} if data and defaults else defaults, read_file(config) if config else {}
        ),
        "device": device,
        "from_run": from_run,
        "tracker": tracker,
    }
    run = Training(text, **made, out=out, resume=resume, parameters=read_count(parameters, "--parameters"))
    if compare_random and "test" not in run.data.parts:
        alone = f"train.split leaves the test {run.data.examples} alone"
        why = alone if run.config.train.split else f"{run.data.name} has no test {run.data.examples}"
        raise UserError(f"{why}, so --compare-random has nothing to compare")
    result = run_displayed(run, resume)
    rows = {
        "architecture": result.text,
        **_judged(result, run.data.examples),
        "parameters": f"{result.record['parameters']:,}",
        "run folder": str(result.folder),
    }
    if compare_random:
        rows["random architectures"] = _random_architectures(run.config, compare_random, result.folder)
    print_rows(rows)


def _judged(result: TrainResult, examples: str) -> dict[str, str]:
    """What the training is judged by: the test data, or validation data where these are left alone."""
    task, quantity = result.task, result.task.quantity
    if result.test_metric is not None:
        return {f"test {quantity}": task.text(result.test_metric)}
    if result.valid_metric is not None:
        return {f"validation {quantity}": f"{task.text(result.valid_metric)} (the test {examples} were not looked at)"}
    return {f"test {quantity}": f"no test {examples}"}


def _random_architectures(config: TrainConfig, count: int, folder: Path) -> str:
    """Trains random architectures exactly like the one found; (mean, deviation and n of their test metrics)."""
    results = train_random(config, count, folder / "random")
    task = results[0].task
    metrics = [result.record[f"test_{task.quantity}"] for result in results]
    spread = f"{mean(metrics):.2f} +- {task.text(stdev(metrics) if count > 1 else 0.0)}"
    return f"{spread} test {task.quantity} (mean, deviation, n = {count}, trained alike)"

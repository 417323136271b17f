"""`supernas search`: an architecture, from a supernet that is trained on the way."""

from pathlib import Path
from typing import Annotated

import typer

from supernas.api import Search
from supernas.cli.options import (
    Config,
    DataDir,
    DataOption,
    Device,
    Devices,
    Epochs,
    From,
    Nodes,
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
from supernas.runs.configuration import read_file

__all__ = ["search"]


def search(
    method: Annotated[str | None, typer.Option(help="the search method (default e2nas)")] = None,
    space: SpaceOption = None,
    objective: Annotated[str | None, typer.Option(help="how the supernet is trained (default: the method's)")] = None,
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
    devices: Devices = None,
    nodes: Nodes = None,
    track: Annotated[
        int | None, typer.Option(help="follow so many drawn architectures from epoch to epoch (default 0)")
    ] = None,
    watch: Annotated[
        str | None, typer.Option(help="record these after every epoch, with commas: hessian,entropy,skips,gap,depth")
    ] = None,
    max_parameters: Annotated[
        str | None, typer.Option(help="the most parameters of the found network, such as 1.2M")
    ] = None,
    max_flops: Annotated[str | None, typer.Option(help="its most multiply-adds, such as 50M")] = None,
    max_latency_ms: Annotated[
        float | None, typer.Option(help="its most milliseconds for one input, measured here")
    ] = None,
    benchmark: Annotated[
        Path | None, typer.Option(help="a table of true accuracies: recorded for every epoch, unseen by the method")
    ] = None,
    tracker: TrackerOption = None,
) -> None:
    """Search for an architecture; leaves it, the supernet's weights, a picture and a record in the run folder."""
    run = Search(
        method=method,
        space=space,
        objective=objective,
        data=data,
        data_dir=data_dir,
        resolution=resolution,
        preset=preset,
        epochs=epochs,
        seed=seed,
        set=set or (),
        config=read_file(config) if config else None,
        out=out,
        resume=resume,
        from_run=from_run,
        device=device,
        devices=devices,
        nodes=nodes,
        track=track,
        watch=watch,
        max_parameters=read_count(max_parameters, "--max-parameters"),
        max_flops=read_count(max_flops, "--max-flops"),
        max_latency_ms=max_latency_ms,
        tracker=tracker,
        benchmark=benchmark,
    )
    result = run_displayed(run, resume)
    record, task = result.record, run.task
    valid = task.text(record[f"valid_{task.quantity}"])
    found = record.get("instead_of")
    weights = "inherited" if run.config.method.trains_weights else "untrained"
    print_rows(
        {
            "architecture": result.text,
            **({"instead of": f"{found}, which has no path from input to output"} if found else {}),
            f"supernet {task.quantity}": f"{valid} ({weights} weights, validation {run.data.examples})",
            "parameters": f"{record['parameters']:,}",
            "multiply-adds": f"{record['flops']:,}",
            "run folder": str(result.folder),
        }
    )

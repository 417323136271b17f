"""Options that several commands have, and how what is typed is read."""

import re
from pathlib import Path
from typing import Annotated

import typer

from supernas.core.errors import UserError

__all__ = [
    "Config",
    "DataDir",
    "DataOption",
    "Device",
    "Devices",
    "Epochs",
    "From",
    "Nodes",
    "Out",
    "Preset",
    "Resolution",
    "Resume",
    "Seed",
    "Sets",
    "SpaceOption",
    "TrackerOption",
    "read_count",
]

DataOption = Annotated[str | None, typer.Option("--data", help="a data set's name, or a path (default digits)")]
DataDir = Annotated[Path | None, typer.Option(help="where the files of a named data set are")]
Preset = Annotated[
    str | None, typer.Option(help="demo, cpu or paper; of darts-cnn also imagenet, imagenet-linear (default demo)")
]
Resolution = Annotated[
    int | None,
    typer.Option(help="side of the squares that images become: larger ones, or all of a folder of any sizes"),
]
Epochs = Annotated[int | None, typer.Option(help="passes over the training images")]
Seed = Annotated[int | None, typer.Option(help="of everything random (default 0)")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="any setting, as section.name=value; repeatable")]
Config = Annotated[Path | None, typer.Option(help="a TOML or JSON file of settings, such as a run's config.json")]
Out = Annotated[Path | None, typer.Option(help="the run folder (default runs/<name of the run>)")]
Resume = Annotated[bool, typer.Option("--resume", help="go on from the folder's checkpoint")]
From = Annotated[
    Path | None,
    typer.Option("--from", "--from-run", help="a finished run whose weights are the first; the schedule begins anew"),
]
Device = Annotated[str | None, typer.Option(help="auto, cpu, cuda or mps (default auto)")]
Devices = Annotated[int | None, typer.Option(help="devices of this machine that share every batch (default 1)")]
Nodes = Annotated[int | None, typer.Option(help="machines that do, each with so many devices (default 1)")]
SpaceOption = Annotated[str | None, typer.Option("--space", help="the search space (default nas-bench-201)")]
TrackerOption = Annotated[
    str | None, typer.Option("--tracker", help="show the epochs there too, with commas: tensorboard,wandb,mlflow")
]


def read_count(text: str | None, option: str) -> int | None:
    """A number of parameters or multiply-adds: 3600000, 3.6M or 850k.

    Raises:
        UserError: if it is none.
    """
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,9})?)([kKmM]?)", text.strip())
    if not match or not float(match[1]):
        raise UserError(f"{option} {text}: wanted a number, such as 3600000, 3.6M or 850k")
    return round(float(match[1]) * {"": 1, "k": 1_000, "m": 1_000_000}[match[2].lower()])

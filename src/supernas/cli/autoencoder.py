"""`supernas autoencoder train | evaluate`: the graph autoencoder of a space."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from supernas import spaces
from supernas.cli.command import Command
from supernas.cli.options import SpaceOption
from supernas.cli.rows import print_rows
from supernas.core.settings import build
from supernas.runs.configuration import DEFAULT_SPACE

__all__ = ["autoencoder_app"]

autoencoder_app = typer.Typer(help="The graph autoencoder of a space.", no_args_is_help=True, rich_markup_mode=None)

Latent = Annotated[int, typer.Option(min=1, help="dimensions of the latent space")]
Seed = Annotated[int, typer.Option(min=0, help="of initial weights and noise")]


@autoencoder_app.command(cls=Command)
def train(
    out_file: Annotated[Path, typer.Option("--out", help="the .safetensors file to write; its .json goes beside it")],
    space: SpaceOption = None,
    epochs: Annotated[int | None, typer.Option(help="passes over the training graphs")] = None,
    latent: Latent = 16,
    seed: Seed = 0,
) -> None:
    """Train the graph autoencoder of a space and write it with what was measured."""
    from supernas.methods.e2nas.autoencoder import AutoencoderSettings
    from supernas.methods.e2nas.autoencoder.evaluation import train_and_save

    values = {"latent": latent, "seed": seed, **({} if epochs is None else {"epochs": epochs})}
    settings = build(AutoencoderSettings, values, "autoencoder")
    command = "supernas " + " ".join(sys.argv[1:])
    where = spaces.get(space or DEFAULT_SPACE)
    measured = train_and_save(where, settings, out_file, command, lambda epoch: _print_epoch(epoch))
    print_rows({name: str(value) for name, value in measured.tree().items()})


@autoencoder_app.command(cls=Command)
def evaluate(
    space: SpaceOption = None,
    file: Annotated[Path | None, typer.Option(help="a trained autoencoder (default: the space's own)")] = None,
    draws: Annotated[int, typer.Option(min=1, help="codes drawn from the prior")] = 1000,
) -> None:
    """Reconstruction, validity, scale of the codes, and speed of a space's autoencoder."""
    from supernas.methods.e2nas.autoencoder import load_autoencoder, load_pretrained, training_graphs
    from supernas.methods.e2nas.autoencoder.evaluation import evaluate as measure

    where = spaces.get(space or DEFAULT_SPACE)
    model = load_autoencoder(file, where) if file else load_pretrained(where)
    measured = measure(model, training_graphs(where, model.settings), draws)
    print_rows({name: str(value) for name, value in measured.tree().items()})


def _print_epoch(epoch: Any) -> None:
    print(f"epoch {epoch.number}/{epoch.epochs}  reconstruction {epoch.reconstruction:.4f} nats", file=sys.stderr)

"""Trained autoencoders: shipped with the package, kept in the cache, or trained now.

An autoencoder is two files: `<name>.safetensors` (weights) and `<name>.json` (space, settings, a digest of the graph
family, and the SHA-256 of the weights). Both are written to a temporary name and moved into place, weights first.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors.torch import save

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import write_atomically
from supernas.core.graphs import Graph, GraphFamily
from supernas.core.records import Record, damaged, read_bytes, read_record, write_record
from supernas.core.settings import build
from supernas.core.weights import parse_weights
from supernas.data.download import default_directory
from supernas.methods.e2nas.autoencoder.model import GraphAutoencoder
from supernas.methods.e2nas.autoencoder.settings import AutoencoderSettings
from supernas.methods.e2nas.autoencoder.training import Epoch, train
from supernas.spaces import Space

__all__ = ["SHIPPED", "load_autoencoder", "load_pretrained", "save_autoencoder", "training_graphs"]

SHIPPED = Path(__file__).parent / "pretrained"
"""Where the autoencoders that come with the package are."""


class AutoencoderRecord(Record):
    """The `.json` beside the weights."""

    remedy: ClassVar[str] = "delete both files, and it will be trained anew (reinstall supernas if it came with it)"

    space: str
    family: str
    settings: dict[str, Any]
    sha256: str


_PATIENCE = 20  # draws for each graph that is wanted

log = logging.getLogger(__name__)


def load_pretrained(
    space: Space,
    settings: AutoencoderSettings | None = None,
    progress: Callable[[Epoch], None] | None = None,
    directory: Path | None = None,
) -> GraphAutoencoder:
    """The trained autoencoder of a space: shipped, else from the cache, else trained now and cached.

    Args:
        space: the space.
        settings: model and training; the defaults are those of the shipped autoencoders.
        progress: called after every epoch if one has to be trained.
        directory: the cache, by default `autoencoders` in the package's cache directory.

    Returns:
        The autoencoder in evaluation mode, frozen.

    Raises:
        UserError: if the file that matches is damaged.
    """
    settings = settings or AutoencoderSettings()
    shipped = SHIPPED / f"{space.name}.safetensors"
    if _matches(shipped, space, settings):
        return load_autoencoder(shipped, space)
    key = hashlib.sha256(json.dumps(_identity(space, settings), sort_keys=True).encode()).hexdigest()[:16]
    cached = (directory or default_directory() / "autoencoders") / f"{space.name}-{key}.safetensors"
    if _matches(cached, space, settings):
        return load_autoencoder(cached, space)
    log.info("training a graph autoencoder for %s (%d epochs), to be kept as %s", space.name, settings.epochs, cached)
    model = train(space.graph_family, training_graphs(space, settings), settings, progress)
    save_autoencoder(model, cached, space)
    return model


def training_graphs(space: Space, settings: AutoencoderSettings) -> list[Graph]:
    """The cells of the whole space in its order, or `settings.graphs` distinct ones of architectures drawn from it.

    Fewer, if so many draws do not yield that many distinct ones.
    """
    if space.enumerable and space.size <= settings.graphs:
        return [graph for architecture in space for graph in space.to_graphs(architecture)]
    generator = np.random.default_rng(settings.seed)
    drawn: dict[Graph, None] = {}
    for _ in range(_PATIENCE * settings.graphs):
        if len(drawn) >= settings.graphs:
            break
        drawn.update(dict.fromkeys(space.to_graphs(space.sample(generator))))
    return list(drawn)[: settings.graphs]


def save_autoencoder(model: GraphAutoencoder, path: Path, space: Space, **notes: Any) -> None:
    """Write an autoencoder as two files; `notes` (plain values) are added to the `.json`.

    Raises:
        UserError: if the directory cannot be written.
    """
    weights = save(model.state_dict())
    about = {**_identity(space, model.settings), "sha256": hashlib.sha256(weights).hexdigest(), **notes}
    try:
        write_atomically(path, lambda file: file.write(weights))
        write_record(path.with_suffix(".json"), about)
    except OSError as error:
        raise UserError(f"cannot write the autoencoder {path}: {error.strerror}; choose another folder") from None


def load_autoencoder(path: Path, space: Space) -> GraphAutoencoder:
    """Read an autoencoder of a space from its two files.

    Raises:
        UserError: if a file is missing or damaged, or the autoencoder is of another space.
    """
    about, weights = _about(path), read_bytes(path)
    if about is None or weights is None:
        raise UserError(f"no autoencoder at {path}: wanted {path.name} and {path.with_suffix('.json').name} there")
    if any(about.get(name) != value for name, value in _origin(space).items()):
        raise UserError(f"{path} is an autoencoder of {about.get('space')} with other graphs than {space.name} has now")
    if hashlib.sha256(weights).hexdigest() != about["sha256"]:
        raise damaged(path, "its SHA-256 is not the one in its .json file", AutoencoderRecord.remedy)
    settings = build(AutoencoderSettings, about["settings"], f"{path.with_suffix('.json')}: settings")
    with torch.random.fork_rng(devices=[]):
        model = GraphAutoencoder(space.graph_family, settings)
    try:
        model.load_state_dict(parse_weights(weights, path))
    except RuntimeError:
        raise damaged(path, "its weights are not of its settings", AutoencoderRecord.remedy) from None
    return model.eval().requires_grad_(False)


def _matches(path: Path, space: Space, settings: AutoencoderSettings) -> bool:
    about = _about(path)
    return about is not None and all(about.get(name) == value for name, value in _identity(space, settings).items())


def _about(path: Path) -> Document | None:
    """What stands in the `.json`; None if one of the two files is missing."""
    return read_record(path.with_suffix(".json"), AutoencoderRecord) if path.exists() else None


def _identity(space: Space, settings: AutoencoderSettings) -> Document:
    """What decides the weights: the space, a digest of its graphs, and the settings."""
    return {**_origin(space), "settings": dataclasses.asdict(settings)}


def _origin(space: Space) -> Document:
    return {"space": space.name, "family": _digest(space.graph_family)}


def _digest(family: GraphFamily) -> str:
    vertices = [(v.types, v.candidates, v.edges, v.always, sorted((v.pairs or {}).items())) for v in family.vertices]
    return hashlib.sha256(repr((family.type_names, vertices)).encode()).hexdigest()[:16]

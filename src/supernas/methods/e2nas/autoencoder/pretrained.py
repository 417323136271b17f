"""Trained autoencoders: shipped with the package, kept in the cache, or trained now.

An autoencoder is two files: `<name>.safetensors` (weights) and `<name>.json` (space, settings, a digest of the graph
family, and the SHA-256 of the weights). Both are written to a temporary name and moved into place, weights first.
"""

import dataclasses
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.graphs import Graph, GraphFamily
from supernas.core.reading import read_bytes
from supernas.data.download import default_directory
from supernas.methods.e2nas.autoencoder.model import GraphAutoencoder
from supernas.methods.e2nas.autoencoder.settings import AutoencoderSettings
from supernas.methods.e2nas.autoencoder.training import Epoch, train
from supernas.spaces import Space

__all__ = ["SHIPPED", "load_autoencoder", "load_pretrained", "save_autoencoder", "training_graphs"]

SHIPPED = Path(__file__).parent / "pretrained"
"""Where the autoencoders that come with the package are."""

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
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, weights)
        _replace(path.with_suffix(".json"), (json.dumps(about, indent=2) + "\n").encode())
    except OSError as error:
        raise UserError(f"cannot write the autoencoder {path}: {error.strerror}; choose another folder") from None


def load_autoencoder(path: Path, space: Space) -> GraphAutoencoder:
    """Read an autoencoder of a space from its two files.

    Raises:
        UserError: if a file is missing or damaged, or the autoencoder is of another space.
    """
    about = _about(path)
    if about is None:
        raise UserError(f"no autoencoder at {path}: wanted {path.name} and {path.with_suffix('.json').name} there")
    if any(about.get(name) != value for name, value in _origin(space).items()):
        raise UserError(f"{path} is an autoencoder of {about.get('space')} with other graphs than {space.name} has now")
    weights = _content(path)
    if hashlib.sha256(weights).hexdigest() != about.get("sha256"):
        raise UserError(f"{path} is damaged: its SHA-256 is not the one in its .json file; {_fix(path)}")
    with torch.random.fork_rng(devices=[]):
        model = GraphAutoencoder(space.graph_family, AutoencoderSettings(**about["settings"]))
    model.load_state_dict(load(weights))
    return model.eval().requires_grad_(False)


def _fix(path: Path) -> str:
    return "reinstall supernas" if path.parent == SHIPPED else "delete it and it will be trained anew"


def _matches(path: Path, space: Space, settings: AutoencoderSettings) -> bool:
    about = _about(path)
    return about is not None and all(about.get(name) == value for name, value in _identity(space, settings).items())


def _about(path: Path) -> Document | None:
    """What stands in the `.json`; None if one of the two files is missing."""
    beside = path.with_suffix(".json")
    if not (path.exists() and beside.exists()):
        return None
    try:
        about = json.loads(_content(beside))
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise UserError(f"{beside} is damaged: it is not a JSON object; {_fix(path)}")
    return about


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}; {_fix(path)}") from None


def _identity(space: Space, settings: AutoencoderSettings) -> Document:
    """What decides the weights: the space, a digest of its graphs, and the settings."""
    return {**_origin(space), "settings": dataclasses.asdict(settings)}


def _origin(space: Space) -> Document:
    return {"space": space.name, "family": _digest(space.graph_family)}


def _digest(family: GraphFamily) -> str:
    vertices = [(v.types, v.candidates, v.edges, v.always, sorted((v.pairs or {}).items())) for v in family.vertices]
    return hashlib.sha256(repr((family.type_names, vertices)).encode()).hexdigest()[:16]


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

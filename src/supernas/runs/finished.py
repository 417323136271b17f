"""What a finished search left, for others to build on: its configuration, its weights, and how to train beside it."""

from pathlib import Path
from typing import Any

from torch import Tensor

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import read_checked
from supernas.core.weights import parse_weights
from supernas.networks.base import Standalone
from supernas.networks.operations import BatchNorm
from supernas.runs.configuration import SearchConfig, TrainConfig, read_own, resolve_search
from supernas.spaces.base import Space

__all__ = ["check_halves", "inherit", "read_run", "read_weights", "training_beside"]


def read_run(folder: Path, space: Space | None = None) -> tuple[SearchConfig, bytes]:
    """(configuration, bytes of the supernet's weights) of a finished search; `space` is its, if a user's model made it.

    Raises:
        UserError: if the folder holds none, or a file is not as the search wrote it.
    """
    document, weights = read_own(folder), read_checked(folder / "supernet.safetensors")
    files: dict[str, Any] = {"config.json": document, "supernet.safetensors": weights}
    missing = [name for name, content in files.items() if content is None]
    if document is None or weights is None:
        raise UserError(
            f"{folder} holds no {' and no '.join(missing)}: wanted the run folder of a finished `supernas search`"
        )
    if space is not None and document.get("space") == space.document():
        document["space"] = space
    return resolve_search(document), weights


def read_weights(folder: Path, content: bytes) -> dict[str, Tensor]:
    """The supernet's weights by name.

    Raises:
        UserError: if they are damaged.
    """
    return parse_weights(content, folder / "supernet.safetensors")


def training_beside(config: SearchConfig) -> Document:
    """How an architecture is trained for comparison with a search's supernet, as a document without the architecture:
    on the search's halves of its images, at the size of its supernet, by the recipe of its preset.
    """
    document = config.document()
    size = config.space.network_class.size_of(config.supernet)
    options: Document = {"preset": config.search.preset, "seed": config.search.seed}
    split = _split(config)
    halves = {} if split is None else {"split": split, "split_seed": config.search.seed}
    return {
        "space": document["space"],
        "network": size,
        "data": document["data"],
        "train": {**options, **halves, "device": config.search.device},
    }


def check_halves(search: SearchConfig, training: TrainConfig) -> None:
    """Refuses a training that is not on the halves of a search's images.

    Raises:
        UserError: if it is not.
    """
    mine, theirs = (  # how images are varied, and where they lie, may differ
        {**vars(data), "augmentation": None, "directory": None} for data in (training.data, search.data)
    )
    seed = training.train.seed if training.train.split_seed is None else training.train.split_seed
    seeds_differ = training.train.split is not None and seed != search.search.seed
    if training.train.split != _split(search) or seeds_differ or mine != theirs:
        raise UserError(
            "this compares trainings with a search's supernet, so they train on the halves of the search's images; "
            "leave data and train.split as they are"
        )


def _split(config: SearchConfig) -> float | None:
    """The split of a search's data, the usual one where none was given."""
    return config.data.usual_split if config.search.split is None else config.search.split


def inherit(model: Standalone, space: Space, folder: Path) -> None:
    """Gives a network the learnt weights that a finished search's supernet has of it.

    Normalisations start with fresh statistics, and with a fresh scale and shift where the supernet learns none (those
    of the cells, by default).

    Raises:
        UserError: if the folder holds no finished search of the space, or its supernet does not hold the weights of
            this network at this size.
    """
    config, content = read_run(folder, space)
    if config.space.name != space.name:
        raise UserError(f"{folder} is a search in the space {config.space.name}, the architecture of {space.name}")
    theirs = read_weights(folder, content)
    network = model.network
    norms = {
        f"{name}.{own}"
        for name, module in network.named_modules()
        if isinstance(module, BatchNorm)
        for own, _ in module.named_parameters()
    }
    taken = {}
    for name, mine in network.named_parameters():
        if name not in theirs and name in norms:
            continue
        if name not in theirs:
            raise UserError(f"the supernet in {folder} holds no weight {name}: its method narrowed it on the way")
        if theirs[name].shape != mine.shape:
            needed = config.space.network_class.size_of(config.supernet)
            size = ", ".join(f"network.{field}={value}" for field, value in needed.items())
            raise UserError(
                f"the supernet in {folder} has {name} of shape {list(theirs[name].shape)}, the network of shape "
                f"{list(mine.shape)}; to inherit, train on the search's data at its size ({size})"
            )
        taken[name] = theirs[name]
    network.load_state_dict(taken, strict=False)

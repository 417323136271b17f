"""What a finished search left, for others to build on: its configuration, its weights, and how to train beside it."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.records import read_checked
from supernas.core.settings import to_plain
from supernas.core.weights import parse_weights, read_weights
from supernas.networks.base import Network
from supernas.networks.operations import BatchNorm
from supernas.runs.configuration import SearchConfig, TrainConfig, read_own, resolve_search, resolve_train
from supernas.spaces.base import Space

__all__ = [
    "check_halves",
    "inherit",
    "inherit_supernet",
    "read_run",
    "training_beside",
    "weights_digest",
]

_SUPERNET, _WEIGHTS = "supernet.safetensors", "weights.safetensors"


def read_run(folder: Path, space: Space | None = None) -> tuple[SearchConfig, bytes]:
    """(configuration, bytes of the supernet's weights) of a finished search; `space` is its, if a user's model made it.

    Raises:
        UserError: if the folder holds none, or a file is not as the search wrote it.
    """
    document, weights = read_own(folder), read_checked(folder / _SUPERNET)
    files: dict[str, Any] = {"config.json": document, _SUPERNET: weights}
    missing = [name for name, content in files.items() if content is None]
    if document is None or weights is None:
        raise UserError(
            f"{folder} holds no {' and no '.join(missing)}: wanted the run folder of a finished `supernas search`"
        )
    return resolve_search(_with_space(document, space, folder)), weights


def _with_space(document: Document, space: Space | None, folder: Path) -> Document:
    """The document with the space of a user's model, which it can only name."""
    theirs = document.get("space")
    if space is None or not isinstance(theirs, dict) or "choices" not in theirs:
        return document
    if _choices(theirs) != _choices(space.document()):
        raise UserError(f"{folder} is a run of another model: its choices are {theirs['choices']}")
    return {**document, "space": space}


def _choices(space: Document) -> Document:
    """What a model's weights are for: its digest may be another where only the code around them is."""
    return {name: value for name, value in space.items() if name != "digest"}


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


def weights_digest(folder: Path) -> str:
    """Of the weights that a run left, so that others are known as such; empty if there are none."""
    for name in (_SUPERNET, _WEIGHTS):
        content = read_checked(folder / name)
        if content is not None:
            return hashlib.sha256(content).hexdigest()[:8]
    return ""


def inherit(network: Network, space: Space, folder: Path) -> None:
    """Gives the network of one architecture the learnt weights of a finished run.

    Of a training of that architecture it takes all, statistics of normalisations among them. Of a search it takes what
    the supernet has of it: normalisations start with fresh statistics, and with a fresh scale and shift where the
    supernet learns none (those of the cells, by default). What a thinner skeleton lacks of a block, such as the
    convolutions of a reduction that is its shortcut alone, starts fresh too.

    Raises:
        UserError: if the folder holds no finished run of the space, or one that has no weights of this network at this
            size.
    """
    if (folder / _WEIGHTS).is_file():
        _inherit_training(network, space, folder)
        return
    config, theirs = _supernet(space, folder)
    norms = {
        f"{name}.{own}"
        for name, module in network.named_modules()
        if isinstance(module, BatchNorm)
        for own, _ in module.named_parameters()
    }
    mine = [name for name, _ in network.named_parameters()]
    common_blocks = {_block(name) for name in mine if name in theirs}  # a block of another place shares no name
    fresh = {name for name in mine if name not in theirs and (name in norms or _block(name) in common_blocks)}
    needed = [name for name in mine if name not in fresh]
    _load(network, theirs, needed, folder, config.space.network_class.size_of(config.supernet), "network")


def _block(name: str) -> str:
    """What a weight's layer is a part of: `body.1` of `body.1.first.weight`."""
    return name.rsplit(".", 2)[0]


def inherit_supernet(network: Network, space: Space, folder: Path) -> None:
    """Gives a supernet all that another one has learnt.

    Raises:
        UserError: if the folder holds no finished search of the space, or one of another size.
    """
    config, theirs = _supernet(space, folder)
    if getattr(config.supernet, "few_shot", None) is None:
        network = network.one_shot
    _load(network, theirs, _learnt(network, theirs), folder, to_plain(config.supernet), "supernet")


def _inherit_training(network: Network, space: Space, folder: Path) -> None:
    document = read_own(folder)
    if document is None:
        raise UserError(f"{folder} holds no config.json: wanted the run folder of a finished `supernas train`")
    config = resolve_train(_with_space(document, space, folder))
    _check_space(config.space, space, folder)
    if config.architecture.pairs != network.pairs:
        raise UserError(f"{folder} is a training of another architecture, {config.text}")
    given = read_weights(folder / _WEIGHTS)
    theirs = {name.removeprefix("network."): tensor for name, tensor in given.items()}
    _load(network, theirs, _learnt(network, theirs), folder, to_plain(config.network), "network")


def _supernet(space: Space, folder: Path) -> tuple[SearchConfig, dict[str, Tensor]]:
    config, content = read_run(folder, space)
    _check_space(config.space, space, folder)
    return config, parse_weights(content, folder / _SUPERNET)


def _check_space(theirs: Space, mine: Space, folder: Path) -> None:
    if theirs.name != mine.name:
        raise UserError(f"{folder} is a run in the space {theirs.name}, the architecture of {mine.name}")


def _learnt(network: Network, theirs: Mapping[str, Tensor]) -> list[str]:
    """All parameters, and the statistics that both have."""
    parameters = {name for name, _ in network.named_parameters()}
    return [name for name in network.state_dict() if name in parameters or name in theirs]


def _load(
    network: Network, theirs: Mapping[str, Tensor], names: Sequence[str], folder: Path, size: Document, section: str
) -> None:
    """Loads what is named; `size` are the settings, of a section, of the network that has the weights."""
    mine = network.state_dict()
    for name in names:
        if name not in theirs:
            raise UserError(f"the weights in {folder} have no {name}: its method, or its settings, left that out")
        if theirs[name].shape != mine[name].shape:
            given = ", ".join(f"{section}.{field}={value}" for field, value in size.items())
            raise UserError(
                f"the weights in {folder} have {name} of shape {list(theirs[name].shape)}, the network of shape "
                f"{list(mine[name].shape)}; to inherit, take its data and its size ({given})"
            )
    network.load_state_dict({name: theirs[name] for name in names}, strict=False)

"""What a writer of readable source is, and what the writers for convolutional cells share."""

import textwrap
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from types import ModuleType
from typing import Any, ClassVar

from torch import Tensor, nn

from supernas.networks.base import Auxiliary, Network
from supernas.networks.operations import Zero
from supernas.output.export.source import literal, written
from supernas.output.export.trained import Trained

__all__ = ["CellFamily", "Family", "ImageFamily", "docstring", "renamed", "table"]

_WIDTH = 120


class Family(ABC):
    """Writes the networks of one class as source that needs torch and safetensors only.

    Attributes:
        network: the class.
    """

    network: ClassVar[type[Network]]

    @abstractmethod
    def source(self, trained: Trained) -> str:
        """A Python module with `load(path)`, which gives the trained network."""

    @abstractmethod
    def weights(self, trained: Trained) -> dict[str, Tensor]:
        """The trained network's tensors, by their names in that module's network."""

    def texts(self, trained: Trained) -> dict[str, str]:
        """Further files that the module reads, by name; none by default."""
        return {}


class ImageFamily(Family):
    """Convolutional networks of cells in stages, whose cells are constants of the module.

    Attributes:
        template: the module to write after.
    """

    template: ClassVar[ModuleType]

    @abstractmethod
    def cells(self, trained: Trained) -> dict[str, object]:
        """The constants that say what the cells are, by name."""

    @abstractmethod
    def taken(self, trained: Trained) -> set[str]:
        """The operations that the cells take."""

    def aliases(self, trained: Trained) -> dict[str, str]:
        """Names of the template that mean one of several things; none by default."""
        return {}

    def source(self, trained: Trained) -> str:
        """The module."""
        facts, size = trained.facts, vars(trained.config.network)
        normalises = trained.reads_images  # arrays that were given in Python are read as they are
        constants: dict[str, object] = {
            **({"MEAN": tuple(facts["mean"]), "STD": tuple(facts["std"])} if normalises else {}),
            "IN_CHANNELS": facts["network"]["in_channels"],
            "NUM_CLASSES": facts["network"]["num_classes"],
            "CHANNELS": size["channels"],
            "CELLS": size["cells"],
            **self.cells(trained),
        }
        given, made = facts["input_shape"], [facts["network"]["num_classes"]]
        inputs, are = ("normalise(images)", "pixels from 0 to 1") if normalises else ("inputs", "as in the training")
        usage = (
            "network = load()  # ready to predict; weights.safetensors lies beside this file",
            f"logits = network({inputs})  # {_shape(given)}, {are}, to {_shape(made)}",
        )
        return written(
            self.template,
            docstring(trained, usage),
            constants={name: literal(value) for name, value in constants.items()},
            operations=self.taken(trained),
            aliases=self.aliases(trained),
            roots=("load", *(["normalise"] if normalises else [])),
        )


class CellFamily(ImageFamily):
    """Networks whose cells have edges, which become tables of (node, source, operation).

    Attributes:
        cell: the class of a cell, with its operations in `edges`.
        edges: (node, source) of each edge of a cell.
        tables: the name of the table of each kind of cell.
        prefixes: how names of tensors begin, and how they begin in the module, where that differs.
    """

    cell: ClassVar[type[nn.Module]]
    edges: ClassVar[tuple[tuple[int, int], ...]]
    tables: ClassVar[Mapping[str, str]]
    prefixes: ClassVar[Mapping[str, str]] = {}

    def cells(self, trained: Trained) -> dict[str, object]:
        """The tables; `none` is left out of them."""
        return {name: table(trained, kind, self.edges) for kind, name in self.tables.items()}

    def taken(self, trained: Trained) -> set[str]:
        """What stands in the tables."""
        return {operation for kind in self.tables for _, _, operation in table(trained, kind, self.edges)}

    def weights(self, trained: Trained) -> dict[str, Tensor]:
        """All tensors but those of an auxiliary head."""
        network = trained.model.network
        left_out = tuple(f"{name}." for name, module in network.named_modules() if isinstance(module, Auxiliary))
        prefixes = {**self.prefixes, **dict(self._operations(network))}
        return {
            renamed(name, prefixes): tensor.contiguous()
            for name, tensor in network.state_dict().items()
            if not name.startswith(left_out)
        }

    def _operations(self, network: Network) -> Iterator[tuple[str, str]]:
        """How the names of each operation's tensors begin here and in the module, where they stand as in the table."""
        for name, cell in network.named_modules():
            if isinstance(cell, self.cell):
                edges: Any = cell.edges
                held = [(edge, *item) for edge, options in enumerate(edges) for item in options.items()]
                kept = [(edge, option) for edge, option, operation in held if not isinstance(operation, Zero)]
                for place, (edge, option) in enumerate(kept):
                    yield f"{name}.edges.{edge}.{option}.", f"{name}.operations.{place}."


def docstring(trained: Trained, usage: tuple[str, ...]) -> str:
    """What a written module says of itself: how it is used, what it is, and how it was trained."""
    record, config = trained.record, trained.config
    options = config.train
    unit = " %" if "percent" in record["metric"] else ""
    measured = [f"{name.replace('_', ' ')} {value:.2f}{unit}" for name, value in trained.measured.items()]
    epochs = "1 epoch" if record["epochs"] == 1 else f"{record['epochs']} epochs"
    training = f"{epochs} of {record['data']} in batches of {options.batch_size}, seed {options.seed}"
    parts = (
        f"A network of the space {config.space.name}, trained on {record['data']}.",
        "\n".join(f"    {line}" for line in usage),
        f"Architecture: {config.text}",
        f"Training: {', '.join([training, *measured])}.",
        f"Written by supernas {version('supernas')}; needs torch and safetensors.",
    )
    return "\n\n".join(map(_wrapped, map(_printable, parts))) + "\n"


def _shape(sizes: list[int]) -> str:
    return f"[batch, {', '.join(map(str, sizes))}]"


def _printable(text: str) -> str:
    """Text that can stand in a docstring: a folder of data may have any name."""
    known = "".join(character if character.isprintable() or character == "\n" else "?" for character in text)
    return known.replace("\\", "/").replace('"', "'")


def _wrapped(text: str) -> str:
    if text.startswith(" "):
        return text
    return textwrap.fill(text, _WIDTH - 3, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False)


def table(trained: Trained, kind: str, edges: Sequence[tuple[int, int]]) -> list[tuple[int, int, str]]:
    """(node, source, operation) of a kind of cell, edge by edge; `none` is left out."""
    space = trained.config.space
    where = space.kinds[kind]
    held = sorted((pair for pair in trained.model.architecture.pairs if pair[0] in where), key=lambda pair: pair[0])
    named = [(*edges[choice - where.start], space.choices[choice].options[option]) for choice, option in held]
    return [entry for entry in named if entry[2] != "none"]


def renamed(name: str, prefixes: Mapping[str, str]) -> str:
    """A name of a tensor with another beginning."""
    for old, new in prefixes.items():
        if name.startswith(old):
            return new + name[len(old) :]
    return name

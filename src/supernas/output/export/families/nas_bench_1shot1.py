"""NAS-Bench-1Shot1 networks as readable source, without the blocks that nothing reads."""

from collections.abc import Iterator
from types import ModuleType
from typing import ClassVar, cast

from torch import Tensor, nn

from supernas.networks.nas_bench_1shot1 import Cell, DividedCell, OneShotNetwork
from supernas.output.export.families.base import ImageFamily, renamed
from supernas.output.export.templates import nas_bench_1shot1
from supernas.output.export.trained import Trained
from supernas.spaces.one_shot.cells import OneShotCells

__all__ = ["OneShotFamily"]

_Block = tuple[int, tuple[int, ...], str]


class OneShotFamily(ImageFamily):
    """One cell in three stages; its blocks have all channels or divide them."""

    network = OneShotNetwork
    template: ClassVar[ModuleType] = nas_bench_1shot1

    def cells(self, trained: Trained) -> dict[str, object]:
        """The blocks that are read, and what the output reads."""
        *blocks, output = _nodes(trained)
        return {"BLOCKS": output[0] - 1, "CELL": blocks, "OUTPUT": output[1]}

    def taken(self, trained: Trained) -> set[str]:
        """What the blocks that are read do."""
        return {operation for _, _, operation in _nodes(trained)[:-1]}

    def aliases(self, trained: Trained) -> dict[str, str]:
        """Which cell, and what follows the last."""
        if _divides(trained):
            return {"Cell": "DividedCell", "Head": "nn.Identity"}
        return {"Cell": "FullCell", "Head": "ReLUConvNorm"}

    def weights(self, trained: Trained) -> dict[str, Tensor]:
        """The tensors of what is read, under their names in the module."""
        nodes, network = _nodes(trained), trained.model.network
        kept = dict(_kept(network, [number for number, _, _ in nodes]))
        return {
            renamed(name, kept): tensor.contiguous()
            for name, tensor in network.state_dict().items()
            if not name.startswith("body.") or name.startswith(tuple(kept))
        }


def _divides(trained: Trained) -> bool:
    return bool(vars(trained.config.network)["width"] == "divided")


def _nodes(trained: Trained) -> list[_Block]:
    """(number, the nodes that it reads, operation) of each block that is read, and at last of the output."""
    space, architecture = cast(OneShotCells, trained.config.space), trained.model.architecture
    if _divides(trained):  # vertices are numbered anew where some are pruned
        module = space.module(architecture)
        return [(vertex, module.parents(vertex), name) for vertex, name in enumerate(module.operations) if vertex]
    names = [*space.operations_of(architecture), "output"]
    nodes = zip(space.read_by(architecture), names, strict=True)
    live = space.read_nodes(architecture)
    return [(number, *node) for number, node in enumerate(nodes, start=1) if number in live]


def _kept(network: nn.Module, numbers: list[int]) -> Iterator[tuple[str, str]]:
    """How the names of the tensors of what is read begin here and in the module, where they stand as in the table."""
    for name, cell in network.named_modules():
        if not isinstance(cell, Cell | DividedCell):
            continue
        for number in numbers:
            yield (f"{name}.projections.{number}.",) * 2
        for place, number in enumerate(numbers[:-1]):
            if isinstance(cell, DividedCell):
                here = f"vertices.{number - 1}"
            else:
                (option,) = cast(nn.ModuleDict, cell.blocks[number - 1])
                here = f"blocks.{number - 1}.{option}"
            yield f"{name}.{here}.", f"{name}.operations.{place}."

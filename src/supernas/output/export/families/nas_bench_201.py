"""NAS-Bench-201 networks as readable source."""

from collections.abc import Mapping
from types import ModuleType
from typing import ClassVar

from torch import nn

from supernas.networks.nas_bench_201 import Cell, NASBench201Network
from supernas.output.export.families.base import CellFamily
from supernas.output.export.templates import nas_bench_201
from supernas.spaces.nas_bench_201 import EDGES

__all__ = ["NASBench201Family"]


class NASBench201Family(CellFamily):
    """One cell in three stages."""

    network = NASBench201Network
    template: ClassVar[ModuleType] = nas_bench_201
    cell: ClassVar[type[nn.Module]] = Cell
    edges: ClassVar[tuple[tuple[int, int], ...]] = EDGES
    tables: ClassVar[Mapping[str, str]] = {"cell": "CELL"}

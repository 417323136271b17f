"""Networks of DARTS cells as readable source, without what only training needs: auxiliary head and drop path."""

from collections.abc import Mapping
from types import ModuleType
from typing import ClassVar, cast

from torch import nn

from supernas.networks.darts_cnn import Cell, DARTSCNNEvaluation, DARTSCNNNetwork
from supernas.output.export.families.base import CellFamily
from supernas.output.export.templates import darts_cnn
from supernas.output.export.trained import Trained
from supernas.spaces.darts.edges import EDGES

__all__ = ["DARTSCNNFamily"]

_STEMS = {"cifar": "CifarStem", "imagenet": "ImageNetStem"}


class DARTSCNNFamily(CellFamily):
    """A normal and a reduction cell."""

    network = DARTSCNNNetwork
    template: ClassVar[ModuleType] = darts_cnn
    cell: ClassVar[type[nn.Module]] = Cell
    edges: ClassVar[tuple[tuple[int, int], ...]] = EDGES
    tables: ClassVar[Mapping[str, str]] = {"normal": "NORMAL", "reduce": "REDUCE"}
    prefixes: ClassVar[Mapping[str, str]] = {"stem.": "stem.first.", "second_stem.": "stem.second."}

    def aliases(self, trained: Trained) -> dict[str, str]:
        """Which stem."""
        return {"Stem": _STEMS[cast(DARTSCNNEvaluation, trained.config.network).stem]}

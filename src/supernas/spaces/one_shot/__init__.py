"""What the spaces of NAS-Bench-1Shot1 are made of: cells of choice blocks, their modules in NAS-Bench-101, graphs."""

from supernas.spaces.one_shot.cells import OneShotCells
from supernas.spaces.one_shot.modules import OPERATIONS, Module

__all__ = ["OPERATIONS", "Module", "OneShotCells"]

"""The third space of NAS-Bench-1Shot1: five blocks, which read 1, 1, 1, 2 and 2 nodes, and an output that reads 2.

A. Zela, J. Siems and F. Hutter, "NAS-Bench-1Shot1: Benchmarking and Dissecting One-shot Neural Architecture Search",
ICLR 2020. `one_shot/cells.py` has what the three spaces share.
"""

from typing import ClassVar

from supernas.core.settings import settings
from supernas.spaces.one_shot.cells import OneShotCells

__all__ = ["OneShotCells3"]


@settings
class OneShotCells3(OneShotCells):
    """Cells of NAS-Bench-1Shot1's space 3.

    >>> space = OneShotCells3()
    >>> len(space), space.format(space[0])[54:]
    (1312200, 'conv3x3-bn-relu~0+1|conv3x3-bn-relu~0+1|output~0+1')
    """

    name = "nas-bench-1shot1-3"
    parents: ClassVar[tuple[int, ...]] = (1, 1, 1, 2, 2, 2)

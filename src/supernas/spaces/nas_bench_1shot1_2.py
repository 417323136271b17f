"""The second space of NAS-Bench-1Shot1: four blocks, which read 1, 1, 2 and 2 nodes, and an output that reads 3.

A. Zela, J. Siems and F. Hutter, "NAS-Bench-1Shot1: Benchmarking and Dissecting One-shot Neural Architecture Search",
ICLR 2020. `one_shot/cells.py` has what the three spaces share.
"""

from typing import ClassVar

from supernas.core.settings import settings
from supernas.spaces.one_shot.cells import OneShotCells

__all__ = ["OneShotCells2"]


@settings
class OneShotCells2(OneShotCells):
    """Cells of NAS-Bench-1Shot1's space 2.

    >>> space = OneShotCells2()
    >>> len(space), space.format(space[0])
    (29160, 'conv3x3-bn-relu~0|conv3x3-bn-relu~0|conv3x3-bn-relu~0+1|conv3x3-bn-relu~0+1|output~0+1+2')
    """

    name = "nas-bench-1shot1-2"
    parents: ClassVar[tuple[int, ...]] = (1, 1, 2, 2, 3)

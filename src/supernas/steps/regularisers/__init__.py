"""What regularises alternating methods, one file each; the folder lists itself."""

from typing import TYPE_CHECKING

from supernas.core.registry import Registry
from supernas.core.settings import unfit
from supernas.steps.contracts import Regulariser

__all__ = ["PARTS", "get", "names"]

PARTS = Registry(__name__, Regulariser, "regulariser", check=unfit)
names, get = PARTS.names, PARTS.get

if TYPE_CHECKING:
    from supernas.steps.regularisers._classes import *  # noqa: F403
else:
    __getattr__ = PARTS.by_class

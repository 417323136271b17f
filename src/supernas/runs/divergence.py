"""Losses and weights that are no longer numbers, and what is said of them."""

import math
from typing import Any, NoReturn

from torch import Tensor, nn

from supernas.core.errors import UserError
from supernas.core.spelling import assigned
from supernas.runs.checkpoint import checkpoint_exists
from supernas.runs.folder import RunFolder

__all__ = ["diverged", "holds_nan", "is_finite"]


def is_finite(network: nn.Module, *more: Tensor) -> bool:
    """Whether all weights, and other tensors, are numbers: one reduction over all of them, one look at the device."""
    return bool(nn.utils.get_total_norm([*network.parameters(), *more], math.inf).isfinite())


def holds_nan(tree: Any) -> bool:
    """Whether a tensor somewhere in a tree has an entry that is not a number."""
    if isinstance(tree, dict):
        return any(holds_nan(value) for value in tree.values())
    if isinstance(tree, list | tuple):
        return any(holds_nan(value) for value in tree)
    return isinstance(tree, Tensor) and tree.is_floating_point() and bool(tree.isnan().any())


def diverged(name: str, epoch: int, folder: RunFolder) -> NoReturn:
    """Stops a run whose loss or weights are no longer numbers.

    Raises:
        UserError: always.
    """
    saved = checkpoint_exists(folder.path)
    kept = f"the last good checkpoint is in {folder.path}" if saved else "nothing was saved yet"
    weights = folder.document["weights"]
    clip = "" if weights["clip"] else f", or clip gradients ({assigned('weights.clip', 5)})"
    raise UserError(
        f"{name} is not a finite number in epoch {epoch}; {kept}. "
        f"Try a weights.lr below {weights['lr']:g} ({assigned('weights.lr')}){clip}"
    )

"""Objectives that are weighted sums of the losses of several paths."""

from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.networks.base import Output
from supernas.steps.contracts import Metrics, RunPath

__all__ = ["WeightedPath", "backward_over_paths"]


class WeightedPath(NamedTuple):
    """A path, its weight in the loss, and the name under which its loss is reported; paths of one name as a mean."""

    architecture: Architecture
    weight: float
    name: str


def backward_over_paths(paths: Iterable[WeightedPath], run: RunPath, normalise: bool) -> tuple[Metrics, Output]:
    """Adds the gradient of sum_i weight_i * L(path_i) to the weights, path after path, so one graph is held at a time.

    Paths that occur twice are run once with the sum of their weights, a path of weight 0 is not run (the
    current one is, without a graph).

    Args:
        paths: the current path first.
        run: runs a path.
        normalise: divide by the sum of the weights, so that the learning rate means the same whatever their number.

    Returns:
        Metrics (`loss`, and the paths' own losses by name), and the first path's output.
    """
    paths = list(paths)
    total = sum(path.weight for path in paths) if normalise else 1.0
    merged: dict[Architecture, float] = {}
    for path in paths:
        merged[path.architecture] = merged.get(path.architecture, 0.0) + path.weight / total
    losses: dict[Architecture, Tensor] = {}
    current: Output | None = None
    for architecture, weight in merged.items():
        if weight == 0.0 and current is not None:
            continue
        with torch.set_grad_enabled(weight != 0.0):  # the current path's output is wanted even then
            loss, output = run(architecture)
        current = current or output
        if weight != 0.0:
            (weight * loss if weight != 1.0 else loss).backward()
        losses[architecture] = loss.detach()
    assert current is not None, "no path to train"
    whole = sum((merged[architecture] * loss for architecture, loss in losses.items()), start=0 * losses[paths[0][0]])
    named: dict[str, list[Tensor]] = {}
    for path in paths:
        if path.architecture in losses:
            named.setdefault(f"loss_{path.name}", []).append(losses[path.architecture])
    means = {name: torch.stack(ones).mean() for name, ones in named.items()}
    return {"loss": whole, **means}, current

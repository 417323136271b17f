"""Objectives that are weighted sums of the losses of several paths.

A loss is an expectation over images, and so is a sum of losses: paths need not see the same images. Where each sees its
own part of a random batch (`search.paths="split"`),

    g = sum over paths i of weight_i * grad of the mean loss of path i over part i,

the expectation of g over batches is the gradient of the whole sum, whatever the sizes of the parts. Sizes in proportion
to the weights give every image the same weight in g. Such a step looks at each image once, and g has the noise of one
batch. Batch statistics are those of a part.
"""

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.spelling import assigned
from supernas.networks.base import Output
from supernas.steps.contracts import Chosen, Metrics, Objective, RunPath, StateT, needs_rows

__all__ = ["PathSum", "WeightedPath", "backward_over_paths", "merged", "part_sizes"]

_SMALLEST = 2  # images of a part: one has no batch statistics


class WeightedPath(NamedTuple):
    """A path, its weight in the loss, and the name under which its loss is reported; paths of one name as a mean."""

    architecture: Architecture
    weight: float
    name: str


class PathSum(Objective[StateT]):
    """An objective that is a weighted sum of the losses of paths, which may share a batch.

    Attributes:
        normalise: divide the loss by the sum of its weights.
    """

    normalise: bool

    def refuses(self, chosen: Chosen) -> str:
        """Batches that are shared out and cannot be."""
        return needs_rows(chosen)

    @abstractmethod
    def paths(self, state: StateT, architecture: Architecture) -> list[WeightedPath]:
        """The paths of a step, the current one first; remembers what the next step must know."""

    def backward(self, state: StateT, architecture: Architecture, run: RunPath) -> tuple[Metrics, Output]:
        """Adds the gradient of the whole sum, path after path."""
        return backward_over_paths(self.paths(state, architecture), run, self.normalise)


def merged(paths: Iterable[WeightedPath], normalise: bool) -> dict[Architecture, float]:
    """The weight of each path that differs, in the order in which they come; with `normalise` their sum is 1."""
    paths = list(paths)
    total = sum(path.weight for path in paths) if normalise else 1.0
    weights: dict[Architecture, float] = {}
    for path in paths:
        weights[path.architecture] = weights.get(path.architecture, 0.0) + path.weight / total
    return weights


def part_sizes(images: int, weights: Sequence[float]) -> list[int]:
    """How many images of a batch each path gets: in proportion to its weight, rounded, but two at least.

    >>> part_sizes(64, [0.5, 0.25, 0.25])
    [32, 16, 16]

    Raises:
        UserError: if there are not that many images.
    """
    if images < _SMALLEST * len(weights):
        enough = 2 * _SMALLEST * len(weights)  # few data may bring batches down to half of what is asked for
        raise UserError(
            f"search.paths=split: a batch of {images} images has no {_SMALLEST} for each of {len(weights)} paths; give "
            f"{assigned('search.batch_size', enough)} or more, where the data have as many, or "
            f"{assigned('search.paths', 'whole')}"
        )
    total, sizes = sum(weights), [_SMALLEST] * len(weights)
    for _ in range(images - sum(sizes)):  # the next image goes where most is missing
        missing = [images * weight / total - size for weight, size in zip(weights, sizes, strict=True)]
        sizes[missing.index(max(missing))] += 1
    return sizes


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
    weights = merged(paths, normalise)
    losses: dict[Architecture, Tensor] = {}
    current: Output | None = None
    for architecture, weight in weights.items():
        if weight == 0.0 and current is not None:
            continue
        with torch.set_grad_enabled(weight != 0.0):  # the current path's output is wanted even then
            loss, output = run(architecture)
        current = current or output
        if weight != 0.0:
            (weight * loss if weight != 1.0 else loss).backward()
        losses[architecture] = loss.detach()
    assert current is not None, "no path to train"
    whole = sum((weights[architecture] * loss for architecture, loss in losses.items()), start=0 * losses[paths[0][0]])
    named: dict[str, list[Tensor]] = {}
    for path in paths:
        if path.architecture in losses:
            named.setdefault(f"loss_{path.name}", []).append(losses[path.architecture])
    means = {name: torch.stack(ones).mean() for name, ones in named.items()}
    return {"loss": whole, **means}, current

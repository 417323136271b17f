"""What every proxy is: a number for a network that was never trained, or several that become one among candidates.

A proxy *measures* a network by itself, in one part or in several, and then *scores* a set of candidates by what was
measured of each. For most there is one part, which is the score; a sum of ranks needs them all.

The published networks of zero-cost proxies normalise with the statistics of the batch and learn no scale and shift. A
stand-alone network of form `evaluation` in training mode is the same: its scales are 1 and its shifts 0 at the start.
Scores count the weights of convolutions and linear layers alone, as published.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from supernas.data import Batch
from supernas.networks.base import Auxiliary, Standalone

__all__ = ["Loss", "Measures", "Needs", "Proxy", "Value", "gradients", "weighted_layers", "weights"]

Loss = Callable[[Tensor, Tensor], Tensor]
"""Of (prediction, target), a mean over the batch."""

Value = Tensor | float
"""A number that is not finite where it is not defined."""

Measures = tuple[float, ...]
"""What a proxy measures of one network, in the order of its parts: finite numbers, and NaN where one is not defined."""

Needs = Literal["shape", "images", "labels"]
"""What a proxy looks at: the shape of the images alone, the images, or their labels too."""


class Proxy(ABC):
    """A score of an architecture's untrained network: a settings class.

    Attributes:
        direction: whether a good score is large (`max`) or small (`min`).
        reference: where it was published.
    """

    direction: ClassVar[Literal["max", "min"]] = "max"
    reference: ClassVar[str]

    @property
    @abstractmethod
    def needs(self) -> Needs:
        """What of the batch decides what it measures."""

    @property
    @abstractmethod
    def live_only(self) -> bool:
        """Whether edges on no path from input to output leave what it measures as it is.

        Such architectures measure alike, up to the draw of initial weights. Those of one canonical form need not: a
        form of NAS-Bench-201 does not tell one convolution that is read twice from two convolutions.
        """

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of what it measures of a network, which differ; one part needs no name."""
        return ("",)

    @abstractmethod
    def value(
        self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator
    ) -> Value | Sequence[Value]:
        """What it measures, in the order of its parts. The network is in training mode, and for this alone."""

    def scores(self, measures: np.ndarray) -> np.ndarray:
        """The scores of some candidates [candidates]: finite, or `worst` where one is not defined.

        Args:
            measures: what was measured of each [candidates, parts]; NaN where it is not defined.
        """
        (only,) = measures.T
        return np.where(np.isnan(only), self.worst, only)

    def measure(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Measures:
        """What it measures of a network (nothing is defined where nothing leads from input to output, say).

        Args:
            network: the untrained network; it is left as it was.
            batch: images [batch, channels, height, width] and labels [batch].
            loss: of (prediction, target).
            generator: of all that is drawn.
        """
        mine = copy.deepcopy(network, {id(network.network.space): network.network.space}).train()
        device = batch.inputs.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.enable_grad():
            torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))  # noise operations draw from it
            found = self.value(mine, batch, loss, generator)
        return tuple(_number(part) for part in (found if isinstance(found, Sequence) else [found]))

    @property
    def worst(self) -> float:
        """The lowest score, of a network whose score is not defined: an infinity."""
        return -math.inf if self.direction == "max" else math.inf

    def rising(self, scores: np.ndarray) -> np.ndarray:
        """Scores, so that larger is better."""
        return scores if self.direction == "max" else -scores

    def better(self, one: float, other: float) -> bool:
        """Whether score `one` is better than `other`."""
        return one > other if self.direction == "max" else one < other


def _number(value: Value) -> float:
    number = float(value.detach() if isinstance(value, Tensor) else value) + 0.0  # no -0
    return number if math.isfinite(number) else math.nan


def weighted_layers(network: nn.Module) -> list[nn.Conv2d | nn.Linear]:
    """The convolutions and linear layers of a network, without those that only help training."""
    left_out = {
        id(inner) for module in network.modules() if isinstance(module, Auxiliary) for inner in module.modules()
    }
    return [
        module
        for module in network.modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and id(module) not in left_out
    ]


def weights(network: nn.Module) -> list[Tensor]:
    """Their weights."""
    return [layer.weight for layer in weighted_layers(network)]


def gradients(of: Tensor, tensors: list[Tensor], graph: bool = False) -> list[Tensor]:
    """The gradient of a scalar in each tensor, 0 where it does not depend on it.

    `graph` says whether the gradients have a graph of their own.
    """
    return list(torch.autograd.grad(of, tensors, create_graph=graph, allow_unused=True, materialize_grads=True))

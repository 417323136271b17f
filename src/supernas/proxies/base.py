"""What every proxy is: a number for a network that was never trained.

The published networks of zero-cost proxies normalise with the statistics of the batch and learn no scale and shift. A
stand-alone network of form `evaluation` in training mode is the same: its scales are 1 and its shifts 0 at the start.
Scores count the weights of convolutions and linear layers alone, as published.
"""

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from supernas.data import Batch
from supernas.networks.base import Auxiliary, Standalone

__all__ = ["Loss", "Needs", "Proxy", "gradients", "weighted_layers", "weights"]

Loss = Callable[[Tensor, Tensor], Tensor]
"""Of (prediction, target), a mean over the batch."""

Needs = Literal["shape", "images", "labels"]
"""What a proxy looks at: the shape of the images alone, the images, or their labels too."""


class Proxy(ABC):
    """A score of an architecture's untrained network: a settings class.

    Attributes:
        direction: whether a good score is large (`max`) or small (`min`).
        needs: what of the batch decides the score.
        live_only: whether edges on no path from input to output leave the score as it is. Such architectures score
            alike, up to the draw of initial weights. Those of one canonical form need not: a form of NAS-Bench-201 does
            not tell one convolution that is read twice from two convolutions.
        reference: where it was published.
    """

    direction: ClassVar[Literal["max", "min"]] = "max"
    needs: ClassVar[Needs]
    live_only: ClassVar[bool]
    reference: ClassVar[str]

    @abstractmethod
    def value(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> Tensor | float:
        """The score, not finite where it is not defined. The network is in training mode, and for this score alone."""

    def score(self, network: Standalone, batch: Batch, loss: Loss, generator: torch.Generator) -> float:
        """The score of a network: finite, or `worst` where it is not defined (nothing leads from input to output, say).

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
            score = self.value(mine, batch, loss, generator)
        value = float(score.detach() if isinstance(score, Tensor) else score) + 0.0  # no -0
        return value if math.isfinite(value) else self.worst

    @property
    def worst(self) -> float:
        """The lowest score, of a network whose score is not defined: an infinity."""
        return -math.inf if self.direction == "max" else math.inf

    def better(self, one: float, other: float) -> bool:
        """Whether score `one` is better than `other`."""
        return one > other if self.direction == "max" else one < other


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

"""How architecture parameters become a weights matrix `W`, and the options that run.

Each function takes kind -> Float[choices, options] and gives the same shapes. Options that a network does not hold
(`option_mask`, kind -> bool[choices, options]) get weight 0. A relaxation is a method's way from alpha to what runs:
its mean, and, where it is random, draws.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple, cast

import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.core.progress import Progress
from supernas.networks.base import Mixture, Weights
from supernas.spaces.base import Space

__all__ = [
    "RandomRelaxation",
    "Relaxation",
    "Relaxed",
    "Softmax",
    "Support",
    "crossed",
    "derived",
    "dirichlet",
    "gumbel",
    "option_mask_of",
    "same_node_of",
    "softmax",
    "straight_through",
]

Matrices = Mapping[str, Tensor]


class Support(NamedTuple):
    """What a relaxation gives weight to: a space, the options of it that the network holds (kind -> bool[choices,
    options]), and, for those with logits of edges, which choices enter the same node (kind -> bool[choices, choices]).
    They lie where alpha does.
    """

    space: Space
    option_mask: Matrices
    same_node: Matrices = MappingProxyType({})


class Relaxation(ABC):
    """From alpha to a weights matrix.

    Attributes:
        edges: whether alpha holds a logit of each edge too, `<kind> edges` -> Float[choices].
        on_host: whether a draw must know the values of alpha (it decides which options run, or is made by a sampler
            that needs them): alpha then lies on the host, and `W` crosses over to the network (`crossed`).
    """

    edges: ClassVar[bool] = False
    on_host: ClassVar[bool] = False

    @abstractmethod
    def mean(self, alpha: Matrices, support: Support) -> dict[str, Tensor]:
        """The weights matrix of which the derived architecture has the largest entries, differentiable in alpha."""


class RandomRelaxation(Relaxation):
    """From alpha to a distribution over weights matrices."""

    @abstractmethod
    def draw(self, alpha: Matrices, support: Support, progress: Progress, generator: torch.Generator) -> Mixture:
        """A draw of what runs, differentiable in alpha."""


@dataclass(frozen=True)
class Softmax(Relaxation):
    """The softmax at each choice (DARTS, Eq. 2)."""

    def mean(self, alpha: Matrices, support: Support) -> dict[str, Tensor]:
        """As it is."""
        return softmax(alpha, support.option_mask)


class Relaxed(NamedTuple):
    """`W` (kind -> Float[choices, options]) and the architecture whose options are active in the forward pass."""

    W: Weights
    architecture: Architecture


def softmax(logits: Matrices, option_mask: Matrices, temperature: float = 1.0) -> dict[str, Tensor]:
    """The softmax at each choice over the options that are held (DARTS, Eq. 2)."""
    return {
        kind: (logits[kind] / temperature).masked_fill(~mask, -torch.inf).softmax(dim=-1)
        for kind, mask in option_mask.items()
    }


def gumbel(
    logits: Matrices, option_mask: Matrices, temperature: float, generator: torch.Generator, noise: float = 1.0
) -> dict[str, Tensor]:
    """A draw from the Gumbel-softmax (concrete) distribution: softmax((logits + noise * g) / temperature), g Gumbel.

    With `noise=0` nothing is drawn and it is the softmax. Draws are never degenerate: the exponential variable whose
    logarithm is -g is kept off 0.

    E. Jang, S. Gu and B. Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017.
    """
    if noise == 0:
        return softmax(logits, option_mask, temperature)
    noisy = {}
    for kind, matrix in logits.items():
        exponential = torch.empty(matrix.shape, dtype=matrix.dtype).exponential_(generator=generator)
        g = -exponential.clamp_min(torch.finfo(matrix.dtype).tiny).log()
        noisy[kind] = matrix + noise * g.to(matrix.device)
    return softmax(noisy, option_mask, temperature)


def dirichlet(concentrations: Matrices, option_mask: Matrices, generator: torch.Generator) -> dict[str, Tensor]:
    """A draw from the Dirichlet distribution at each choice, with the gradient of implicit reparameterisation.

    The concentrations lie where the generator does. A Dirichlet vector is a vector of independent Gamma variables
    divided by its sum; the Gamma variables carry their derivative in the concentration (M. Figurnov, S. Mohamed and A.
    Mnih, "Implicit Reparameterization Gradients", NeurIPS 2018).
    """
    drawn = {}
    for kind, concentration in concentrations.items():
        gamma = torch._standard_gamma(concentration, generator=generator)
        gamma = gamma.clamp_min(torch.finfo(concentration.dtype).tiny) * option_mask[kind]
        drawn[kind] = gamma / gamma.sum(dim=-1, keepdim=True)
    return drawn


class _Crossing(torch.autograd.Function):
    """A tensor of the host on another device; its gradient comes back."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, device: torch.device) -> Tensor:
        ctx.home = value.device
        return value.to(device, non_blocking=True)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return brought_home(gradients[0], ctx.home), None


def brought_home(gradient: Tensor, home: torch.device) -> Tensor:
    """A gradient on the device where its variable lies. The one place where a step waits for a device."""
    return gradient.to(home)


def crossed(W: Weights, device: torch.device) -> Weights:
    """A weights matrix on the network's device, with a gradient to where it was made; nothing if it is there."""
    return {
        kind: matrix if matrix.device == device else cast(Tensor, _Crossing.apply(matrix, device))
        for kind, matrix in W.items()
    }


def straight_through(probabilities: Matrices, space: Space, architecture: Architecture | None = None) -> Relaxed:
    """An architecture as a 0/1 `W` whose gradient is that of the probabilities.

    Args:
        probabilities: kind -> Float[choices, options], differentiable in the architecture parameters.
        space: says which architecture the probabilities mean.
        architecture: which; by default the one that the space derives from the probabilities.
    """
    if architecture is None:
        architecture = derived(probabilities, space)
    hard = space.matrices(architecture)
    W = {kind: torch.as_tensor(hard[kind]).to(p) + (p - p.detach()) for kind, p in probabilities.items()}
    return Relaxed(W, architecture)


def derived(W: Weights, space: Space) -> Architecture:
    """The architecture that the space derives from a weights matrix: that of its largest entries."""
    return space.derive({kind: matrix.detach().cpu().numpy() for kind, matrix in W.items()})


def option_mask_of(space: Space, pairs: tuple[Pair, ...], device: torch.device) -> dict[str, Tensor]:
    """Which options a network of these pairs holds: kind -> bool[choices, options]."""
    return {
        kind: torch.as_tensor(matrix, device=device) > 0 for kind, matrix in space.matrices(Architecture(pairs)).items()
    }


def same_node_of(space: Space, device: torch.device) -> dict[str, Tensor]:
    """Which choices enter the same node: kind -> bool[choices, choices]."""
    ends = {kind: torch.tensor([space.ends(choice)[1] for choice in where]) for kind, where in space.kinds.items()}
    return {kind: (nodes[:, None] == nodes[None, :]).to(device) for kind, nodes in ends.items()}

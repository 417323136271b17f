"""How architecture parameters become a weights matrix `W`, and the options that run.

Each function takes kind -> Float[choices, options] and gives the same shapes. Options that a network does not hold
(`held`, kind -> bool[choices, options]) get weight 0.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.networks.base import Weights
from supernas.spaces.base import Space

__all__ = ["Relaxed", "derived", "dirichlet", "gumbel", "held_options", "softmax", "straight_through"]

Matrices = Mapping[str, Tensor]


class Relaxed(NamedTuple):
    """`W` (kind -> Float[choices, options]) and the architecture whose options are active in the forward pass."""

    W: Weights
    architecture: Architecture


def softmax(logits: Matrices, held: Matrices, temperature: float = 1.0) -> dict[str, Tensor]:
    """The softmax at each choice over the options that are held (DARTS, Eq. 2)."""
    return {
        kind: (one / temperature).masked_fill(~held[kind], -torch.inf).softmax(dim=-1) for kind, one in logits.items()
    }


def gumbel(
    logits: Matrices, held: Matrices, temperature: float, generator: torch.Generator, noise: float = 1.0
) -> dict[str, Tensor]:
    """A draw from the Gumbel-softmax (concrete) distribution: softmax((logits + noise * g) / temperature), g Gumbel.

    With `noise=0` nothing is drawn and it is the softmax. Draws are never degenerate: the exponential variable whose
    logarithm is -g is kept off 0.

    E. Jang, S. Gu and B. Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017.
    """
    if noise == 0:
        return softmax(logits, held, temperature)
    noisy = {}
    for kind, one in logits.items():
        exponential = torch.empty(one.shape, dtype=one.dtype).exponential_(generator=generator)
        g = -exponential.clamp_min(torch.finfo(one.dtype).tiny).log()
        noisy[kind] = one + noise * g.to(one.device)
    return softmax(noisy, held, temperature)


def dirichlet(concentrations: Matrices, held: Matrices, generator: torch.Generator) -> dict[str, Tensor]:
    """A draw from the Dirichlet distribution at each choice, with the gradient of implicit reparameterisation.

    A Dirichlet vector is a vector of independent Gamma variables divided by its sum; the Gamma variables carry their
    derivative in the concentration (M. Figurnov, S. Mohamed and A. Mnih, "Implicit Reparameterization Gradients",
    NeurIPS 2018).
    """
    drawn = {}
    for kind, one in concentrations.items():
        gamma = torch._standard_gamma(one.cpu(), generator=generator).to(one.device)
        gamma = gamma.clamp_min(torch.finfo(one.dtype).tiny) * held[kind]
        drawn[kind] = gamma / gamma.sum(dim=-1, keepdim=True)
    return drawn


def straight_through(
    probabilities: Matrices, space: Space, device: torch.device, architecture: Architecture | None = None
) -> Relaxed:
    """An architecture as a 0/1 `W` whose gradient is that of the probabilities.

    Args:
        probabilities: kind -> Float[choices, options], differentiable in the architecture parameters.
        space: says which architecture the probabilities mean.
        device: where the network is; the probabilities may be elsewhere.
        architecture: which; by default the one that the space derives from the probabilities.
    """
    if architecture is None:
        architecture = derived(probabilities, space)
    hard = space.matrices(architecture)
    W = {kind: (torch.as_tensor(hard[kind]).to(p) + (p - p.detach())).to(device) for kind, p in probabilities.items()}
    return Relaxed(W, architecture)


def derived(W: Weights, space: Space) -> Architecture:
    """The architecture that the space derives from a weights matrix: that of its largest entries."""
    return space.derive({kind: matrix.detach().cpu().numpy() for kind, matrix in W.items()})


def held_options(space: Space, pairs: tuple[Pair, ...], device: torch.device) -> dict[str, Tensor]:
    """Which options a network of these pairs holds: kind -> bool[choices, options]."""
    return {
        kind: torch.as_tensor(matrix, device=device) > 0 for kind, matrix in space.matrices(Architecture(pairs)).items()
    }

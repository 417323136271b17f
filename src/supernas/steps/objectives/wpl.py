r"""WPL: the weights that the current path shares with the last one are held where the last one left them.

Y. Benyahia et al., "Overcoming Multi-Model Forgetting", ICML 2019; Eq. 4 of NSAS (M. Zhang et al., CVPR 2020):

    L_WPL(w_b) = L_c(w_b) + eta R(w_b) + sum over shared i of (epsilon / 2) F_i (w_i - w*_i)^2

with F the diagonal of the Fisher information for the last architecture a, w* the weights after a was trained, "shared"
what a and b both run, and eta R the optimiser's weight decay. NSAS's print of Eq. 4 lacks the square.

- Where every architecture gets one step, w = w* at the only moment at which the gradient is taken, and the term never
  acts: that is what the released code does with one batch an architecture, and `hold=1` here (a test shows it). So w*
  and F are renewed every `hold` steps, from the architecture that was trained last, and hold the steps in between.
- F is the square of the gradient, `fisher="batch"` of the batch's mean loss as in the released code, which costs
  nothing, or `"sample"` the mean over the first `samples` images of the squared gradients of their own losses, which is
  what the Fisher information (with the true labels) means, by as many backward passes in one.
- F is a running average with weight `decay` on the old one, as released.
- Gradient descent diverges where the learning rate times epsilon F exceeds 2; the released code clips F by its norm,
  here epsilon F is at most `largest`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture
from supernas.core.ranks import averaged, size
from supernas.core.settings import Unused, setting, settings
from supernas.core.spelling import assigned
from supernas.core.state import UNSAVED, State
from supernas.networks.base import Network, Output
from supernas.spaces.base import Space
from supernas.steps.contracts import Chosen, Metrics, Objective, RunPath, needs_paths, needs_range

__all__ = ["WPL", "squared_gradients"]


@dataclass
class Anchor(State):
    """Fisher information and anchored weights by name, and the squared gradients that the next anchor takes up."""

    network: Network = field(metadata=UNSAVED)
    fisher: dict[str, Tensor] = field(default_factory=dict)
    weights: dict[str, Tensor] = field(default_factory=dict)
    squares: dict[str, Tensor] = field(default_factory=dict)
    steps: int = 0


@settings
class WPL(Objective[Anchor]):
    """Holds the weights shared with the last path by their Fisher information (weight plasticity loss)."""

    shares_stem: ClassVar[bool] = False

    epsilon: float = setting(1e4, "strength of the hold", equation="Eq. 4", ge=0)
    hold: int = setting(10, "steps from one anchor to the next", ge=1)
    decay: float = setting(0.1, "weight of the old Fisher information in its running average", ge=0, lt=1)
    fisher: Literal["batch", "sample"] = setting("batch", "squared gradients of the mean loss, or of single images")
    samples: int = setting(8, "images whose gradients are squared with fisher='sample'", ge=1)
    largest: float = setting(10.0, "epsilon times Fisher information is at most this", gt=0)

    def unused(self) -> Iterator[Unused]:
        """The hold, where it has no strength; single images, where the batch's gradient is squared."""
        if self.epsilon == 0:
            yield Unused(("hold", "decay", "fisher", "samples", "largest"), "epsilon=0", "epsilon above 0")
        elif self.fisher == "batch":
            yield Unused(("samples",), "fisher=batch", "fisher=sample")

    def refuses(self, chosen: Chosen) -> str:
        """Methods of mixtures, batches that are shared out among paths, single images of what devices normalise
        together, and float16.
        """
        if chosen.synchronised and self.fisher == "sample":
            return (
                "with fisher=sample does not go with search.statistics=synchronised: no image has a gradient of its "
                f"own where all are normalised together; give {assigned('objective.fisher', 'batch')}"
            )
        why = "it holds the weights that one architecture shares with the last (Eq. 4 of NSAS)"
        squares = "it squares gradients and remembers them, of which now and then one is not finite"
        return needs_paths(chosen, why) or needs_range(chosen, squares) or super().refuses(chosen)

    def init(self, network: Network, space: Space, seed: int) -> Anchor:
        """No anchor yet."""
        return Anchor(network)

    def backward(self, state: Anchor, architecture: Architecture, run: RunPath) -> tuple[Metrics, Output]:
        """One path; its gradient plus that of the hold."""
        if self.epsilon == 0:
            loss, output = run(architecture)
            loss.backward()
            return {"loss": loss.detach()}, output
        if state.squares:
            self._anchor(state)
        loss, output = run(architecture)
        state.steps += 1
        last = state.steps % self.hold == 0
        if last and self.fisher == "sample":
            rows = -(-self.samples // size())
            squares = squared_gradients(loss, output.prediction, state.network, rows)
            state.squares = dict(zip(squares, averaged(list(squares.values())), strict=True))
        loss.backward()
        if last and self.fisher == "batch":
            state.squares = {name: g.square() for name, g in _gradients(state.network).items()}
        penalty = self._hold(state)
        return {"loss": loss.detach() + penalty, "loss_current": loss.detach(), "hold": penalty}, output

    def _anchor(self, state: Anchor) -> None:
        """The weights as the last step left them become w*, and its squared gradients enter F."""
        present = dict(state.network.named_parameters())
        for name, square in state.squares.items():
            old = state.fisher.get(name)
            state.fisher[name] = square if old is None else self.decay * old + (1 - self.decay) * square
        state.weights = {name: present[name].detach().clone() for name in state.squares}
        state.squares = {}

    def _hold(self, state: Anchor) -> Tensor:
        """Adds the gradient of the hold to that of the shared weights; its value."""
        penalty = torch.zeros((), device=next(state.network.parameters()).device)
        for name, parameter in state.network.named_parameters():
            if parameter.grad is not None and name in state.weights:
                strength = (self.epsilon * state.fisher[name]).clamp_max(self.largest)
                moved = parameter.detach() - state.weights[name]
                parameter.grad.add_(strength * moved)
                penalty = penalty + (strength * moved.square()).sum() / 2
        return penalty


def squared_gradients(loss: Tensor, prediction: Tensor, network: nn.Module, samples: int) -> dict[str, Tensor]:
    """The mean over the first `samples` rows of the squared gradients of each row's own loss, by parameter name.

    With loss = mean over n of l(prediction[n]), the gradient of l_n in the weights is the vector-Jacobian product of
    prediction with n times row n of d loss / d prediction: all rows go back through the network as one batch. Graphs
    are kept; parameters without a gradient are left out.
    """
    named = {name: parameter for name, parameter in network.named_parameters() if parameter.requires_grad}
    (rows,) = torch.autograd.grad(loss, prediction, retain_graph=True)
    count = min(samples, len(rows))
    cotangents = torch.zeros(count, *rows.shape, dtype=rows.dtype, device=rows.device)
    index = torch.arange(count, device=rows.device)
    cotangents[index, index] = rows[:count] * len(rows)
    found = torch.autograd.grad(
        prediction, list(named.values()), cotangents, is_grads_batched=True, retain_graph=True, allow_unused=True
    )
    return {name: g.square().mean(dim=0) for name, g in zip(named, found, strict=True) if g is not None}


def _gradients(network: nn.Module) -> dict[str, Tensor]:
    found = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    return dict(zip(found, averaged(list(found.values())), strict=True))

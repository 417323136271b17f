r"""SDARTS (SmoothDARTS): weights that are good around the mixture, not at one point.

X. Chen and C.-J. Hsieh, "Stabilizing Differentiable Architecture Search via Perturbation-based Regularization", ICML
2020 (Eq. 6-10, Algorithm 1):

    w     <- w - grad_w L_train(w, W + delta)
    alpha <- alpha - grad_alpha L_val(w, W),    W = softmax(alpha)

    random (SDARTS-RS):       delta ~ Uniform(-epsilon, epsilon)
    adversarial (SDARTS-ADV): delta = argmax over |delta|_inf <= epsilon of L_train(w, W + delta), by projected
                              gradient ascent from such a draw: delta <- clip(delta + rate sign(grad)), `steps` times

where W + delta is brought back to a mixture: clipped to [0, 1] and divided by its sum at each choice. epsilon grows by
epochs from `epsilon_start` towards `epsilon`. The derived architecture has the largest entries of W.

- The perturbation is one of W, as in the released code, not of the logits; so is the way back to a mixture, after which
  an entry may be a little further off than epsilon. Its ascent goes 2 epsilon / steps a step, and what it found is left
  out where its loss is less than that of W.
- The ascent sees the network as it is trained; the released code puts it into evaluation mode.
- The adversarial form takes `steps` + 2 passes more.
- Published (NAS-Bench-201): 100 epochs, epsilon from 0.03 to 0.3, 7 steps, Adam at 3e-4, alpha before the weights,
  weight decay 3e-4, momentum without Nesterov's correction. `adam` counts its 39,100 steps (lr times steps is 11.7).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, Literal

import torch
from torch import Tensor

from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.ranks import averaged
from supernas.core.settings import Unused, refuse_unused, setting, settings
from supernas.data import Batch
from supernas.methods.base import AlphaState, FirstOrder
from supernas.networks.base import Mixture, Weights
from supernas.steps.hypergradients import gradients_of
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import crossed

__all__ = ["SDARTS"]


@settings
class SDARTS(FirstOrder):
    """First-order DARTS whose weights are trained on a perturbed mixture: at random, or for the worst."""

    carries_others: ClassVar[bool] = False
    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {
        "search": {"epochs": 100},
        "weights": {"weight_decay": 3e-4, "nesterov": False},
    }
    weights_on, alpha_on = "mean", "mean"
    first = "alpha"  # as released

    adam: AdamSettings = setting(AdamSettings(lr_times_steps=11.7, published_steps=39_100), "how alpha is moved")
    perturbation: Literal["random", "adversarial"] = setting(
        "random", "delta: a uniform draw (SDARTS-RS), or the worst that is found (SDARTS-ADV)", equation="Eq. 6, 9"
    )
    epsilon: float = setting(0.3, "largest entry of delta at the end of the search", equation="Eq. 6", ge=0, le=1)
    epsilon_start: float = setting(0.03, "the same at its start; it grows linearly by epochs", ge=0, le=1)
    steps: int = setting(7, "of the ascent of the adversarial form", equation="Eq. 10", ge=1)

    def unused(self) -> Iterator[Unused]:
        """How the perturbation is found, where there is none."""
        if self.epsilon == 0:
            yield Unused(("perturbation", "steps"), "epsilon=0", "epsilon above 0")

    def __post_init__(self) -> None:
        if self.perturbation == "random":
            refuse_unused(self, ("steps",), "perturbation=random")
        if self.epsilon_start > self.epsilon:
            raise ValueError(f"epsilon_start is {self.epsilon_start}, more than epsilon, {self.epsilon}, where it ends")

    def weights_forward(self, state: AlphaState, batch: Batch, progress: Progress) -> Mixture:
        """W + delta."""
        W = {kind: matrix.detach() for kind, matrix in self.relax(state, state.alpha).items()}
        epsilon, mask = self.reach(progress), crossed(state.support.option_mask, state.context.device)
        drawn = {
            kind: matrix + delta for (kind, matrix), delta in zip(W.items(), noise(W, epsilon, state), strict=True)
        }
        start = as_mixture(drawn, mask)
        if self.perturbation == "random":
            return Mixture(start)

        def loss(at: Weights) -> Tensor:
            return state.trainer.look_at_train(batch, Mixture(at))

        return Mixture(self._worst(loss, W, start, epsilon, mask, state.trainer.allows))

    def reach(self, progress: Progress) -> float:
        """Epsilon of this epoch."""
        return self.epsilon_start + (self.epsilon - self.epsilon_start) * progress.epoch / progress.epochs

    def _worst(
        self,
        loss: Callable[[Weights], Tensor],
        W: Weights,
        start: Weights,
        epsilon: float,
        mask: Mapping[str, Tensor],
        allows: Callable[[Sequence[Tensor]], bool],
    ) -> Weights:
        """The end of the ascent from `start`, which goes as far as gradients allow it, or W itself where that is worse
        already.
        """
        worst, rate = start, 2 * epsilon / self.steps
        for _ in range(self.steps):
            leaves = {kind: matrix.detach().requires_grad_() for kind, matrix in worst.items()}
            gradients = gradients_of(loss(leaves), list(leaves.values()))
            if not allows(gradients):
                break
            moved = {
                kind: W[kind] + (matrix.detach() + rate * gradient.sign() - W[kind]).clamp(-epsilon, epsilon)
                for (kind, matrix), gradient in zip(leaves.items(), gradients, strict=True)
            }
            worst = as_mixture(moved, mask)
        with torch.no_grad():
            at_worst, at_mean = averaged([loss(worst), loss(W)])
            keeps = at_worst >= at_mean
        return {kind: torch.where(keeps, worst[kind], matrix) for kind, matrix in W.items()}


def noise(W: Weights, epsilon: float, state: AlphaState) -> list[Tensor]:
    """A uniform draw between -epsilon and epsilon for each entry."""
    drawn = [torch.rand(matrix.shape, generator=state.generator, dtype=matrix.dtype) for matrix in W.values()]
    return [(epsilon * (2 * one - 1)).to(matrix.device) for one, matrix in zip(drawn, W.values(), strict=True)]


def as_mixture(W: Weights, mask: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Entries clipped to [0, 1] and divided by their sum at each choice; where all are 0, the largest takes all."""
    made = {}
    for kind, matrix in W.items():
        clipped = matrix.clamp(0, 1) * mask[kind]
        largest = torch.nn.functional.one_hot(
            matrix.masked_fill(~mask[kind], -torch.inf).argmax(dim=-1), matrix.shape[-1]
        )
        clipped = torch.where(clipped.sum(dim=-1, keepdim=True) > 0, clipped, largest.to(clipped))
        made[kind] = clipped / clipped.sum(dim=-1, keepdim=True)
    return made

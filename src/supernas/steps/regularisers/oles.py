r"""Operations that stop learning when they begin to overfit: operation-level early stopping (OLES).

S. Jiang, Z. Ji, G. Zhu, C. Yuan and Y. Huang, "Operation-Level Early Stopping for Robustifying Differentiable NAS",
NeurIPS 2023 (gradient matching and Algorithm 1). Of each operation o of each cell, over M steps,

    GM(o) = mean over the steps of cos(grad_{w_o} L_train, grad_{w_o} L_val)
    w_o is frozen for the rest of the search where GM(o) < threshold

since weights are trained on other data than alpha, and what they learn of the training images alone makes operations
without weights look better than they are.

- Published: M = 20 steps and a threshold of 0.4, as in the released code (DARTS's space, 50 epochs).
- The cosine is that of the operation's whole gradient; the released code averages it over the columns of each tensor.
- Both gradients are taken at the same weights and mixture; in the released code one step of the weights, and one of
  alpha, lies between them, where the second comes without a pass of its own. Here it takes one pass more.
- An operation is judged by the steps in which it ran, where paths are trained: the M-th of them.
- Frozen is without a gradient: neither momentum nor decay moves it. What is frozen is decided on the host, once in M
  steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from supernas.core.ranks import averaged
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED, State
from supernas.networks.base import Mixture
from supernas.steps.contracts import Chosen, Metrics, Regulariser, SearchContext, StepView
from supernas.steps.hypergradients import gradients_of

__all__ = ["OLES"]


@dataclass
class Judged(State):
    """What each operation's gradients were like lately.

    Attributes:
        places: where each operation's weights are among all, in the optimiser's order.
        matched: sum of the cosines since it was judged last.
        steps: how many these are.
        frozen: whether it has stopped learning.
    """

    places: list[list[int]] = field(metadata=UNSAVED)
    matched: list[Tensor]
    steps: list[int]
    frozen: list[bool]


@settings
class OLES(Regulariser[Judged]):
    """Freezes operations whose training and validation gradients no longer match (OLES)."""

    threshold: float = setting(0.4, "smallest mean cosine at which an operation goes on learning", ge=-1, le=1)
    window: int = setting(20, "M: steps that the mean is over", ge=1)

    def refuses(self, chosen: Chosen) -> str:
        """Spaces whose networks do not name their options."""
        if refusal := super().refuses(chosen):
            return refusal
        if chosen.space.network_class.has_option_modules():
            return ""
        name = chosen.space.name
        return f"cannot be in the space {name}, whose networks name no weights of single options; take another space"

    def init(self, context: SearchContext) -> Judged:
        """All learn."""
        network = context.network
        order = {weight: place for place, weight in enumerate(w for w in network.parameters() if w.requires_grad)}
        places = [
            found
            for _, module in network.option_modules()
            if (found := [order[w] for w in module.parameters() if w in order])
        ]
        count = len(places)
        return Judged(places, [torch.zeros((), device=context.device) for _ in places], [0] * count, [False] * count)

    def of_weights(
        self, state: Judged, view: StepView, mixture: Mixture, gradients: Sequence[Tensor | None]
    ) -> Sequence[Tensor | None]:
        """None for what is frozen; compares the others with their gradients on validation images."""
        learning = [
            number
            for number, places in enumerate(state.places)
            if not state.frozen[number] and all(gradients[place] is not None for place in places)
        ]
        self._compare(state, view, mixture, gradients, learning)
        self._judge(state, learning)
        still = {place for frozen, places in zip(state.frozen, state.places, strict=True) if frozen for place in places}
        return [None if place in still else gradient for place, gradient in enumerate(gradients)]

    def says(self, state: Judged) -> Metrics:
        """The part of the operations that is frozen."""
        return {"frozen": torch.tensor(sum(state.frozen) / max(1, len(state.frozen)))}

    def _compare(
        self,
        state: Judged,
        view: StepView,
        mixture: Mixture,
        gradients: Sequence[Tensor | None],
        learning: Sequence[int],
    ) -> None:
        """Adds the cosine of this step."""
        if not learning:
            return
        fixed = mixture.W and {kind: matrix.detach() for kind, matrix in mixture.W.items()}
        if mixture.active is not None:
            fixed = None  # a path trains with weights of 1
        loss = view.valid_loss(Mixture(fixed, mixture.active))
        places = [place for number in learning for place in state.places[number]]
        valid = dict(zip(places, gradients_of(loss, [view.weights[place] for place in places]), strict=True))
        trained = dict(zip(places, averaged([gradients[place] for place in places]), strict=True))
        for number in learning:
            mine = state.places[number]
            state.matched[number] = state.matched[number] + cosine(
                [gradient for place in mine if (gradient := trained[place]) is not None],
                [valid[place] for place in mine],
            )
            state.steps[number] += 1

    def _judge(self, state: Judged, learning: Sequence[int]) -> None:
        """Freezes those that are due and do not match."""
        due = [number for number in learning if state.steps[number] == self.window]
        if not due:
            return
        sums = torch.stack([state.matched[number] for number in due]).tolist()
        for number, matched in zip(due, sums, strict=True):
            state.frozen[number] = matched / self.window < self.threshold
            state.matched[number], state.steps[number] = torch.zeros_like(state.matched[number]), 0


def cosine(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """That of two gradients of the same weights; 0 where one is 0, or no number (such a step is skipped)."""
    first, second = (torch.cat([part.detach().flatten() for part in parts]) for parts in (one, other))
    return torch.nn.functional.cosine_similarity(first, second, dim=0).nan_to_num()

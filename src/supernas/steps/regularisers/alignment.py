r"""Cells that agree on what to choose: Lambda-DARTS's alignment of layers.

S. Movahedi, M. Adabinejad, A. Imani, A. Keshavarz, M. Dehghani, A. Shakery and B. N. Araabi, "Lambda-DARTS: Mitigating
Performance Collapse by Harmonizing Operation Selection among Cells", ICLR 2023. All cells of a kind share one alpha;
with g_l the gradient of the training loss in the copy of W that cell l uses, and N cells,

    Lambda = 2 / (N (N - 1)) sum over pairs l < m of cos(g_l, g_m)
    w <- w - grad_w [L_train(w, alpha) - lambda Lambda]

so that what is good for the cells near the output is good for the others. The gradient of Lambda is the product of
d Lambda / d g with a mixed second derivative, by a central difference:

    grad_w Lambda = (grad_w L(W + eps p) - grad_w L(W - eps p)) / (2 eps),    p_l = d Lambda / d g_l
    p_l = 2 / (N (N - 1)) (1 / |g_l|) (I - u_l u_l^T) sum over m of u_m,      u = g / |g|,    eps = radius / |p|

- Published: lambda = 0.125, reached linearly by epochs from 0, radius 1e-4 (the released code of NAS-Bench-201, where
  the last epoch has all of it; here it has all but an epoch's part, as with `beta`).
- g is taken in W, as released; of the paper's two terms this is the alignment itself.
- Published in the spaces of DARTS and NAS-Bench-201. The networks of `nas-bench-1shot1-*` repeat their cell as well, so
  g_l is as well defined there: of sets of nodes as of operations.
- Of a space with several kinds of cell Lambda is the sum over the kinds that have two cells or more.
- A step takes three passes more, forward and backward. Nothing of them stays but the gradient.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from supernas.core.settings import Unused, setting, settings
from supernas.core.state import State
from supernas.networks.base import Mixture, Weights
from supernas.steps.contracts import Chosen, Regulariser, SearchContext, StepView, needs_single
from supernas.steps.hypergradients import gradients_of

__all__ = ["Alignment"]


@dataclass
class Aligned(State):
    """What the last step found: the mean of Lambda over the kinds of cell."""

    alignment: Tensor | None = None


@settings
class Alignment(Regulariser[Aligned]):
    """Makes the cells of a kind agree in what they want of their shared weights (Lambda-DARTS)."""

    weight: float = setting(0.125, "lambda at the end of the search; it grows linearly by epochs from 0", ge=0)
    radius: float = setting(1e-4, "distance from W to either end of the finite difference", gt=0)

    needs: ClassVar[str] = "it compares the gradients of cells that share one weights matrix"

    def unused(self) -> Iterator[Unused]:
        """The difference, where it has no weight."""
        if self.weight == 0:
            yield Unused(("radius",), "weight=0", "weight above 0")

    def refuses(self, chosen: Chosen) -> str:
        """Methods that train single paths, and spaces whose networks have one cell."""
        if refusal := super().refuses(chosen):
            return refusal
        if chosen.method.trains_paths:
            return f"does not go with {chosen.method_name}, whose weight step trains single paths: {self.needs}"
        if not chosen.space.network_class.repeats_cells:
            name = chosen.space.name
            return f"cannot be in the space {name}, whose networks repeat no cell: {self.needs}; take another space"
        return needs_single(
            chosen, "its finite difference compares gradients that differ by less than that tells apart"
        )

    def init(self, context: SearchContext) -> Aligned:
        """Nothing seen yet."""
        return Aligned()

    def of_weights(
        self, state: Aligned, view: StepView, mixture: Mixture, gradients: Sequence[Tensor | None]
    ) -> Sequence[Tensor | None]:
        """Subtracts lambda grad_w Lambda."""
        factor = self.weight * view.progress.epoch / view.progress.epochs
        W = by_cell(mixture.W or {}, view.context.network.cell_counts)
        state.alignment, directions = self._directions(view, mixture, W)
        if not factor or not directions:
            return gradients
        found = self._mixed(view, mixture, W, directions)
        return [
            more if gradient is None else gradient - factor * more
            for gradient, more in zip(gradients, found, strict=True)
        ]

    def says(self, state: Aligned) -> dict[str, Tensor]:
        """The mean cosine between cells."""
        return {} if state.alignment is None else {"alignment": state.alignment}

    def _directions(self, view: StepView, mixture: Mixture, W: Weights) -> tuple[Tensor, dict[str, Tensor]]:
        """(Lambda as the mean over the kinds, p of each kind)."""
        leaves = {kind: matrix.detach().requires_grad_() for kind, matrix in W.items()}
        loss = view.train_loss(mixture._replace(W=leaves))
        g = gradients_of(loss, list(leaves.values()))
        found = {kind: aligned(one) for kind, one in zip(leaves, g, strict=True) if len(one) > 1}
        mean = torch.stack([cosine for cosine, _ in found.values()] or [loss.new_zeros(())]).mean()
        return mean.detach(), {kind: direction for kind, (_, direction) in found.items()}

    def _mixed(
        self, view: StepView, mixture: Mixture, W: Weights, directions: Mapping[str, Tensor]
    ) -> tuple[Tensor, ...]:
        """grad_w <g, p> by a central difference in W along p."""
        norm = torch.cat([direction.flatten() for direction in directions.values()]).norm()
        epsilon = self.radius / norm.clamp_min(torch.finfo(norm.dtype).tiny)

        def at(sign: float) -> tuple[Tensor, ...]:
            moved = {
                kind: matrix + sign * epsilon * directions[kind] if kind in directions else matrix
                for kind, matrix in W.items()
            }
            loss = view.train_loss(mixture._replace(W=moved))
            return gradients_of(loss, list(view.weights))

        ends = zip(at(1.0), at(-1.0), strict=True)
        return tuple((above - below) / (2 * epsilon) for above, below in ends)


def by_cell(W: Weights, cells: Mapping[str, int]) -> dict[str, Tensor]:
    """The same matrix for each cell of its kind: kind -> Float[cells, choices, options]."""
    return {kind: matrix.detach().expand(cells[kind], *matrix.shape).clone() for kind, matrix in W.items()}


def aligned(g: Tensor) -> tuple[Tensor, Tensor]:
    """(Lambda of the gradients of some cells, its derivative in them); both [cells, choices, options] but Lambda.

    A cell whose gradient is 0 agrees with none.
    """
    flat = g.flatten(1)
    norms = flat.norm(dim=1, keepdim=True).clamp_min(torch.finfo(g.dtype).tiny)
    u = flat / norms
    total, share = u.sum(0), 2 / (len(g) * (len(g) - 1))
    cosines = share * (total.square().sum() - u.square().sum()) / 2
    projected = total - u * (u @ total)[:, None]
    projected = torch.where(flat.any(dim=1, keepdim=True), projected, 0.0)
    return cosines, (share * projected / norms).view(g.shape)

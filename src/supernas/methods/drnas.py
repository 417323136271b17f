r"""DrNAS: Dirichlet neural architecture search.

X. Chen, R. Wang, M. Cheng, X. Tang and C.-J. Hsieh, "DrNAS: Dirichlet Neural Architecture Search", ICLR 2021
(Eq. 2-6, section 4):

    theta ~ Dirichlet(beta),  beta = elu(alpha) + 1              a soft draw at each choice
    w     <- w - grad_w L_train(w, theta)
    alpha <- alpha - grad_alpha (L_val(w, theta) + scale * d(beta, 1))

with the gradient of the implicit reparameterisation through theta (`relaxations.dirichlet`). The derived architecture
has the largest beta, which is the largest mean.

- The distance d to the flat distribution has two published forms. Squared distance of alpha from 0, where beta = 1, is
  Adam's weight decay (`adam.weight_decay`, the default); `kl` adds KL(Dir(beta) | Dir(1)) with a weight of its own
  (published: 1e-3, with adam.weight_decay=0).
- The weights are trained on a draw, as in the paper; `weights_on="mean"` takes the mean instead.
- `progressive` is section 4: a first half with a quarter of the channels (K=4) and all options, a second with half
  (K=2) and the best `keep` options of each choice. The paper widens the trained layers; here the second network takes
  over every weight of the first that has a place in it, and its other channels start as copies of random ones among
  those, as in the released code.
- When progressive, alpha waits for 10 epochs in each stage of 50 (`alpha_warmup` is 0.2 then). Alpha and Adam's memory
  of it go on into the second stage, as published; the weights' momentum begins anew, while the released code carries
  it over for the channels that were there before.
- Published: 100 epochs with Adam at 3e-4, alpha before the weights, momentum without Nesterov's correction. `adam`
  counts all 39,100 steps (lr times steps is 11.7), those in which alpha waits too.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.distributions import Dirichlet, kl_divergence
from torch.nn import functional as F

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import Unused, setting, settings
from supernas.data import Batch
from supernas.methods.base import AlphaState, Alternating, Change, descend, drawn_architecture, unchanged
from supernas.networks.base import Mixture
from supernas.networks.widen import widen
from supernas.steps.contracts import Distribution, Metrics, SearchContext, Stage
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import Matrices, RandomRelaxation, Support, crossed, dirichlet

__all__ = ["DrNAS"]


@dataclass(frozen=True)
class DirichletMixtures(RandomRelaxation):
    """theta ~ Dirichlet(beta) at each choice."""

    on_host: ClassVar[bool] = True  # the sampler goes by the values, and draws from the host's generator

    def mean(self, alpha: Matrices, support: Support) -> dict[str, Tensor]:
        """Beta / sum of beta at each choice."""
        beta = {kind: matrix * support.option_mask[kind] for kind, matrix in concentrations(alpha).items()}
        return {kind: matrix / matrix.sum(dim=-1, keepdim=True) for kind, matrix in beta.items()}

    def draw(self, alpha: Matrices, support: Support, progress: Progress, generator: torch.Generator) -> Mixture:
        """Theta."""
        return Mixture(dirichlet(concentrations(alpha), support.option_mask, generator))


@settings
class DrNAS(Alternating, Distribution):
    """A Dirichlet distribution over mixtures, learnt through its own draws; progressive as an option."""

    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {
        "search": {"epochs": 100},
        "weights": {"weight_decay": 3e-4, "nesterov": False},
    }
    alpha_on = "draw"
    first = "alpha"  # as released

    weights_on: Literal["draw", "mean"] = setting("draw", "the mixture that the weights are trained on")
    adam: AdamSettings = setting(AdamSettings(lr_times_steps=11.7, published_steps=39_100), "how alpha is moved")
    kl: float = setting(0.0, "weight of the divergence from the flat distribution", equation="Eq. 6", ge=0)
    progressive: bool = setting(False, "two stages: K=4 with all options, then K=2 with the best")
    keep_options: int = setting(3, "options of each choice in the second stage", ge=2)

    def unused(self) -> Iterator[Unused]:
        """What is of a second stage, where there is none."""
        if not self.progressive:
            yield Unused(("keep_options",), "progressive=false", "progressive=true")

    @property
    def relaxation(self) -> DirichletMixtures:
        """Theta."""
        return DirichletMixtures()

    def make_alpha_optimiser(self, alpha: Sequence[Tensor], context: SearchContext) -> torch.optim.Adam:
        """Adam."""
        return self.adam.over(alpha, context.steps)

    def update_alpha(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """Alpha <- alpha - grad_alpha (L_val(w, theta) + kl KL(Dir(beta) | Dir(1))), with another draw of theta."""
        theta = self.alpha_forward(state, progress, state.generator)
        loss = state.trainer.validation_loss(valid, theta)
        if self.kl:
            loss = loss + crossed({"": self.kl * divergence(state)}, loss.device)[""]
        return descend(state, loss, change)

    def draw_architecture(self, state: AlphaState, generator: torch.Generator) -> Architecture:
        """The architecture of the largest entries of a draw."""
        return drawn_architecture(self.relaxation, state, generator)

    # -- the progressive scheme ---------------------------------------------------------------------------------------

    def stages(self) -> tuple[Stage, ...]:
        """One stage, or two with more and more channels."""
        if not self.progressive:
            return (Stage(),)
        return tuple(Stage(0.5, {"partial": parts}, alpha_warmup=0.2) for parts in (4, 2))

    def keep(self, state: AlphaState, stage: int) -> tuple[Pair, ...]:
        """The options of the largest concentration at each choice."""
        space, pairs = state.context.space, []
        for kind, where in space.kinds.items():
            held = state.alpha[kind].detach().masked_fill(~state.support.option_mask[kind], -torch.inf)
            for choice, row in zip(where, held.argsort(dim=-1, descending=True).tolist(), strict=True):
                pairs += [
                    (choice, option) for option in row[: min(self.keep_options, len(space.choices[choice].options))]
                ]
        return tuple(sorted(pairs))

    def carry_over(self, old: AlphaState, new: AlphaState) -> AlphaState:
        """Alpha, Adam's memory and the generator go on; the network is widened from the old one's weights."""
        with torch.no_grad():
            for kind, parameter in new.alpha.items():
                parameter.copy_(old.alpha[kind])
        new.alpha_optimiser.load_state_dict(old.alpha_optimiser.state_dict())
        new.generator = old.generator
        widen(old.context.network, new.context.network, new.generator)
        return new


def concentrations(alpha: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Beta = elu(alpha) + 1, which is positive; kept off 0, where a Gamma variable has no density."""
    return {kind: (F.elu(matrix) + 1).clamp_min(1e-6) for kind, matrix in alpha.items()}


def divergence(state: AlphaState) -> Tensor:
    """The sum over choices of KL(Dir(beta) | Dir(1))."""
    total = torch.zeros((), device=next(iter(state.alpha.values())).device)
    for kind, beta in concentrations(state.alpha).items():
        for row, held in zip(beta, state.support.option_mask[kind], strict=True):
            alive = row[held]
            total = total + kl_divergence(Dirichlet(alive), Dirichlet(torch.ones_like(alive)))
    return total

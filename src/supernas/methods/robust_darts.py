r"""Robust DARTS: regularise more as soon as the validation loss becomes sharp in alpha.

A. Zela, T. Elsken, T. Saikia, Y. Marrakchi, T. Brox and F. Hutter, "Understanding and Robustifying Differentiable
Architecture Search", ICLR 2020 (section 5, adaptive regularisation: DARTS-ADA). First-order DARTS; with lambda(i) the
dominant eigenvalue of the Hessian of the validation loss in alpha after epoch i, averaged over k epochs, as soon as

    lambda(i - k) / lambda(i) < ratio

weights, momentum and alpha go back to what they were after epoch i - k, and the inner objective is regularised more:

    l2:         its L2 factor is multiplied by `increase`       (3e-4, 9e-4, 27e-4, 81e-4: R-DARTS's values)
    drop-path:  options are dropped with a probability that is `drop_step` larger       (0, .2, .4, .6)

at most `levels` times; then it only goes on. The derived architecture has the largest entries. (The stopping rule
`eigenvalue` ends the search there instead: DARTS-ES.)

- Both averages must be positive: where one is that of a saddle their quotient says nothing about sharpness. After it
  went back the averages begin anew.
- The number of epochs is fixed, and the learning rate goes on falling: what is gone back on is not searched for a
  second time at a higher rate, as it is in the paper.
- The loss is that of the mixture on the first validation batch of the search, the same in every epoch, normalised by
  its own statistics and without dropping.
- k + 1 epochs' weights are remembered, so a checkpoint is so many times as large.
- Published: 50 epochs of second order with Adam at 3e-4, k = 5, ratio 0.75, L2 3e-4. In the released code L2 may grow
  four times (to 243e-4), and averages are compared by a factor of 1.3.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.ranks import whole
from supernas.core.settings import refuse_unused, setting, settings
from supernas.core.state import UNSAVED
from supernas.data import Batch
from supernas.methods.base import AlphaState, Change, FirstOrder, unchanged
from supernas.networks.base import Mixture
from supernas.steps.contracts import Chosen, Metrics, SearchContext, Validate
from supernas.steps.curvature import dominant_eigenvalue, hessian_product
from supernas.steps.dropping import Dropping
from supernas.steps.optimisers import AdamSettings

__all__ = ["RobustDARTS"]

_DROPPED = (
    'G. Larsson, M. Maire and G. Shakhnarovich, "FractalNet: Ultra-Deep Neural Networks without Residuals", ICLR 2017'
)


@dataclass(kw_only=True)
class RobustState(AlphaState):
    """Also how sharp it was, and what there was to go back to.

    Attributes:
        dropping: what drops paths.
        level: how many times it was regularised more.
        judged: inputs and targets of the batch on which sharpness is judged.
        eigenvalues: of every epoch since it went back last.
        epochs: weights, momentum and alpha after the last k + 1 epochs.
    """

    dropping: Dropping = field(metadata=UNSAVED)
    level: int = 0
    judged: list[Tensor] = field(default_factory=list)
    eigenvalues: list[float] = field(default_factory=list)
    epochs: list[dict[str, Any]] = field(default_factory=list)


@settings
class RobustDARTS(FirstOrder):
    """First-order DARTS that goes back and regularises more where the validation loss becomes sharp in alpha."""

    carries_others: ClassVar[bool] = False
    trains_paths: ClassVar[bool] = False
    published: ClassVar[Document] = {
        "search": {"epochs": 50},
        "weights": {"weight_decay": 3e-4, "nesterov": False},
    }
    weights_on, alpha_on = "mean", "mean"

    adam: AdamSettings = setting(AdamSettings(lr_times_steps=5.9, published_steps=19_550), "how alpha is moved")
    regularisation: Literal["l2", "drop-path"] = setting("l2", "what becomes stronger", papers={"drop-path": _DROPPED})
    increase: float = setting(3.0, "factor of the L2 regularisation", gt=1)
    drop_step: float = setting(0.2, "what the probability of dropping a path grows by", gt=0, lt=1)
    levels: int = setting(3, "how many times it becomes stronger, at most", ge=1)
    window: int = setting(5, "k: epochs of the moving average, and how far it looks and goes back", ge=1)
    ratio: float = setting(0.75, "smallest quotient of the average k epochs ago and now", gt=0)
    iterations: int = setting(12, "Hessian-vector products for an eigenvalue (Lanczos)", ge=2)

    def __post_init__(self) -> None:
        if self.regularisation == "l2":
            refuse_unused(self, ("drop_step",), "regularisation=l2")
        else:
            refuse_unused(self, ("increase",), "regularisation=drop-path")
            if self.drop_step * self.levels >= 1:
                raise ValueError(
                    f"drop_step={self.drop_step} is reached levels={self.levels} times, which drops all; wanted less "
                    "than 1 in all"
                )

    def refuses(self, chosen: Chosen) -> str:
        """Dropping where options are no modules."""
        if self.regularisation == "l2" or chosen.space.network_class.has_option_modules():
            return ""
        return (
            f"cannot drop paths in the space {chosen.space.name}, whose networks name no options to drop; give "
            "method.regularisation=l2"
        )

    def init(self, context: SearchContext) -> RobustState:
        """Nothing is dropped, and nothing was sharp yet."""
        state = super().init(context)
        drops = self.regularisation == "drop-path"
        options = (module for _, module in context.network.option_modules() if drops)
        mine = {one.name: getattr(state, one.name) for one in fields(state)}
        return RobustState(**mine, dropping=Dropping(options, "paths"))

    def step(
        self, state: AlphaState, train: Batch, valid: Batch, progress: Progress, change: Change = unchanged
    ) -> Metrics:
        """That of DARTS, as strongly regularised as by now."""
        assert isinstance(state, RobustState)
        if not state.judged:
            columns = 1 if state.context.space.data_kind == "text" else 0
            state.judged = [whole(valid.inputs, columns), whole(valid.targets, columns)]
        self.regularise(state)
        try:
            return super().step(state, train, valid, progress, change)
        finally:
            state.dropping.probability = 0.0

    def regularise(self, state: RobustState) -> None:
        """The strength of this level."""
        if self.regularisation == "drop-path":
            state.dropping.probability = self.drop_step * state.level
            return
        for group in state.trainer.optimiser.sgd.param_groups:
            group["weight_decay"] = state.context.weights.weight_decay * self.increase**state.level

    # -- after an epoch -----------------------------------------------------------------------------------------------

    def epoch(self, state: AlphaState, validate: Validate, progress: Progress) -> Metrics:
        """Judges how sharp it is; goes back and regularises more where that grows too fast."""
        assert isinstance(state, RobustState)
        sharpness = self.eigenvalue(state)
        state.eigenvalues.append(sharpness)
        state.epochs = [*state.epochs, remembered(state)][-self.window - 1 :]
        if self.sharpens(state.eigenvalues) and state.level < self.levels:
            go_back(state, state.epochs[0])
            state.level, state.eigenvalues, state.epochs = state.level + 1, [], []
        return {"hessian_eigenvalue": torch.tensor(sharpness), "level": torch.tensor(float(state.level))}

    def eigenvalue(self, state: RobustState) -> float:
        """The dominant eigenvalue of the Hessian of the validation loss in alpha."""
        inputs, targets = state.judged
        batch = Batch(inputs, targets)
        point = [alpha.detach().requires_grad_() for alpha in state.alpha.values()]

        def loss(at: Sequence[Tensor]) -> Tensor:
            W = self.relax(state, dict(zip(state.alpha, at, strict=True)))
            return state.trainer.look_at_valid(batch, Mixture(W))

        generator = torch.Generator().manual_seed(state.context.seed)
        return dominant_eigenvalue(hessian_product(loss, point), point, generator, self.iterations)

    def sharpens(self, eigenvalues: Sequence[float]) -> bool:
        """Whether the quotient of two averages that lie k epochs apart is too small."""
        k = self.window
        if len(eigenvalues) < 2 * k:
            return False
        before, now = sum(eigenvalues[-2 * k : -k]) / k, sum(eigenvalues[-k:]) / k
        return before > 0 and now > 0 and before / now < self.ratio


def remembered(state: AlphaState) -> dict[str, Any]:
    """Weights, momentum and alpha as they are."""
    return {
        "network": {name: one.clone() for name, one in state.context.network.state_dict().items()},
        "optimiser": copy.deepcopy(state.trainer.optimiser.state_dict()),
        "alpha": {name: one.detach().clone() for name, one in state.alpha.items()},
        "alpha_optimiser": copy.deepcopy(state.alpha_optimiser.state_dict()),
    }


def go_back(state: AlphaState, epoch: dict[str, Any]) -> None:
    """Weights, momentum and alpha as they were."""
    state.context.network.load_state_dict(epoch["network"])
    state.trainer.optimiser.load_state_dict(epoch["optimiser"])
    state.alpha_optimiser.load_state_dict(epoch["alpha_optimiser"])
    with torch.no_grad():
        for name, one in epoch["alpha"].items():
            state.alpha[name].copy_(one)

r"""TETLO: the architecture of a main model, searched so that what it knows passes on to an auxiliary model.

P. Sheth and P. Xie, "Improving Differentiable Neural Architecture Search by Encouraging Transferability", ICLR 2023.
Certain from its abstract and introduction: three levels, solved end to end on top of any differentiable method: (1)
train the main model's weights, (2) transfer to the auxiliary by matching quadruple relative similarities, (3) update
the main architecture for the auxiliary's validation performance. The full text was not to be had: the equations are
ours (docs/methods/tetlo.md).

    W' = W - xi_w grad_W L_train(W, alpha)
    V' = V - xi_v grad_V [L_train(V) + transfer_weight * Q(S(V), T(W', alpha))]
    alpha <- alpha - grad_alpha [L_valid(V') + gamma * L_valid(main)]
    W  <- the base's step,    V <- V'

T and S are the penultimate embeddings of the training batch (`transfer.py`, `quadruples.py`); `trilevel.py` has the
gradient.

- `base` is the method that it stands on: its mixtures, its steps of weights and alpha, its order. Its gradient of the
  main model's validation loss is multiplied by gamma, and the gradient of L_valid(V') added. With transfer_weight=0 and
  gamma=1 it is the base, bit for bit.
- A budget's penalty stays whole whatever gamma is; what of it gamma would take away is that of the mean mixture.
- Both levels look through the next steps from W and alpha as they are before this step, whatever moves first.
- Main weights train the base's way. What is looked through is a step on the mixture that the base judges alpha on: a
  fresh draw where it draws (gdas: a sampled path with its straight-through gradient; drnas, snas: a soft draw), alpha's
  mixture elsewhere, and for balenas, where it counts for every draw alike, that of the mean.
- The auxiliary makes the very step that was looked through (with its optimiser's Nesterov correction), so teaching it
  costs no pass of its own. While alpha waits, it learns from the main model as it is.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import ClassVar, Literal

import torch
from torch import Tensor

from supernas import methods
from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.ranks import averaged
from supernas.core.settings import Unused, build, refuse_unused, setting, settings, unused_in
from supernas.core.spelling import assigned
from supernas.data import Batch
from supernas.methods.base import AlphaState, Alternating
from supernas.methods.tetlo.auxiliary import AuxiliaryModel, AuxiliarySettings
from supernas.methods.tetlo.reward import Moments, scaled_like
from supernas.methods.tetlo.transfer import TransferSettings
from supernas.methods.tetlo.trilevel import Match, Student, Teacher, TransferStep, learn, teach
from supernas.networks.base import Mixture, Weights
from supernas.steps.contracts import (
    Chosen,
    Differentiable,
    Distribution,
    Method,
    MethodState,
    Metrics,
    SearchContext,
    Stage,
    Validate,
    needs_range,
    needs_uncompiled,
)
from supernas.steps.hypergradients import Hypergradient, gradients_of, looking_refused
from supernas.steps.weights import Computed, MixtureTrainer, Trainer, training_loss

__all__ = ["TETLO"]

_APART = 15_485_863  # its draws are not the base's


@dataclass(kw_only=True)
class TETLOState(MethodState):
    """The base's state, and the auxiliary.

    Attributes:
        main: the base's.
        auxiliary: the auxiliary model.
        draws: the generator of quadruples and of the mixtures that are looked through.
        rewards: moments of the transfer's gradient in this epoch.
    """

    main: AlphaState
    auxiliary: AuxiliaryModel
    draws: torch.Generator
    rewards: Moments = field(default_factory=Moments)

    @property
    def trainer(self) -> Trainer:
        """The step of the main model's weights."""
        return self.main.trainer

    @property
    def last_path(self) -> Architecture | None:
        """The path that the base trained last."""
        return self.main.last_path


@settings
class TETLO(Method[TETLOState], Differentiable, Distribution):
    """Three levels: the base's search, rewarded for what an auxiliary model learns from its supernet."""

    trains_paths: ClassVar[bool] = False
    weighs_options: ClassVar[bool] = True
    published: ClassVar[Document] = {"search": {"epochs": 50}}

    base: str = setting("darts", "the differentiable method that it stands on")
    base_settings: Document = setting({}, "settings of that method, as in base_settings.order=2")
    transfer_weight: float = setting(1.0, "lambda: weight of the transfer in level 2; 0 is none", ge=0)
    gamma: float = setting(1.0, "weight of the main model's own validation loss in level 3", ge=0)
    balance: Literal["none", "norm"] = setting(
        "none", "the transfer's gradient in level 3 as it is, or scaled to the norm of the base's (`reward.py`)"
    )
    transfer: TransferSettings = setting(TransferSettings(), "what is transferred")
    auxiliary: AuxiliarySettings = setting(AuxiliarySettings(), "the model that it is transferred to")
    hypergradient: Hypergradient = setting("finite-difference", "how the gradient through both steps is computed")
    radius: float = setting(0.01, "distance from the weights to either end of the finite differences", gt=0)

    def __post_init__(self) -> None:
        base = self.main_method
        if not self.transfer_weight:
            refuse_unused(self, ("balance", "transfer", "hypergradient", "radius"), "transfer_weight=0")
        if self.transfer.qrs.targets == "hard":
            raise ValueError(
                "hard targets have no derivative in the main model, so that nothing would reach its architecture; "
                f"give {assigned('method.transfer.qrs.targets', 'soft')}"
            )
        if base.needs_curvature:
            raise ValueError("base_settings.adam.curvature=exact knows no curvature of the transfer; leave it out")
        if self.hypergradient == "exact" and base.unselected == "run":
            raise ValueError(
                "base_settings.unselected=run runs options without a graph, so that the gradient that it gives has no "
                f"exact derivative; give {assigned('method.hypergradient', 'finite-difference')}"
            )
        if self.hypergradient == "exact":
            refuse_unused(self, ("radius",), "hypergradient=exact")

    def unused(self) -> Iterator[Unused]:
        """What the base says of its settings."""
        return unused_in(self.main_method, "base_settings")

    @cached_property
    def main_method(self) -> Alternating:
        """The base with its settings."""
        cls = methods.get(self.base)
        fit = [name for name in methods.names() if _carries(methods.get(name))] if not _carries(cls) else []
        if not issubclass(cls, Alternating):
            raise ValueError(f"base is {self.base}, which has no relaxation to look through; wanted {', '.join(fit)}")
        if not cls.carries_others:
            raise ValueError(
                f"base is {self.base}, which does more in a step than could be looked through; wanted {', '.join(fit)}"
            )
        return build(cls, self.base_settings, "method.base_settings")

    def refuses(self, chosen: Chosen) -> str:
        """Texts: what an auxiliary would say of a word depends on a hidden state, which it has not."""
        space = chosen.space
        if space.data_kind == "text":
            why = "its auxiliary model keeps no hidden state, and the batches of a text go on from one another"
            return f"cannot search the space {space.name}: {why}"
        if self.transfer_weight and (why := looking_refused(chosen, self.hypergradient)):
            return why
        beside = "its auxiliary model learns beside the supernet, and that is made for one network"
        return needs_range(chosen, beside) or needs_uncompiled(chosen, beside) or self.main_method.refuses(chosen)

    # -- verbs that are the base's ------------------------------------------------------------------------------------

    def alpha(self, state: TETLOState) -> dict[str, Tensor]:
        """The main model's architecture parameters."""
        return self.main_method.alpha(state.main)

    def relax(self, state: TETLOState, alpha: Mapping[str, Tensor]) -> Weights:
        """The base's mean mixture."""
        return self.main_method.relax(state.main, alpha)

    def derive(self, state: TETLOState, validate: Validate) -> Architecture:
        """The main model's architecture, as the base derives it."""
        return self.main_method.derive(state.main, validate)

    def final(self, state: TETLOState, validate: Validate) -> Architecture:
        """As the base chooses it."""
        return self.main_method.final(state.main, validate)

    def draw_architecture(self, state: TETLOState, generator: torch.Generator) -> Architecture:
        """From the base's distribution.

        Raises:
            UserError: if it has none.
        """
        if not isinstance(self.main_method, Distribution):
            raise UserError(f"tetlo over {self.base} ends with one architecture, not with a distribution to draw from")
        return self.main_method.draw_architecture(state.main, generator)

    def stages(self) -> tuple[Stage, ...]:
        """Those of the base."""
        return self.main_method.stages()

    def keep(self, state: TETLOState, stage: int) -> tuple[Pair, ...] | None:
        """What the base keeps."""
        return self.main_method.keep(state.main, stage)

    # -- the state ----------------------------------------------------------------------------------------------------

    def init(self, context: SearchContext) -> TETLOState:
        """The base's state, and a fresh auxiliary."""
        main = self.main_method.init(context)
        steps = self.main_method.alpha_steps(context)
        auxiliary = AuxiliaryModel.make(context, self.auxiliary, main.alpha, steps)
        draws = torch.Generator().manual_seed(context.seed + _APART)
        return TETLOState(context=context, main=main, auxiliary=auxiliary, draws=draws)

    def carry_over(self, old: TETLOState, new: TETLOState) -> TETLOState:
        """What the base carries over. A fixed auxiliary goes on; a searched one begins anew, with its alpha."""
        for name, parameter in new.auxiliary.alpha.items():
            parameter.data.copy_(old.auxiliary.alpha[name])
        auxiliary = new.auxiliary if self.auxiliary.searched else old.auxiliary
        return replace(new, main=self.main_method.carry_over(old.main, new.main), auxiliary=auxiliary, draws=old.draws)

    def epoch(self, state: TETLOState, validate: Validate, progress: Progress) -> Metrics:
        """The auxiliary begins anew, if it is time."""
        done = progress.epoch + 1
        if self.auxiliary.restart and done % self.auxiliary.restart == 0 and done < progress.epochs:
            state.auxiliary.restart()
        significance, state.rewards = state.rewards.significance(), Moments()
        told = {} if significance is None else {"transfer_significance": significance}
        return {**self.main_method.epoch(state.main, validate, progress), **told}

    # -- a step -------------------------------------------------------------------------------------------------------

    def step(self, state: TETLOState, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """The transfer looked through, the base's step along the changed gradient, the auxiliary's step."""
        base, main = self.main_method, state.main
        moves, now = base.alpha_moves(progress), _Now(self, state, train, valid, progress)
        transfer, reward = now.teach() if self.transfer_weight and moves else (None, ())
        change = partial(self._changed, state, reward)
        if now.computed is None:
            metrics = base.step(main, train, valid, progress, change)
        else:  # level 1 ran the very pass that trains the main weights
            assert isinstance(main.trainer, MixtureTrainer)
            trained = main.trainer.apply(now.computed, train, progress)
            metrics = {**trained, **base.step_alpha(main, train, valid, progress, change)}
        transfer = transfer or now.learn(moves)
        state.auxiliary.step(transfer.auxiliary, transfer.own, progress, train.share)
        return {**metrics, **now.metrics(transfer, reward)}

    def _changed(self, state: TETLOState, reward: Sequence[Tensor], gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Level 3's gradient, of the base's and the transfer's. What a budget adds is not gamma's to weigh."""
        weighted = [self.gamma * gradient for gradient in gradients]
        if reward:
            state.rewards.add(reward)
            reward = scaled_like(reward, gradients) if self.balance == "norm" else reward
            weighted = [gradient + more for gradient, more in zip(weighted, reward, strict=True)]
        penalty, alpha = state.context.penalty, state.main.alpha
        if penalty is None or self.gamma == 1:
            return weighted
        rest = gradients_of((1 - self.gamma) * penalty(self.relax(state, alpha)), list(alpha.values()))
        return [gradient + more for gradient, more in zip(weighted, rest, strict=True)]

    def trains_what_it_judges(self, state: TETLOState) -> bool:
        """Whether level 1's step is the base's next one: weights first, on the mean that alpha is judged on."""
        base = self.main_method
        return base.weights_on == base.alpha_on == "mean" and not base.alpha_first(state.main)


def _carries(cls: type) -> bool:
    """Whether a method can be the base."""
    return issubclass(cls, Alternating) and cls.carries_others


class _Now:
    """The three levels on the batches of one step.

    Attributes:
        computed: the pass of the base's next step, where level 1 has run it.
        valid_metric: the auxiliary's on the validation batch.
    """

    def __init__(self, method: TETLO, state: TETLOState, train: Batch, valid: Batch, progress: Progress) -> None:
        self.method, self.state = method, state
        self.train, self.valid, self.progress = train, valid, progress
        self.computed: Computed | None = None

    def teach(self) -> tuple[TransferStep, tuple[Tensor, ...]]:
        """The transfer, and the gradient of level 3 in the architecture parameters."""
        method, state = self.method, self.state
        mixture = method.main_method.alpha_forward(state.main, self.progress, state.draws)
        assert mixture.W is not None
        leaves = {kind: matrix.detach().requires_grad_() for kind, matrix in mixture.W.items()}
        teacher = Teacher(
            partial(self._main, mixture=mixture._replace(W=leaves)),
            state.trainer.next_step(self.progress, self.train.share),
            self._shared_gradient(mixture),
        )
        own = list(state.auxiliary.alpha.values())
        transfer = teach(teacher, self._student(), list(leaves.values()), method.hypergradient, method.radius, own)
        # alpha acts through W alone: one pass back through the relaxation, with the draw that was made
        reward = torch.autograd.grad(
            list(mixture.W.values()),
            list(state.main.alpha.values()),
            transfer.gradients,
            allow_unused=True,
            materialize_grads=True,
        )
        return transfer, reward

    def learn(self, moves: bool) -> TransferStep:
        """The auxiliary's step alone, told by the main model as it is now."""
        told = None
        if self.method.transfer_weight:
            with torch.no_grad():
                mixture = self.method.main_method.alpha_forward(self.state.main, self.progress, self.state.draws)
                told = self._main(dict(self.state.context.network.named_parameters()), mixture)[1]
        return learn(self._student(), told, list(self.state.auxiliary.alpha.values()) if moves else ())

    def metrics(self, transfer: TransferStep, reward: Sequence[Tensor]) -> Metrics:
        """What the record says of the auxiliary: losses of this step, and the size of the transfer's gradient."""
        report = {
            "auxiliary_train_loss": transfer.training_loss,
            "auxiliary_valid_loss": transfer.validation_loss,
            "auxiliary_valid_metric": self.valid_metric,
        }
        if transfer.transfer_loss is not None:
            report["transfer_loss"] = transfer.transfer_loss
        if reward:
            report["transfer_gradient"] = torch.cat([gradient.flatten() for gradient in reward]).norm()
        return report

    # -- the models ---------------------------------------------------------------------------------------------------

    def _main(self, weights: Mapping[str, Tensor], mixture: Mixture) -> tuple[Tensor, Tensor]:
        with self.state.context.computing():
            output = self.state.trainer.output_at(weights, self.train, mixture)
            loss = training_loss(self.state.context.task, output, self.train)
        return loss, self.method.transfer.of(output.prediction, output.features)

    def _shared_gradient(self, mixture: Mixture) -> Callable[[Mapping[str, Tensor]], tuple[Tensor, ...]] | None:
        """Level 1's gradient, where it is that of the base's next step: it is computed once."""
        trainer = self.state.trainer
        if self.method.hypergradient == "exact" or not self.method.trains_what_it_judges(self.state):
            return None
        assert isinstance(trainer, MixtureTrainer)

        def gradient(_: Mapping[str, Tensor]) -> tuple[Tensor, ...]:
            self.computed = trainer.compute(self.train, mixture)
            pairs = zip(trainer.optimiser.parameters, averaged(self.computed.gradients), strict=True)
            return tuple(torch.zeros_like(w) if g is None else g for w, g in pairs)

        return gradient

    def _student(self) -> Student:
        method, state, task = self.method, self.state, self.state.context.task
        auxiliary = state.auxiliary
        W = method.relax(state, auxiliary.alpha) if auxiliary.alpha else None
        fixed = W and {kind: matrix.detach() for kind, matrix in W.items()}

        def says(weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
            with state.context.computing():
                prediction, features = auxiliary.run(weights, self.train.inputs, fixed)
                loss = task.loss(prediction, self.train.targets)
            return loss, method.transfer.of(prediction, features)

        def judge(weights: Mapping[str, Tensor]) -> Tensor:
            with state.context.computing():
                prediction, _ = auxiliary.run(weights, self.valid.inputs, W)
                self.valid_metric = task.metric(prediction.detach(), self.valid.targets)
                return task.loss(prediction, self.valid.targets)

        def settle(S: Tensor, T: Tensor) -> Match:
            return method.transfer.settle(S, T, state.draws)

        step = auxiliary.next_step(self.progress, self.train.share)
        return Student(says, step, settle, method.transfer_weight, judge)

r"""TETLO: the architecture of a main model, searched so that what it knows passes on to an auxiliary model.

P. Sheth and P. Xie, "Improving Differentiable Neural Architecture Search by Encouraging Transferability", ICLR 2023.
Certain from its abstract and introduction: three levels, solved end to end on top of any differentiable method: (1)
train the main model's weights, (2) transfer to the auxiliary by matching quadruple relative similarities, (3) update
the main architecture for the auxiliary's validation performance. The full text was not to be had: the equations are
ours (docs/methods/tetlo.md).

    W' = W - xi_w grad_W L_train(W, alpha)
    V' = V - xi_v grad_V [L_train(V) + transfer * Q(S(V), T(W', alpha))]
    alpha <- alpha - grad_alpha [L_valid(V') + gamma * L_valid(main)]
    W  <- the base's step,    V <- V'

T and S are the penultimate embeddings of the training batch (`knowledge.py`, `qrs.py`); `trilevel.py` has the gradient.

- `base` is the method that it stands on: its mixtures, its steps of weights and alpha, its order. Its gradient of the
  main model's validation loss is multiplied by gamma, and the gradient of L_valid(V') added. With transfer=0 and
  gamma=1 it is the base, bit for bit.
- A budget's penalty stays whole whatever gamma is; what of it gamma would take away is that of the mean mixture.
- Both levels look through the next steps from W and alpha as they are before this step, whatever moves first.
- Main weights train the base's way. What is looked through is a step on the mixture that the base judges alpha on: a
  fresh draw where it draws (gdas: a sampled path with its straight-through gradient; drnas, snas: a soft draw), alpha's
  mixture elsewhere, and for balenas, where it counts for every draw alike, that of the mean.
- The auxiliary makes the very step that was looked through (with its optimiser's Nesterov correction), so teaching it
  costs no pass of its own. While alpha waits, it learns from the main model as it is.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from supernas import methods
from supernas.core.architecture import Architecture, Pair
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import build, refuse_unused, setting, settings
from supernas.core.state import State
from supernas.data import Batch
from supernas.methods.balenas.balenas import BaLeNAS
from supernas.methods.base import AlphaState, Alternating, Mixture
from supernas.methods.gdas import GDAS
from supernas.methods.tetlo.auxiliary import AuxiliaryModel, AuxiliarySettings
from supernas.methods.tetlo.transfer import KnowledgeSettings
from supernas.methods.tetlo.trilevel import Lesson, Match, Pupil, Teacher, learn, teach
from supernas.networks.base import Weights
from supernas.spaces.base import Space
from supernas.steps.contracts import Differentiable, Distribution, Metrics, Problem, Stage, Validate
from supernas.steps.hypergradients import Form, gradients_of
from supernas.steps.weights import training_loss

__all__ = ["TETLO"]

_APART = 15_485_863  # its draws are not the base's


@dataclass(kw_only=True)
class TETLOState(State):
    """The base's state, and the auxiliary.

    Attributes:
        main: the base's.
        auxiliary: the auxiliary model.
        draws: the generator of quadruples and of the mixtures that are looked through.
    """

    main: AlphaState
    auxiliary: AuxiliaryModel
    draws: torch.Generator

    @property
    def problem(self) -> Problem:
        """What the search is about."""
        return self.main.problem

    @property
    def trainer(self) -> Any:
        """The step of the main model's weights."""
        return self.main.trainer


@settings
class TETLO(Differentiable, Distribution):
    """Three levels: the base's search, rewarded for what an auxiliary model learns from its supernet."""

    trains_paths: ClassVar[bool] = False
    published: ClassVar[dict[str, Any]] = {"search": {"epochs": 50}}

    base: str = setting("darts", "the differentiable method that it stands on")
    base_settings: dict[str, Any] = setting({}, "settings of that method, as in base_settings.order=2")
    transfer: float = setting(1.0, "lambda: weight of the transfer in level 2; 0 is none", ge=0)
    gamma: float = setting(1.0, "weight of the main model's own validation loss in level 3", ge=0)
    knowledge: KnowledgeSettings = setting(KnowledgeSettings(), "what is transferred")
    auxiliary: AuxiliarySettings = setting(AuxiliarySettings(), "the model that it is transferred to")
    hypergradient: Form = setting("finite-difference", "how the gradient through both steps is computed")
    radius: float = setting(0.01, "distance from the weights to either end of the finite differences", gt=0)

    def __post_init__(self) -> None:
        base = self.mixture
        if not self.transfer:
            refuse_unused(self, ("knowledge", "hypergradient", "radius"), "transfer=0")
        if self.knowledge.qrs.targets == "hard":
            raise ValueError(
                "hard targets have no derivative in the main model, so that nothing would reach its architecture; "
                "take knowledge.qrs.targets=soft"
            )
        if isinstance(base, BaLeNAS) and base.adam.curvature == "exact":
            raise ValueError("base_settings.adam.curvature=exact knows no curvature of the transfer; leave it out")
        if self.hypergradient == "exact" and isinstance(base, GDAS) and base.unselected == "run":
            raise ValueError(
                "base_settings.unselected=run runs options without a graph, so that the gradient that it gives has no "
                "exact derivative; take hypergradient=finite-difference"
            )
        if self.hypergradient == "exact":
            refuse_unused(self, ("radius",), "hypergradient=exact")

    @cached_property
    def mixture(self) -> Alternating:
        """The base with its settings."""
        cls = methods.get(self.base)
        if not issubclass(cls, Alternating):
            fit = [name for name in methods.names() if issubclass(methods.get(name), Alternating)]
            raise ValueError(f"base is {self.base}, which has no relaxation to look through; wanted {', '.join(fit)}")
        return build(cls, self.base_settings, "method.base_settings")

    # -- verbs that are the base's ------------------------------------------------------------------------------------

    def alpha(self, state: TETLOState) -> dict[str, Tensor]:
        """The main model's architecture parameters."""
        return self.mixture.alpha(state.main)

    def relax(self, state: TETLOState, alpha: Mapping[str, Tensor]) -> Weights:
        """The base's mean mixture."""
        return self.mixture.relax(state.main, alpha)

    def sampled(self, state: TETLOState) -> Architecture | None:
        """The path that the base trained last."""
        return self.mixture.sampled(state.main)

    def derive(self, state: TETLOState, validate: Validate) -> Architecture:
        """The main model's architecture, as the base derives it."""
        return self.mixture.derive(state.main, validate)

    def final(self, state: TETLOState, validate: Validate) -> Architecture:
        """As the base chooses it."""
        return self.mixture.final(state.main, validate)

    def draw_architecture(self, state: TETLOState, generator: torch.Generator) -> Architecture:
        """From the base's distribution.

        Raises:
            UserError: if it has none.
        """
        if not isinstance(self.mixture, Distribution):
            raise UserError(f"tetlo over {self.base} ends with one architecture, not with a distribution to draw from")
        return self.mixture.draw_architecture(state.main, generator)

    def stages(self) -> tuple[Stage, ...]:
        """Those of the base."""
        return self.mixture.stages()

    def keep(self, state: TETLOState, stage: int) -> tuple[Pair, ...] | None:
        """What the base keeps."""
        return self.mixture.keep(state.main, stage)

    # -- the state ----------------------------------------------------------------------------------------------------

    def refuses(self, space: Space) -> str:
        """Texts: what an auxiliary would say of a word depends on a hidden state, which it has not."""
        if space.data_kind == "text":
            return "its auxiliary model keeps no hidden state, and the batches of a text go on from one another"
        return self.mixture.refuses(space)

    def init(self, problem: Problem) -> TETLOState:
        """The base's state, and a fresh auxiliary."""
        main = self.mixture.init(problem)
        moves = problem.steps * (1 - self.mixture.waits)
        auxiliary = AuxiliaryModel.make(problem, self.auxiliary, main.alpha, moves)
        return TETLOState(main=main, auxiliary=auxiliary, draws=torch.Generator().manual_seed(problem.seed + _APART))

    def carry_over(self, old: TETLOState, new: TETLOState) -> TETLOState:
        """What the base carries over. A fixed auxiliary goes on; a searched one begins anew, with its alpha."""
        for name, one in new.auxiliary.alpha.items():
            one.data.copy_(old.auxiliary.alpha[name])
        auxiliary = new.auxiliary if self.auxiliary.searched else old.auxiliary
        return replace(new, main=self.mixture.carry_over(old.main, new.main), auxiliary=auxiliary, draws=old.draws)

    def epoch(self, state: TETLOState, validate: Validate, progress: Progress) -> Metrics:
        """The auxiliary begins anew, if it is time."""
        done = progress.epoch + 1
        if self.auxiliary.restart and done % self.auxiliary.restart == 0 and done < progress.epochs:
            state.auxiliary.restart()
        return self.mixture.epoch(state.main, validate, progress)

    # -- a step -------------------------------------------------------------------------------------------------------

    def step(self, state: TETLOState, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """The lesson, the base's step along the changed gradient, the auxiliary's step."""
        moves, now = self.mixture.moves(progress), _Now(self, state, train, valid, progress)
        lesson, reward = now.teach() if self.transfer and moves else (None, ())
        metrics = self.mixture.step(state.main, train, valid, progress, partial(self._changed, state, reward))
        lesson = lesson or now.learn(moves)
        state.auxiliary.step(lesson.auxiliary, lesson.own, progress, train.share)
        return {**metrics, **now.metrics(lesson, reward)}

    def _changed(self, state: TETLOState, reward: Sequence[Tensor], gradients: Sequence[Tensor]) -> Sequence[Tensor]:
        """Level 3's gradient, of the base's and the transfer's. What a budget adds is not gamma's to weigh."""
        weighted = [self.gamma * one for one in gradients]
        if reward:
            weighted = [one + more for one, more in zip(weighted, reward, strict=True)]
        penalty, alpha = state.problem.penalty, state.main.alpha
        if penalty is None or self.gamma == 1:
            return weighted
        rest = gradients_of((1 - self.gamma) * penalty(self.relax(state, alpha)), list(alpha.values()))
        return [one + more for one, more in zip(weighted, rest, strict=True)]


@dataclass
class _Now:
    """The three levels on the batches of one step."""

    method: TETLO
    state: TETLOState
    train: Batch
    valid: Batch
    progress: Progress

    def teach(self) -> tuple[Lesson, tuple[Tensor, ...]]:
        """The lesson, and the gradient of level 3 in the architecture parameters."""
        method, state = self.method, self.state
        mixture = method.mixture.judged(state.main, self.progress, state.draws)
        leaves = {kind: matrix.detach().requires_grad_() for kind, matrix in mixture.W.items()}
        teacher = Teacher(
            partial(self._main, mixture=mixture._replace(W=leaves)),
            state.trainer.next_step(self.progress, self.train.share),
            self._prepared(mixture.W),
        )
        own = list(state.auxiliary.alpha.values())
        lesson = teach(teacher, self._pupil(), list(leaves.values()), method.hypergradient, method.radius, own)
        alpha = list(state.main.alpha.values())
        # alpha acts through W alone: one pass back through the relaxation, with the draw that was made
        reward = torch.autograd.grad(
            list(mixture.W.values()), alpha, lesson.gradients, allow_unused=True, materialize_grads=True
        )
        return lesson, reward

    def learn(self, moves: bool) -> Lesson:
        """The auxiliary's step alone, told by the main model as it is now."""
        told = None
        if self.method.transfer:
            with torch.no_grad():
                mixture = self.method.mixture.judged(self.state.main, self.progress, self.state.draws)
                told = self._main(dict(self.state.problem.network.named_parameters()), mixture)[1]
        return learn(self._pupil(), told, list(self.state.auxiliary.alpha.values()) if moves else ())

    def metrics(self, lesson: Lesson, reward: Sequence[Tensor]) -> Metrics:
        """What the record says of the auxiliary: losses of this step, and the size of the transfer's gradient."""
        found = {
            "auxiliary_train_loss": lesson.training_loss,
            "auxiliary_valid_loss": lesson.validation_loss,
            "auxiliary_valid_metric": self.valid_metric,
        }
        if lesson.transfer_loss is not None:
            found["transfer_loss"] = lesson.transfer_loss
        if reward:
            found["transfer_gradient"] = torch.cat([one.flatten() for one in reward]).norm()
        return found

    # -- the models ---------------------------------------------------------------------------------------------------

    def _main(self, weights: Mapping[str, Tensor], mixture: Mixture) -> tuple[Tensor, Tensor]:
        output = self.state.trainer.output_at(weights, self.train, *mixture)
        loss = training_loss(self.state.problem.task, output, self.train)
        return loss, self.method.knowledge.of(output.prediction, output.features)

    def _prepared(self, W: Weights) -> Callable[[Mapping[str, Tensor]], tuple[Tensor, ...]] | None:
        """Level 1's gradient, where it is that of the base's next step: it is computed once."""
        method, main = self.method, self.state.main
        if (
            method.hypergradient == "exact"
            or method.mixture.alpha_first(main)
            or not method.mixture.judges_what_it_trains
        ):
            return None
        return lambda _: main.trainer.prepare(self.train, W)

    def _pupil(self) -> Pupil:
        method, state, task = self.method, self.state, self.state.problem.task
        auxiliary = state.auxiliary
        W = method.relax(state, auxiliary.alpha) if auxiliary.alpha else None
        fixed = W and {kind: matrix.detach() for kind, matrix in W.items()}

        def says(weights: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
            prediction, features = auxiliary.run(weights, self.train.inputs, fixed)
            return task.loss(prediction, self.train.targets), method.knowledge.of(prediction, features)

        def judge(weights: Mapping[str, Tensor]) -> Tensor:
            prediction, _ = auxiliary.run(weights, self.valid.inputs, W)
            self.valid_metric = task.metric(prediction.detach(), self.valid.targets)
            return task.loss(prediction, self.valid.targets)

        def settle(S: Tensor, T: Tensor) -> Match:
            return method.knowledge.settle(S, T, state.draws)

        return Pupil(says, auxiliary.next_step(self.progress, self.train.share), settle, method.transfer, judge)

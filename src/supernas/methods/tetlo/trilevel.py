r"""The gradient of a third level in alpha, through a step of a main model and one of an auxiliary that it teaches.

With weights W of the main model, V of the auxiliary, T(W, alpha) what the main model says of a training batch, S(V)
what the auxiliary says of it, and Q(S, T) how badly the two match, its weight included:

    W' = W - xi_w grad_W L_train(W, alpha)                       level 1
    V' = V - xi_v grad_V [L_train(V) + Q(S(V), T(W', alpha))]    level 2
    L_valid(V')                                                  level 3

Each step is the one that the optimiser would make (`hypergradients.Unrolled`: momentum, decay, clipping). With
u = grad_{V'} L_valid(V') the chain rule gives, from the top down,

    t = dL/dT     = - xi_v grad^2_{T, V} Q(S(V), T) u
    p = dL/dW'    = (dT/dW')^T t,        direct = (dT/dalpha)^T t
    dL/dalpha     = direct - xi_w grad^2_{alpha, W} L_train(W, alpha) p

`exact` lets autograd differentiate through both steps. `finite-difference` takes central differences for the two
mixed products, at V +- radius u / |u| and W +- radius p / |p|. Alpha reaches level 3 through T alone, so the first of
them needs no gradient of the auxiliary: S is computed at both places without a graph, and Q is differentiated in T, a
matrix (and S is continuous, so that a ReLU that switches between the two places does little harm there). Both sides
see what the networks drew at V and at W (masks of dropout). That leaves four passes forward and backward through the
main model (the gradient at W, T at W', and two for the second product), of the auxiliary two (training, validation),
and two forward only.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from supernas.steps.hypergradients import Hypergradient, Replay, Unrolled, gradients_of, mixed_product

__all__ = ["Match", "Student", "Teacher", "TransferStep", "learn", "teach"]

Tensors = Mapping[str, Tensor]
Match = Callable[[Tensor, Tensor], Tensor]
"""Q: how badly what the auxiliary says (S) fits what the main model says (T), a scalar."""


@dataclass(frozen=True)
class Teacher:
    """The main model on a training batch.

    Attributes:
        says: W -> (L_train(W, alpha), T).
        step: its next step.
        gradient: W -> grad_W L_train(W, alpha) without a graph, where somebody computes it anyway.
    """

    says: Callable[[Tensors], tuple[Tensor, Tensor]]
    step: Unrolled
    gradient: Callable[[Tensors], tuple[Tensor, ...]] | None = None

    def loss(self, weights: Tensors) -> Tensor:
        """L_train(W, alpha)."""
        return self.says(weights)[0]

    def slope(self, weights: Tensors) -> tuple[Tensor, ...]:
        """grad_W L_train(W, alpha), without a graph."""
        if self.gradient is not None:
            return self.gradient(weights)
        return gradients_of(self.loss(weights), list(weights.values()))


@dataclass(frozen=True)
class Student:
    """The auxiliary model on a training and a validation batch.

    Attributes:
        says: V -> (L_train(V), S).
        step: its next step.
        settle: (S, T) -> Q, in which all that is drawn or picked is settled.
        weight: of Q in level 2.
        judge: V' -> L_valid(V').
    """

    says: Callable[[Tensors], tuple[Tensor, Tensor]]
    step: Unrolled
    settle: Callable[[Tensor, Tensor], Match]
    weight: float
    judge: Callable[[Tensors], Tensor]


@dataclass(frozen=True)
class TransferStep:
    """What the auxiliary's step taught; nothing has a graph.

    Attributes:
        gradients: of level 3 in alpha.
        own: of level 3 in the auxiliary's architecture parameters, at V' as it is.
        auxiliary: of level 2 in V, before clipping: the step that was looked through goes along them.
        training_loss: the auxiliary's L_train.
        transfer_loss: Q; None where nothing is transferred.
        validation_loss: level 3.
    """

    gradients: tuple[Tensor, ...]
    own: tuple[Tensor, ...]
    auxiliary: tuple[Tensor, ...]
    training_loss: Tensor
    transfer_loss: Tensor | None
    validation_loss: Tensor


def teach(
    teacher: Teacher,
    student: Student,
    alpha: Sequence[Tensor],
    form: Hypergradient,
    radius: float = 0.01,
    own: Sequence[Tensor] = (),
) -> TransferStep:
    """Level 3 after both steps, and its gradient in alpha.

    Args:
        teacher: the main model.
        student: the auxiliary model.
        alpha: leaf tensors that what the teacher says depends on.
        form: how the mixed products are computed.
        radius: of the finite differences: the distance to either side.
        own: leaf tensors that `student.judge` depends on and `student.says` does not.
    """
    if form == "exact":
        return _exact(teacher, student, alpha, own)
    return _finite_difference(teacher, student, alpha, own, radius)


def learn(student: Student, told: Tensor | None, own: Sequence[Tensor] = ()) -> TransferStep:
    """The auxiliary's step alone: level 3 after it, without a gradient in alpha.

    Args:
        student: the auxiliary model.
        told: T, without a graph; None where nothing is transferred.
        own: as in `teach`.
    """
    loss, S = student.says(student.step.weights)
    match = None if told is None else student.settle(S.detach(), told)(S, told)
    total = loss if match is None else loss + student.weight * match
    by_V = gradients_of(total, list(student.step.weights.values()))
    judged = student.judge(student.step.after(by_V))
    by_own = gradients_of(judged, own) if own else ()
    return TransferStep((), by_own, by_V, loss.detach(), None if match is None else match.detach(), judged.detach())


def _exact(teacher: Teacher, student: Student, alpha: Sequence[Tensor], own: Sequence[Tensor]) -> TransferStep:
    first, second = teacher.step, student.step
    loss, _ = teacher.says(first.weights)
    _, T = teacher.says(first.after(gradients_of(loss, list(first.weights.values()), create_graph=True)))
    training_loss, S = student.says(second.weights)
    match = student.settle(S.detach(), T.detach())(S, T)
    by_V = gradients_of(training_loss + student.weight * match, list(second.weights.values()), create_graph=True)
    judged = student.judge(second.after(by_V))
    both = gradients_of(judged, [*alpha, *own])
    by_weights = tuple(value.detach() for value in by_V)
    losses = (value.detach() for value in (training_loss, match, judged))
    return TransferStep(both[: len(alpha)], both[len(alpha) :], by_weights, *losses)


def _finite_difference(
    teacher: Teacher, student: Student, alpha: Sequence[Tensor], own: Sequence[Tensor], radius: float
) -> TransferStep:
    first, second = teacher.step, student.step
    at_w, at_v = Replay(), Replay()
    by_weights = at_w(teacher.slope, first.weights)
    moved = {name: w.requires_grad_() for name, w in first.after(by_weights).items()}
    _, said = teacher.says(moved)
    T = said.detach().requires_grad_()

    training_loss, S = at_v(student.says, second.weights)
    match = student.settle(S.detach(), T.detach())
    transfer_loss = match(S, T.detach())
    by_V = gradients_of(training_loss + student.weight * transfer_loss, list(second.weights.values()))
    judged, by_own, u = _level_three(student, second.after(by_V), own)

    def matched(weights: Tensors) -> Tensor:
        return student.weight * match(at_v(student.says, weights)[1], T)

    (by_T,) = mixed_product(matched, [T], second.weights, u, radius)
    by_T = -second.rate * second.clipped(by_V) * by_T
    back = gradients_of(said, [*alpha, *moved.values()], along=by_T)
    direct, p = back[: len(alpha)], back[len(alpha) :]
    mixed = mixed_product(partial(at_w, teacher.loss), alpha, first.weights, p, radius)
    rate = first.rate * first.clipped(by_weights)
    gradients = tuple(d - rate * m for d, m in zip(direct, mixed, strict=True))
    return TransferStep(gradients, by_own, by_V, training_loss.detach(), transfer_loss.detach(), judged)


def _level_three(
    student: Student, after: Tensors, own: Sequence[Tensor]
) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Level 3 at given V', and its gradients in the auxiliary's architecture parameters and in V'."""
    moved = {name: v.detach().requires_grad_() for name, v in after.items()}
    loss = student.judge(moved)
    both = gradients_of(loss, [*own, *moved.values()])
    return loss.detach(), both[: len(own)], both[len(own) :]

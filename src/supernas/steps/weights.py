"""The weight step of every method: along single paths, with any objective, or along a mixture.

Also the forward pass on validation batches, since a recurrent network carries a hidden state through each stream, and
what a method needs that looks at the losses after the next step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.func import functional_call

from supernas.core.architecture import Architecture, Pair
from supernas.core.progress import Progress
from supernas.core.state import UNSAVED, State
from supernas.core.task import Task
from supernas.data import Batch
from supernas.networks.base import Output, Unselected, Weights
from supernas.steps.contracts import Metrics, Problem
from supernas.steps.hypergradients import Unrolled
from supernas.steps.optimisers import WeightsOptimiser

__all__ = ["MixtureTrainer", "PathTrainer", "Trainer", "training_loss", "unrolled"]

Carry = tuple[Tensor, ...] | None


@dataclass(kw_only=True)
class Trainer(State):
    """What both weight steps share.

    Attributes:
        problem: the problem.
        optimiser: of the network's weights.
        last: the path that was trained last; None for mixtures.
        carry: the hidden state of a recurrent network after the last training batch.
        valid_carry: the same after the last validation batch.
    """

    problem: Problem = field(metadata=UNSAVED)
    optimiser: WeightsOptimiser
    last: Architecture | None = None
    carry: Carry = None
    valid_carry: Carry = None

    def validation_loss(
        self,
        batch: Batch,
        W: Weights | None = None,
        active: tuple[Pair, ...] | None = None,
        unselected: Unselected = "skip",
    ) -> Tensor:
        """The loss on the next validation batch, with a graph; the arguments are those of `Network.after_stem`."""
        carry = self.next_valid_carry(batch)
        return self.judge(self.problem.network(batch.inputs, W, active, carry, unselected), batch, W)

    def judge(self, output: Output, batch: Batch, W: Weights | None = None) -> Tensor:
        """The loss of an output on the validation batch, whose hidden state the next one goes on from, and the penalty
        for what `W` costs.
        """
        self.valid_carry = _detached(output.carry)
        loss = self.problem.task.loss(output.prediction, batch.targets)
        penalty = self.problem.penalty
        return loss if penalty is None or W is None else loss + penalty(W)

    def next_carry(self, batch: Batch) -> Carry:
        """The hidden state that a training batch goes on from."""
        return self.carry if batch.follows else None

    def next_valid_carry(self, batch: Batch) -> Carry:
        """The hidden state that a validation batch goes on from."""
        return self.valid_carry if batch.follows else None

    # -- looking ahead ------------------------------------------------------------------------------------------------

    def next_step(self, progress: Progress, share: float) -> Unrolled:
        """The step that the weights' optimiser would make now, on a batch of that part of the usual size; without
        Nesterov's correction, and clipped where the space's published code clips it.
        """
        optimiser = self.optimiser
        clip = optimiser.options.clip if self.problem.space.unrolled_clips else 0.0
        return unrolled(self.problem.network, optimiser, progress, share, clip)

    def training_loss_at(self, weights: Mapping[str, Tensor], batch: Batch, W: Weights) -> Tensor:
        """The loss of a mixture on the next training batch at given weights, with a graph; nothing is carried on."""
        return training_loss(self.problem.task, self.output_at(weights, batch, W, carry=self.next_carry(batch)), batch)

    def validation_loss_at(self, weights: Mapping[str, Tensor], batch: Batch, W: Weights) -> Tensor:
        """`validation_loss` of a mixture at given weights."""
        carry = self.next_valid_carry(batch)
        return self.judge(self.output_at(weights, batch, W, carry=carry), batch, W)

    def output_at(
        self,
        weights: Mapping[str, Tensor],
        batch: Batch,
        W: Weights,
        active: tuple[Pair, ...] | None = None,
        unselected: Unselected = "skip",
        carry: Carry = None,
    ) -> Output:
        """What the network gives for a batch at given weights; the last arguments are those of `Network.after_stem`.

        Running averages are left as they are.
        """
        network, arguments = self.problem.network, (batch.inputs, W, active, carry, unselected)
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
        output: Output = functional_call(network, {**buffers, **weights}, arguments)
        return output

    # -- the step -----------------------------------------------------------------------------------------------------

    def _finish(self, output: Output, batch: Batch, progress: Progress) -> Tensor:
        """Steps along the gradient that is there; the training metric of the output."""
        self.optimiser.step(progress, batch.share)
        self.carry = _detached(output.carry)
        return self.problem.task.metric(output.prediction.detach(), batch.targets)


@dataclass(kw_only=True)
class PathTrainer(Trainer):
    """The weight step of every method that trains single paths, with the problem's objective."""

    objective: State

    @classmethod
    def make(cls, problem: Problem) -> "PathTrainer":
        """A trainer of the problem's network."""
        return cls(
            problem=problem,
            optimiser=WeightsOptimiser(problem.network, problem.weights),
            objective=problem.objective.init(problem.network, problem.space, problem.seed),
        )

    def step(self, batch: Batch, architecture: Architecture, progress: Progress) -> Metrics:
        """One step of the weights along the objective's gradient.

        All paths that the objective runs share the stem: it runs once, and its backward pass once with the sum of the
        paths' gradients.
        """
        task, network, objective = self.problem.task, self.problem.network, self.problem.objective
        self.optimiser.zero_grad()
        stem = network.embed(batch.inputs)
        shares = objective.shares_stem and stem.requires_grad  # a stem that computes nothing has nothing to share
        shared = stem.detach().requires_grad_() if shares else stem
        carry = self.next_carry(batch)

        def forward(path: Architecture) -> tuple[Tensor, Output]:
            output = network.after_stem(shared, active=path.pairs, carry=carry)
            return training_loss(task, output, batch), output

        metrics, output = objective.backward(self.objective, architecture, forward)
        if shares and shared.grad is not None:  # None where no path leads from the input to the output
            stem.backward(shared.grad)
        self.last = architecture
        return {**metrics, "train_metric": self._finish(output, batch, progress)}


@dataclass(kw_only=True)
class MixtureTrainer(Trainer):
    """The weight step of every method that runs several options at a choice.

    Attributes:
        prepared: the loss and the output of a step that is computed and not yet made.
    """

    prepared: tuple[Tensor, Output] | None = field(default=None, metadata=UNSAVED)

    @classmethod
    def make(cls, problem: Problem) -> "MixtureTrainer":
        """A trainer of the problem's network."""
        return cls(problem=problem, optimiser=WeightsOptimiser(problem.network, problem.weights))

    def prepare(self, batch: Batch, W: Weights) -> tuple[Tensor, ...]:
        """The gradient of the next step in the weights that are trained, without a graph: `step`, to be called next
        with the same arguments, goes along it and runs nothing again.
        """
        self.optimiser.zero_grad()
        fixed = {kind: matrix.detach() for kind, matrix in W.items()}
        output = self.problem.network(batch.inputs, fixed, carry=self.next_carry(batch))
        loss = training_loss(self.problem.task, output, batch)
        loss.backward()
        self.prepared = loss.detach(), Output(output.prediction.detach(), output.features.detach(), output.carry)
        return tuple(torch.zeros_like(w) if w.grad is None else w.grad for w in self.optimiser.parameters)

    def step(self, batch: Batch, W: Weights, progress: Progress) -> Metrics:
        """One step of the weights on the mixture of all options that the network holds; `W` is taken as it is."""
        if self.prepared is None:
            self.prepare(batch, W)
        assert self.prepared is not None
        (loss, output), self.prepared = self.prepared, None
        return {"loss": loss, "train_metric": self._finish(output, batch, progress)}


def unrolled(
    network: nn.Module, optimiser: WeightsOptimiser, progress: Progress, share: float, clip: float
) -> Unrolled:
    """The step that an optimiser of a network's weights would make now, without Nesterov's correction.

    Args:
        network: whose weights.
        optimiser: their optimiser.
        progress: says the learning rate.
        share: the size of the batch as a part of a usual one.
        clip: largest norm of the gradient; 0 does not clip.
    """
    weights = {name: w for name, w in network.named_parameters() if w.requires_grad}
    buffers = {name: optimiser.momentum(w) for name, w in weights.items()}
    return Unrolled(
        weights,
        rate=optimiser.learning_rate(progress) * share,
        momentum=optimiser.options.momentum,
        decay=optimiser.options.weight_decay,
        buffers={name: buffer for name, buffer in buffers.items() if buffer is not None},
        clip=clip,
    )


def training_loss(task: Task, output: Output, batch: Batch) -> Tensor:
    """The task's loss, and what the network adds to it."""
    loss = task.loss(output.prediction, batch.targets)
    return loss if output.penalty is None else loss + output.penalty


def _detached(carry: Carry) -> Carry:
    return carry and tuple(part.detach() for part in carry)

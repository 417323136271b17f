"""The weight step of every method: along single paths, with any objective, or along a mixture.

Also the forward pass on validation batches, since a recurrent network carries a hidden state through each stream, and
what a method needs that looks at the losses after the next step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.ranks import mine, whole
from supernas.core.state import UNSAVED, State
from supernas.core.task import Task
from supernas.data import Batch
from supernas.networks.base import Mixture, Output, Weights
from supernas.steps.contracts import MethodState, Metrics, SearchContext
from supernas.steps.hypergradients import Unrolled
from supernas.steps.objectives.base import PathSum, WeightedPath, backward_over_paths, merged, part_sizes
from supernas.steps.optimisers import WeightsOptimiser
from supernas.steps.scaling import LossScale

__all__ = [
    "Computed",
    "Gradients",
    "MixtureTrainer",
    "PathTrainer",
    "TrainedState",
    "Trainer",
    "training_loss",
    "unchanged",
    "unrolled",
]

Carry = tuple[Tensor, ...] | None
ON_CPU = torch.device("cpu")

Gradients = Sequence[Tensor | None]
"""Of the weights that are trained, in the optimiser's order; None where an option did not run."""

Change = Callable[[Gradients], Gradients]


def unchanged(gradients: Gradients) -> Gradients:
    """Gradients as they are."""
    return gradients


@dataclass(kw_only=True)
class Trainer(State):
    """What both weight steps share.

    Attributes:
        context: what the search is about.
        optimiser: of the network's weights.
        last: the path that was trained last; None for mixtures.
        carry: the hidden state of a recurrent network after the last training batch.
        valid_carry: the same after the last validation batch.
    """

    context: SearchContext = field(metadata=UNSAVED)
    optimiser: WeightsOptimiser
    last: Architecture | None = None
    carry: Carry = None
    valid_carry: Carry = None

    # -- saving -------------------------------------------------------------------------------------------------------

    def tree(self) -> Document:
        """As of any state, with the hidden states of the whole batch: how many devices share it may change."""
        own = self.carry, self.valid_carry
        self.carry, self.valid_carry = (carry and tuple(map(whole, carry)) for carry in own)
        try:
            return super().tree()
        finally:
            self.carry, self.valid_carry = own

    def load(self, tree: Document, device: torch.device = ON_CPU) -> None:
        """As of any state, with this device's part of the hidden states."""
        super().load(tree, device)
        self.carry, self.valid_carry = (carry and tuple(map(mine, carry)) for carry in (self.carry, self.valid_carry))

    # -- the validation batch -----------------------------------------------------------------------------------------

    def validation_loss(self, batch: Batch, mixture: Mixture) -> Tensor:
        """The loss of a mixture on the next validation batch, with a graph."""
        W, active, unselected = mixture
        with self.context.computing():
            output = self.context.forward(
                batch.inputs, W and self.entering(W), active, self.next_valid_carry(batch), unselected
            )
            return self.loss_on_valid(output, batch, W)

    def loss_on_valid(self, output: Output, batch: Batch, W: Weights | None) -> Tensor:
        """The loss of an output on the validation batch, whose hidden state the next one goes on from, and the penalty
        for what `W` costs.
        """
        self.valid_carry = _detached(output.carry)
        loss = self.optimiser.scaled(self.context.task.loss(output.prediction, batch.targets))
        penalty = self.context.penalty
        return loss if penalty is None or W is None else loss + penalty(W)

    def next_carry(self, batch: Batch) -> Carry:
        """The hidden state that a training batch goes on from."""
        return self.carry if batch.follows else None

    def next_valid_carry(self, batch: Batch) -> Carry:
        """The hidden state that a validation batch goes on from."""
        return self.valid_carry if batch.follows else None

    # -- scaled losses ------------------------------------------------------------------------------------------------

    def entering(self, leaves: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Weights or a matrix `W` as they enter a network, at which scaled gradients arrive as they were before."""
        scale = self.optimiser.scale
        return leaves if scale is None else scale.down(leaves)

    def allows(self, gradients: Gradients) -> bool:
        """Whether alpha may be moved along gradients of the loss. Always, but where losses are scaled all are looked at
        first: one that is not finite says that the scale was too large, and is none to follow.
        """
        scale = self.optimiser.scale
        return scale is None or scale.allows(gradients)

    # -- looking ahead ------------------------------------------------------------------------------------------------

    def next_step(self, progress: Progress, share: float) -> Unrolled:
        """The step that the weights' optimiser would make now, on a batch of that part of the usual size; without
        Nesterov's correction, and clipped where the published code of the space clips it.
        """
        optimiser = self.optimiser
        clip = optimiser.options.clip if self.context.recipe.clips_look_ahead else 0.0
        return unrolled(self.context.network, optimiser, progress, share, clip)

    def training_loss_at(self, weights: Mapping[str, Tensor], batch: Batch, mixture: Mixture) -> Tensor:
        """The loss of a mixture on the next training batch at given weights, with a graph; nothing is carried on."""
        with self.context.computing():
            output = self.output_at(self.entering(weights), batch, self._entered(mixture), self.next_carry(batch))
            return self.optimiser.scaled(training_loss(self.context.task, output, batch))

    def validation_loss_at(self, weights: Mapping[str, Tensor], batch: Batch, mixture: Mixture) -> Tensor:
        """`validation_loss` of a mixture at given weights."""
        with self.context.computing():
            carry = self.next_valid_carry(batch)
            output = self.output_at(self.entering(weights), batch, self._entered(mixture), carry)
            return self.loss_on_valid(output, batch, mixture.W)

    def output_at(self, weights: Mapping[str, Tensor], batch: Batch, mixture: Mixture, carry: Carry = None) -> Output:
        """What a mixture gives for a batch at given weights. Running averages are left as they are."""
        network, (W, active, unselected) = self.context.network, mixture
        buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
        output: Output = functional_call(network, {**buffers, **weights}, (batch.inputs, W, active, carry, unselected))
        return output

    # -- the step -----------------------------------------------------------------------------------------------------

    def look_at_valid(self, batch: Batch, mixture: Mixture) -> Tensor:
        """The loss of a mixture on the next validation batch at the present weights, with a graph and without the
        penalty; leaves no trace.
        """
        output = self.output_at(self._present(), batch, mixture, carry=self.next_valid_carry(batch))
        return self.context.task.loss(output.prediction, batch.targets)

    def look_at_train(self, batch: Batch, mixture: Mixture) -> Tensor:
        """The same on the next training batch."""
        return self.training_loss_at(self._present(), batch, mixture)

    def _present(self) -> dict[str, Tensor]:
        return dict(self.context.network.named_parameters())

    def _entered(self, mixture: Mixture) -> Mixture:
        return mixture if mixture.W is None else mixture._replace(W=self.entering(mixture.W))

    def _finish(self, output: Output, batch: Batch, progress: Progress) -> Metrics:
        """Steps along the gradient that is there; the training metric of the output, and what the step says."""
        stepped = self.optimiser.step(progress, batch.share)
        self.carry = _detached(output.carry)
        return {"train_metric": self.context.task.metric(output.prediction.detach(), batch.targets), **stepped}


@dataclass(kw_only=True)
class PathTrainer(Trainer):
    """The weight step of every method that trains single paths, with the search's objective."""

    objective: State

    @classmethod
    def make(cls, context: SearchContext) -> "PathTrainer":
        """A trainer of the search's network."""
        return cls(
            context=context,
            optimiser=_optimiser(context),
            objective=context.objective.init(context.network, context.space, context.seed),
        )

    def step(self, batch: Batch, architecture: Architecture, progress: Progress, change: Change = unchanged) -> Metrics:
        """One step of the weights along the objective's gradient, which is changed before.

        `train_metric` is the current path's; where paths share the batch, each image is judged by the path that saw it.
        """
        self.last, objective = architecture, self.context.objective
        if isinstance(objective, PathSum):
            paths = objective.paths(self.objective, architecture)
            return self._step_over(batch, paths, objective.normalise, progress, change)
        self.optimiser.zero_grad()
        run = _PathRuns(self, batch)
        with self.optimiser.arriving():
            metrics, output = objective.backward(self.objective, architecture, run)
            run.backward_through_stem()
        self._change(change)
        return {**metrics, **self._finish(output, batch, progress)}

    def step_over_set(self, batch: Batch, architectures: Sequence[Architecture], progress: Progress) -> Metrics:
        """One step of the weights along the mean loss of a set of current paths; the objective is not asked.

        `train_metric` is the first path's, or as in `step` where they share the batch.
        """
        self.last = architectures[-1]
        paths = [WeightedPath(architecture, 1.0, "current") for architecture in architectures]
        return self._step_over(batch, paths, normalise=True, progress=progress)

    def _step_over(
        self,
        batch: Batch,
        paths: list[WeightedPath],
        normalise: bool,
        progress: Progress,
        change: Change = unchanged,
    ) -> Metrics:
        """One step along a weighted sum of the losses of paths, each over the batch or over its own part of it."""
        self.optimiser.zero_grad()
        split = self.context.paths == "split"
        if split:
            paths = [path for path in paths if path.weight > 0]
        run = _PathRuns(self, batch, merged(paths, normalise) if split else None)
        with self.optimiser.arriving():
            metrics, output = backward_over_paths(paths, run, normalise)
            run.backward_through_stem()
        output = run.joined() if split else output
        self._change(change)
        return {**metrics, **self._finish(output, batch, progress)}

    def _change(self, change: Change) -> None:
        """Changes the gradients that are there."""
        parameters = self.optimiser.parameters
        for parameter, gradient in zip(parameters, change([w.grad for w in parameters]), strict=True):
            parameter.grad = gradient


class _PathRuns:
    """Runs paths on a training batch, all of them after one pass of the stem.

    The stem's output is cut off from its graph: the gradients of the paths gather there, and go back through the stem
    together.

    Args:
        trainer: whose step it is.
        batch: of the step.
        weights: the weight of each path that will run, where each has a part of the batch; None gives all of it to all.
    """

    def __init__(self, trainer: Trainer, batch: Batch, weights: Mapping[Architecture, float] | None = None) -> None:
        self._trainer, self._context, self._carry = trainer, trainer.context, trainer.next_carry(batch)
        context = self._context
        with context.computing():
            stem = context.network.embed(batch.inputs)
        targets: Sequence[Tensor] = [batch.targets]
        self._stems: Sequence[Tensor] = [stem]
        self._part: Mapping[Architecture, int] = {}
        if weights is not None:
            sizes = part_sizes(len(stem), list(weights.values()))
            self._stems, targets = stem.split(sizes), batch.targets.split(sizes)
            self._part = {path: number for number, path in enumerate(weights)}
        self._cut = context.objective.shares_stem and stem.requires_grad  # one that computes nothing is not shared
        inputs = [part.detach().requires_grad_() for part in self._stems] if self._cut else self._stems
        self._batches = [Batch(*part) for part in zip(inputs, targets, strict=True)]  # inputs: the stem's output
        self._outputs: dict[int, Output] = {}

    def __call__(self, path: Architecture) -> tuple[Tensor, Output]:
        """The loss of a path on what it sees of the batch, with a graph, and its output."""
        number = self._part.get(path, 0)
        batch = self._batches[number]
        with self._context.computing():
            output = self._context.network.after_stem(batch.inputs, Mixture(active=path.pairs), self._carry)
            self._outputs[number] = output
            return self._trainer.optimiser.scaled(training_loss(self._context.task, output, batch)), output

    def backward_through_stem(self) -> None:
        """The stem's backward pass with the sum of the paths' gradients."""
        pairs = zip(self._stems, self._batches, strict=True)
        reached = [(stem, batch.inputs.grad) for stem, batch in pairs if self._cut and batch.inputs.grad is not None]
        if reached:  # nothing where no path leads from the input to the output
            stems, gradients = zip(*reached, strict=True)
            torch.autograd.backward(stems, gradients)

    def joined(self) -> Output:
        """What the paths gave for all parts, in the order of the batch."""
        outputs = [self._outputs[number] for number in range(len(self._batches))]
        return Output(
            torch.cat([output.prediction.detach() for output in outputs]),
            torch.cat([output.features.detach() for output in outputs]),
        )


class Computed(NamedTuple):
    """A pass of a mixture forward and backward, before the step along its gradient.

    Attributes:
        loss: of the training batch.
        output: of the network, without a graph.
        gradients: of the weights that are trained, in the optimiser's order; None where an option did not run.
    """

    loss: Tensor
    output: Output
    gradients: Gradients


@dataclass(kw_only=True)
class MixtureTrainer(Trainer):
    """The weight step of every method that runs several options at a choice."""

    @classmethod
    def make(cls, context: SearchContext) -> "MixtureTrainer":
        """A trainer of the search's network."""
        return cls(context=context, optimiser=_optimiser(context))

    def compute(self, batch: Batch, mixture: Mixture) -> Computed:
        """The gradient of the next step in the weights; `mixture` is taken as it is."""
        assert mixture.W is not None, "a mixture without weights"
        self.optimiser.zero_grad()
        fixed = {kind: matrix.detach() for kind, matrix in mixture.W.items()}
        with self.context.computing():
            output = self.context.forward(batch.inputs, fixed, carry=self.next_carry(batch))
            loss = self.optimiser.scaled(training_loss(self.context.task, output, batch))
        with self.optimiser.arriving():
            loss.backward()
        without = Output(output.prediction.detach(), output.features.detach(), output.carry)
        return Computed(loss.detach(), without, tuple(w.grad for w in self.optimiser.parameters))

    def apply(self, computed: Computed, batch: Batch, progress: Progress) -> Metrics:
        """The step along a gradient that was computed on the same batch."""
        for parameter, gradient in zip(self.optimiser.parameters, computed.gradients, strict=True):
            parameter.grad = gradient
        return {"loss": computed.loss, **self._finish(computed.output, batch, progress)}

    def step(self, batch: Batch, mixture: Mixture, progress: Progress, change: Change = unchanged) -> Metrics:
        """One step of the weights on the mixture of all options that the network holds, along a gradient that is
        changed before.
        """
        computed = self.compute(batch, mixture)
        return self.apply(computed._replace(gradients=change(computed.gradients)), batch, progress)


@dataclass(kw_only=True)
class TrainedState(MethodState):
    """Also the step of the weights."""

    trainer: Trainer

    @property
    def last_path(self) -> Architecture | None:
        """The trainer's."""
        return self.trainer.last


def _optimiser(context: SearchContext) -> WeightsOptimiser:
    return WeightsOptimiser(context.network, context.weights, LossScale.of(context.precision))


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

"""Training one architecture from scratch, on all training data ("evaluation" in the papers).

The recipe is that of the space's presets: published settings of optimiser, schedule, augmentation, dropouts, auxiliary
loss. The test data are looked at once, at the end. Where the data have a validation part (texts) it is looked at after
every epoch: it can choose the weights (`train.keep`), and begin to average them (`weights.patience`).

With `train.split` it trains on a search's training half and is judged on its validation half after every epoch; the
test data are then out of reach: who chooses between architectures or settings by such runs has not seen them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.spelling import assigned
from supernas.core.task import Judge, Task
from supernas.data import Batch, Dataset
from supernas.networks.base import Network, Standalone, placed
from supernas.networks.costs.cost import cost, width_for
from supernas.networks.costs.memory import Pass
from supernas.runs.averaging import MovingAverage, TriggeredAverage, WeightAverage
from supernas.runs.configuration import TrainConfig, fingerprint, with_task
from supernas.runs.divergence import diverged, is_finite
from supernas.runs.finished import inherit
from supernas.runs.loop import Carry, EpochReport, Loop, Moving
from supernas.spaces.search_strategies import draw
from supernas.steps.compiling import compiled
from supernas.steps.contracts import Metrics
from supernas.steps.optimisers import WeightsOptimiser
from supernas.steps.precision import computing
from supernas.steps.scaling import LossScale
from supernas.steps.weights import training_loss

__all__ = ["TrainResult", "Training", "alike", "drawn", "run_name", "sized", "train_each", "train_random"]

_PROBED = 16  # inputs that show whether a network reads them


@dataclass(frozen=True)
class TrainResult:
    """What a training gave.

    Attributes:
        architecture: the architecture.
        text: the same as text of the space.
        model: the trained network, a plain module with `forward(x)`.
        record: the content of `result.json`.
        folder: where the run was written.
        task: what was learnt.
        random: what random architectures gave that were trained alike, if that was asked for.
    """

    architecture: Architecture
    text: str
    model: Standalone
    record: Document
    folder: Path
    task: Task
    random: tuple["TrainResult", ...] = ()

    @property
    def test_metric(self) -> float | None:
        """The task's metric on the test data; None if there are none, or a split leaves them alone."""
        metric: float | None = self.record[f"test_{self.task.quantity}"]
        return metric

    @property
    def valid_metric(self) -> float | None:
        """The task's metric on validation data; None if there are none."""
        metric: float | None = self.record.get(f"valid_{self.task.quantity}")
        return metric

    @property
    def test_accuracy(self) -> float | None:
        """Top-1 accuracy on the test images, in percent; None if the data have none, or it was no classification."""
        return self.record.get("test_accuracy")


@dataclass(kw_only=True)
class _Moving(Moving):
    """All that changes during a training."""

    network: Standalone
    optimiser: WeightsOptimiser
    average: WeightAverage | None
    carry: Carry = None  # the hidden state of a recurrent network, after the last batch
    best: dict[str, Tensor] = field(default_factory=dict)  # the weights of the best epoch, where they are kept
    best_metric: float | None = None
    reloads: int = 0  # in this epoch


class Training(Loop[EpochReport, TrainResult]):
    """One training: an iterator over its epochs, and `run` for those who only want the end.

    Args:
        config: a validated configuration, which names the architecture.
        folder: where to write; `runs/<name of the run>` by default.
        resume: go on from the folder's checkpoint, if it has one.
        on_epoch: listeners, called with each finished epoch's report; what they return (a dictionary or None) is added
            to the epoch's line of `metrics.jsonl`.
        on_step: called after every step with the progress and the metrics of that step.
        task: what is to be learnt, if not what is usual for the data.
        data: what to learn from, where the configuration does not say it.

    Raises:
        UserError: if the folder holds another configuration's run, or a run and `resume` is not asked for, or the data
            cannot be read.
    """

    weights_file = "weights.safetensors"
    state: _Moving

    def __init__(
        self,
        config: TrainConfig,
        folder: Path | None = None,
        *,
        resume: bool = False,
        on_epoch: tuple[Callable[[EpochReport], Document | None], ...] = (),
        on_step: Callable[[Progress, Metrics], None] | None = None,
        task: Task | None = None,
        data: Dataset | None = None,
    ) -> None:
        self.config = config = with_task(config, task)
        self.architecture = config.architecture
        dataset = _dataset(config, data)
        if task is not None and config.train.label_smoothing:
            raise UserError("train.label_smoothing is of the usual task; a task of your own smooths in its loss")
        self.task = task or dataset.task(config.train.label_smoothing)
        self._check(dataset)
        folder = folder or Path("runs") / run_name(config, dataset.name)
        super().__init__(config, config.train, dataset, folder, resume, on_epoch, on_step)
        if "test" not in dataset.parts and config.train.split is None:
            lacking = f"{dataset.name} has no test {dataset.examples}: the result has no test {self.task.quantity}"
            self.notes.append(lacking)

    def _check(self, dataset: Dataset) -> None:
        config = self.config
        wanted = {"train.keep=best": config.train.keep == "best", "weights.patience": config.weights.patience > 0}
        for name in (name for name, asked in wanted.items() if asked and "valid" not in dataset.parts):
            raise UserError(
                f"{name} needs validation {dataset.examples}, and {dataset.name} has none; leave it out, or keep "
                f"some apart with {assigned('train.split', 0.9)}"
            )
        if config.train.compile and config.space.data_kind == "text":
            raise UserError(
                "train.compile does not go with texts, whose windows differ in length, and each would be a graph of "
                "its own; leave train.compile out"
            )
        if config.weights.patience and config.train.ema:
            raise UserError("weights.patience and train.ema are two averages of the weights; give one of them")

    @property
    def model(self) -> Standalone:
        """The network that is tested and written: the one that is trained, or the average of its weights."""
        average = self.state.average
        return cast(Standalone, average.network) if average is not None and average.ready else self.state.network

    @property
    def _tried_pairs(self) -> tuple[Pair, ...]:
        return self.architecture.pairs

    def _trained(self) -> Standalone:
        return self.model

    def _start(self) -> _Moving:
        config, data = self.config, self.data
        stream = data.stream("train", config.train.batch_size, config.train.seed, self.device)
        self._check_network(stream.batch_size)
        model = _build(config, data)
        if config.train.inherit:
            inherit(model.network, config.space, Path(config.train.inherit))
        model = placed(model, self.device)
        self._check_connected(model)
        self.steps_per_epoch = stream.steps_per_epoch
        self._output = compiled(model.output, "train.compile") if config.train.compile else model.output
        return _Moving(
            network=model,
            train=stream,
            optimiser=WeightsOptimiser(model, config.weights, LossScale.of(config.train.precision)),
            average=self._average(model),
            best=_copy(model) if config.train.keep == "best" else {},
        )

    def _check_connected(self, model: Standalone) -> None:
        """Refuses a network whose output says nothing of its input, unless the settings allow it."""
        if self.config.train.disconnected == "refuse" and not model.reads_input(self._first(_PROBED).inputs):
            raise UserError(
                f"{self.config.text} has no path from input to output, so its network answers the same to every input; "
                f"train another architecture, or this one all the same: {assigned('train.disconnected', 'allow')}"
            )

    def _first(self, count: int) -> Batch:
        return self.data.first("train", count, self.device)

    def _check_network(self, batch: int) -> None:
        """Whether there can be such a network, whose steps see batches of a size."""
        config, data = self.config, self.data

        def build(**changed: Any) -> Network:
            network: Network = config.space.standalone(self.architecture, **data.network, **changed).network
            return network

        step = Pass(batch, data.input_shape, data.input_type)
        self._check_fit(build, config.network, {"train.batch_size": ("train", batch)}, step, "network")

    def _average(self, model: Standalone) -> WeightAverage | None:
        if self.config.weights.patience:
            return TriggeredAverage(model, self.config.weights.patience, self.task.better)
        return MovingAverage(model, self.config.train.ema) if self.config.train.ema else None

    def _step(self, progress: Progress) -> Metrics:
        state, batch = self.state, next(self.state.train)
        network = state.network.network
        network.advance(progress)
        state.optimiser.zero_grad()
        with computing(self.device, self.config.train.precision):
            output = self._output(batch.inputs, state.carry if batch.follows else None)
            loss = training_loss(self.task, output, batch)
            if output.auxiliary is not None:
                loss = loss + network.auxiliary_weight * self.task.loss(output.auxiliary, batch.targets)
        with state.optimiser.arriving():
            state.optimiser.scaled(loss).backward()
        stepped = state.optimiser.step(progress, batch.share)
        if state.average is not None:
            state.average.update(state.network)
        state.carry = output.carry and tuple(part.detach() for part in output.carry)
        if state.best and not is_finite(state.network, loss.detach()):
            return self._reload(progress)
        metric = self.task.metric(output.prediction.detach(), batch.targets)
        return {"loss": loss.detach(), "train_metric": metric, **stepped}

    def _reload(self, progress: Progress) -> Metrics:
        """Goes on from the best weights with the next batch: those since are lost, but not the run."""
        state = self.state
        state.reloads += 1
        if state.best_metric is None or state.reloads > 1:
            diverged("the loss or a weight", progress.epoch, self.folder)
        state.network.load_state_dict(state.best)
        state.optimiser.forget()
        if state.average is not None:  # it has seen what is not a number
            state.average.network.load_state_dict(state.best)
            state.average.restart()
        state.carry = None
        return {"reloads": torch.ones(())}

    def _close_epoch(self, progress: Progress) -> EpochReport:
        self.state.reloads = 0
        metrics = {**self._means(), **self._validated()}
        return EpochReport(epoch=progress.epoch, epochs=self.epochs, metrics=metrics, seconds=self._tick())

    def _validated(self) -> dict[str, float]:
        """The metric on the validation part, where there is one; it may choose the weights and start their average."""
        if "valid" not in self.data.parts:
            return {}
        state, metric = self.state, self._judge("valid")[0]
        if state.best and (state.best_metric is None or self.task.better(metric, state.best_metric)):
            state.best, state.best_metric = _copy(self.model), metric
        if state.average is not None:
            state.average.epoch(metric)
        return {"valid_metric": metric}

    def _conclude(self) -> None:
        """The network that is returned takes the best weights, where they were asked for."""
        if self.state.best:
            self.model.load_state_dict(self.state.best)

    def _judge(self, part: str, *more: Judge) -> tuple[float, ...]:
        return self._measure(self.model, self.model.output, self.data.batches(part, self.device), *more)

    def _record(self) -> Document:
        config, data, quantity = self.config, self.data, self.task.quantity
        spent = cost(self.model, data.input_shape, dtype=data.input_type)
        names = [quantity, *self.task.others]
        tested: tuple[float | None, ...] = (None,) * len(names)
        if "test" in data.parts:
            tested = self._judge("test", *self.task.others.values())
        return {
            "space": config.space.name,
            "data": data.name,
            "data_note": data.note,
            "inputs": data.facts(),
            "architecture": config.text,
            "seed": config.train.seed,
            "preset": config.train.preset,
            "epochs": self.epochs,
            "steps": self.state.step,
            "batch_size": self.state.train.batch_size,
            "parameters": spent.parameters,
            "flops": spent.multiply_adds,
            "flops_convention": spent.convention,
            "metric": self.task.metric_name,
            "metric_direction": self.task.direction,
            **{f"{part}_{quantity}": self._judge(part)[0] for part in ("train", "valid") if part in data.parts},
            **{f"test_{name}": value for name, value in zip(names, tested, strict=True)},
        }

    def _result(self, record: Document) -> TrainResult:
        return TrainResult(self.architecture, self.config.text, self.model, record, self.folder.path, self.task)


def _copy(model: Standalone) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def sized(config: TrainConfig, parameters: int, data: Dataset) -> TrainConfig:
    """The same training with as many channels (or units) as bring the network nearest to a number of parameters.

    Raises:
        UserError: if the networks of the space have no width.
    """
    width = config.space.network_class.width
    if not width:
        raise UserError(f"the networks of {config.space.name} have no width to be found by a number of parameters")

    def with_width(value: int) -> TrainConfig:
        return replace(config, network=replace(config.network, **{width: value}))

    return with_width(width_for(parameters, lambda value: _build(with_width(value), data)))


def _build(config: TrainConfig, data: Dataset) -> Standalone:
    """The network of a training, with its initial weights."""
    model: Standalone = config.space.standalone(config.architecture, **data.network, **vars(config.network))
    return model


def train_random(
    config: TrainConfig,
    count: int = 5,
    folder: Path | None = None,
    *,
    on_start: Callable[[Training], None] | None = None,
    on_epoch: tuple[Callable[[EpochReport], Document | None], ...] = (),
    on_step: Callable[[Progress, Metrics], None] | None = None,
    task: Task | None = None,
    data: Dataset | None = None,
) -> list[TrainResult]:
    """Trains architectures drawn uniformly, all alike: what a found architecture has to beat.

    Each has a run folder of its own. One that is finished there already is read, one that was broken off is resumed.

    Args:
        config: how to train; its architecture is replaced, its seed decides what is drawn.
        count: how many different architectures.
        folder: where the run folders go; `runs` by default.
        on_start: called with each training before it runs.
        on_epoch: as for `Training`.
        on_step: as for `Training`.
        task: as for `Training`.
        data: as for `Training`.

    Raises:
        UserError: if the space has fewer architectures, or as `Training` does.
    """
    several = drawn(config, count)
    return train_each(
        config, several, folder, on_start=on_start, on_epoch=on_epoch, on_step=on_step, task=task, data=data
    )


def train_each(
    config: TrainConfig,
    architectures: Sequence[Architecture],
    folder: Path | None = None,
    *,
    on_start: Callable[[Training], None] | None = None,
    on_epoch: tuple[Callable[[EpochReport], Document | None], ...] = (),
    on_step: Callable[[Progress, Metrics], None] | None = None,
    task: Task | None = None,
    data: Dataset | None = None,
) -> list[TrainResult]:
    """Trains architectures alike, each in a run folder of its own; the arguments are those of `train_random`.

    What is drawn may have no path from input to output: it is trained like the others.

    Raises:
        UserError: as `Training` does.
    """
    data, results = data or config.data.load(), []
    for path, this in alike(config, architectures, folder, data.name).items():
        training = Training(this, path, resume=True, on_epoch=on_epoch, on_step=on_step, task=task, data=data)
        if on_start:
            on_start(training)
        results.append(training.run())
    return results


def alike(
    config: TrainConfig, architectures: Sequence[Architecture], folder: Path | None, data_name: str
) -> dict[Path, TrainConfig]:
    """Run folder -> training of each of some architectures."""
    options = replace(config.train, disconnected="allow")
    several = (replace(config, architecture=architecture, train=options) for architecture in architectures)
    return {(folder or Path("runs")) / run_name(this, data_name): this for this in several}


def drawn(config: TrainConfig, count: int) -> list[Architecture]:
    """Architectures drawn uniformly by the seed of a training.

    Raises:
        UserError: if the space has fewer.
    """
    return draw(config.space, count, np.random.default_rng(config.train.seed))


def _dataset(config: TrainConfig, data: Dataset | None) -> Dataset:
    """The data; with a split the test data go no further than this function."""
    options, dataset = config.train, data or config.data.load()
    if options.split is None:
        return dataset
    return dataset.for_validation(options.seed if options.split_seed is None else options.split_seed, options.split)


def run_name(config: TrainConfig, data_name: str) -> str:
    """`<space>-<data>-train-<hash of the configuration, architecture included>-s<seed>`."""
    return f"{config.space.name}-{data_name}-train-{fingerprint(config.document())}-s{config.train.seed}"

"""Training one architecture from scratch, on all training images ("evaluation" in the papers).

The recipe is that of the space's presets: published settings of optimiser, schedule, augmentation, auxiliary loss and
drop path. The test images are looked at once, at the end. With `train.split` it trains on a search's training half and
is judged on its validation half after every epoch; the test images are then out of reach: who chooses between
architectures or settings by such runs has not seen them.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from supernas import data
from supernas.architecture import Architecture
from supernas.configuration import TrainConfig, fingerprint
from supernas.contracts import Metrics
from supernas.cost import channels_for, cost
from supernas.finished import inherit
from supernas.loop import EpochReport, Loop, Moving
from supernas.networks.base import Standalone
from supernas.optimisers import WeightAverage, WeightsOptimiser
from supernas.progress import Progress
from supernas.runs import check_precision, load_images
from supernas.strategies import draw
from supernas.task import classification, top5_accuracy

__all__ = ["TrainResult", "Training", "run_name", "sized", "train_each", "train_random"]


@dataclass(frozen=True)
class TrainResult:
    """What a training gave.

    Attributes:
        architecture: the architecture.
        text: the same as text of the space.
        model: the trained network, a plain module with `forward(x)`.
        record: the content of `result.json`.
        folder: where the run was written.
    """

    architecture: Architecture
    text: str
    model: Standalone
    record: dict[str, Any]
    folder: Path

    @property
    def test_accuracy(self) -> float | None:
        """Top-1 accuracy on the test images, in percent; None if the data have none, or a split leaves them alone."""
        accuracy: float | None = self.record["test_accuracy"]
        return accuracy

    @property
    def valid_accuracy(self) -> float | None:
        """Top-1 accuracy on the validation half, in percent; None without `train.split`."""
        accuracy: float | None = self.record.get("valid_accuracy")
        return accuracy


@dataclass(kw_only=True)
class _Moving(Moving):
    """All that changes during a training."""

    network: Standalone
    optimiser: WeightsOptimiser
    average: WeightAverage | None


class Training(Loop[EpochReport, TrainResult]):
    """One training: an iterator over its epochs, and `run` for those who only want the end.

    Args:
        config: a validated configuration, which names the architecture.
        folder: where to write; `runs/<name of the run>` by default.
        resume: go on from the folder's checkpoint, if it has one.
        on_epoch: listeners, called with each finished epoch's report; what they return (a dictionary or None) is added
            to the epoch's line of `metrics.jsonl`.
        on_step: called after every step with the progress and the metrics of that step.

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
        on_epoch: tuple[Callable[[EpochReport], dict[str, Any] | None], ...] = (),
        on_step: Callable[[Progress, Metrics], None] | None = None,
    ) -> None:
        self.config = config
        self.architecture = config.space.parse(config.architecture)
        self.task = classification(config.train.label_smoothing)
        self.images, self.valid = _images(config)
        folder = folder or Path("runs") / run_name(config, self.images.name)
        super().__init__(config, config.train, self.images, folder, resume, on_epoch, on_step)
        if self.images.test is None and self.valid is None:
            self.notes.append(f"{self.images.name} has no test images: the result has no test accuracy")

    @property
    def model(self) -> Standalone:
        """The network that is tested and written: the one that is trained, or the average of its weights."""
        average = self.state.average
        return self.state.network if average is None else cast(Standalone, average.network)

    def _trained(self) -> Standalone:
        return self.model

    def _start(self) -> _Moving:
        config, images = self.config, self.images
        check_precision(config.train.precision, self.device)
        model = _build(config, images)
        if config.train.inherit:
            inherit(model, config.space, Path(config.train.inherit))
        model = model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        stream = self._stream(images.train, config.train.seed)
        self.steps_per_epoch = stream.steps_per_epoch
        average = WeightAverage(model, config.train.ema) if config.train.ema else None
        return _Moving(network=model, train=stream, optimiser=WeightsOptimiser(model, config.weights), average=average)

    def _step(self, progress: Progress) -> Metrics:
        state, batch = self.state, next(self.state.train)
        network = state.network.network
        network.advance(progress)
        state.optimiser.zero_grad()
        with self._precision():
            output = state.network.output(batch.inputs)
            loss = self.task.loss(output.prediction, batch.targets)
            if output.auxiliary is not None:
                loss = loss + network.auxiliary_weight * self.task.loss(output.auxiliary, batch.targets)
        loss.backward()
        state.optimiser.step(progress)
        if state.average is not None:
            state.average.update(state.network)
        return {"loss": loss.detach(), "train_accuracy": self.task.metric(output.prediction.detach(), batch.targets)}

    def _precision(self) -> AbstractContextManager[Any]:
        """Where a step computes in bfloat16, or a context that does nothing."""
        if self.config.train.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, torch.bfloat16)

    def _close_epoch(self, progress: Progress) -> EpochReport:
        metrics = {**self._means(), **self._validated()}
        return EpochReport(epoch=progress.epoch, epochs=self.epochs, metrics=metrics, seconds=self._tick())

    def _validated(self) -> dict[str, float]:
        return {} if self.valid is None else {"valid_accuracy": self._measure(self.model, self.model, self.valid)[0]}

    def _record(self) -> dict[str, Any]:
        config, images = self.config, self.images
        spent = cost(self.model, (images.channels, images.resolution, images.resolution))
        test: tuple[float | None, ...] = (None, None)
        if images.test is not None:
            test = self._measure(self.model, self.model, images.test, top5_accuracy)
        return {
            "space": config.space.name,
            "data": images.name,
            "architecture": config.architecture,
            "seed": config.train.seed,
            "preset": config.train.preset,
            "epochs": self.epochs,
            "steps": self.state.step,
            "parameters": spent.parameters,
            "flops": spent.multiply_adds,
            "flops_convention": spent.convention,
            "metric": self.task.metric_name,
            "train_accuracy": self._measure(self.model, self.model, images.train)[0],
            **self._validated(),
            "test_accuracy": test[0],
            "test_top5_accuracy": test[1],
        }

    def _result(self, record: dict[str, Any]) -> TrainResult:
        return TrainResult(self.architecture, self.config.architecture, self.model, record, self.folder.path)


def sized(config: TrainConfig, parameters: int) -> TrainConfig:
    """The same training with as many channels as bring the network nearest to a number of parameters.

    Raises:
        UserError: if the data cannot be read.
    """
    images = load_images(config.data)

    def with_channels(channels: int) -> TrainConfig:
        return replace(config, network=replace(config.network, channels=channels))

    return with_channels(channels_for(parameters, lambda channels: _build(with_channels(channels), images)))


def _build(config: TrainConfig, images: data.ImageData) -> Standalone:
    """The network of a training, with its initial weights."""
    model: Standalone = config.space.build(
        config.architecture, num_classes=images.num_classes, in_channels=images.channels, **vars(config.network)
    )
    return model


def train_random(
    config: TrainConfig,
    count: int = 5,
    folder: Path | None = None,
    *,
    on_start: Callable[[Training], None] | None = None,
    on_epoch: tuple[Callable[[EpochReport], dict[str, Any] | None], ...] = (),
    on_step: Callable[[Progress, Metrics], None] | None = None,
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

    Raises:
        UserError: if the space has fewer architectures, or as `Training` does.
    """
    drawn = draw(config.space, count, np.random.default_rng(config.train.seed))
    return train_each(config, drawn, folder, on_start=on_start, on_epoch=on_epoch, on_step=on_step)


def train_each(
    config: TrainConfig,
    architectures: Sequence[Architecture],
    folder: Path | None = None,
    *,
    on_start: Callable[[Training], None] | None = None,
    on_epoch: tuple[Callable[[EpochReport], dict[str, Any] | None], ...] = (),
    on_step: Callable[[Progress, Metrics], None] | None = None,
) -> list[TrainResult]:
    """Trains architectures alike, each in a run folder of its own; the arguments are those of `train_random`.

    Raises:
        UserError: as `Training` does.
    """
    name, results = load_images(config.data).name, []
    for architecture in architectures:
        one = replace(config, architecture=config.space.format(architecture))
        path = (folder or Path("runs")) / run_name(one, name)
        training = Training(one, path, resume=True, on_epoch=on_epoch, on_step=on_step)
        if on_start:
            on_start(training)
        results.append(training.run())
    return results


def _images(config: TrainConfig) -> tuple[data.ImageData, data.ImageSet | None]:
    """(images, validation half); with a split the test images go no further than this function."""
    images, options = load_images(config.data), config.train
    if options.split is None:
        return images, None
    seed = options.seed if options.split_seed is None else options.split_seed
    halves = data.search_data(images, seed, options.split)
    return replace(images, train=halves.train, test=None), halves.valid


def run_name(config: TrainConfig, data_name: str) -> str:
    """`<space>-<data>-train-<hash of the configuration, architecture included>-s<seed>`."""
    return f"{config.space.name}-{data_name}-train-{fingerprint(config.document())}-s{config.train.seed}"

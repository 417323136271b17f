"""The search loop. It knows no method, no space and no objective by name: it alternates, records and resumes."""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor

from supernas import data
from supernas.architecture import Architecture
from supernas.configuration import SearchConfig, fingerprint
from supernas.contracts import Metrics, Problem, stage_starts
from supernas.cost import Cost, cost
from supernas.errors import UserError
from supernas.networks.base import Network
from supernas.progress import Progress
from supernas.records import append_line, environment
from supernas.runs import RunFolder, choose_device, diverged, seed_everything
from supernas.task import CLASSIFICATION
from supernas.trees import State

__all__ = ["Epoch", "Result", "Search"]


@dataclass(frozen=True)
class Epoch:
    """What one epoch of a search left: its number, the derived architecture, and its metrics (means over the steps)."""

    epoch: int
    epochs: int
    architecture: Architecture
    text: str
    metrics: dict[str, float]
    seconds: float


@dataclass(frozen=True)
class Result:
    """What a search found.

    Attributes:
        architecture: the final architecture.
        text: the same as text of the space.
        history: the derived architecture of every epoch.
        record: the content of `result.json`.
        supernet: the trained supernet.
        folder: where the run was written.
    """

    architecture: Architecture
    text: str
    history: list[Architecture]
    record: dict[str, Any]
    supernet: Network
    folder: Path


@dataclass
class _Moving(State):
    """All that changes during a search, and so all that a checkpoint holds."""

    network: Network
    method: State
    train: data.Stream
    valid: data.Stream
    step: int = 0
    stage: int = 0
    seconds: float = 0.0
    sums: dict[str, Tensor] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)


class Search:
    """One search: an iterator over its epochs, and `run` for those who only want the end.

    Args:
        config: a validated configuration.
        folder: where to write; `runs/<name of the run>` by default.
        resume: go on from the folder's checkpoint, if it has one.
        on_epoch: listeners, called with each finished `Epoch`; what they return (a dictionary or None) is added to the
            epoch's line of `metrics.jsonl`. This is how a benchmark records truth that the method never sees.
        on_step: called after every step with the progress and the metrics of that step.

    Raises:
        UserError: if the folder holds another configuration's run or a finished one, or the data cannot be read.
    """

    def __init__(
        self,
        config: SearchConfig,
        folder: Path | None = None,
        *,
        resume: bool = False,
        on_epoch: tuple[Callable[[Epoch], dict[str, Any] | None], ...] = (),
        on_step: Callable[[Progress, Metrics], None] | None = None,
    ) -> None:
        self.config = config
        self.on_epoch, self.on_step = on_epoch, on_step
        self.device = choose_device(config.search.device)
        self.images = _images(config)
        self.folder = RunFolder(folder or Path("runs") / run_name(config, self.images.name), config.document(), resume)
        self.notes = self.folder.notes
        self.stopping = False
        self._setup()

    # -- set-up -------------------------------------------------------------------------------------------------------

    def _setup(self) -> None:
        settings, images = self.config.search, self.images
        seed_everything(settings.seed)
        train, valid = (self._stream(half, number) for number, half in enumerate((images.train, images.valid)))
        self.steps_per_epoch = train.steps_per_epoch
        self.epochs = settings.epochs
        self.stages = self.config.method.stages()
        self.stage_starts = list(stage_starts(self.stages, self.epochs))
        network = self._network(0, None)
        method = self.config.method.init(self._problem(network))
        self.state = _Moving(network, method, train, valid)
        tree = self.folder.checkpoint
        if tree is not None:
            self._resume(tree)
        self._environment = environment(self.device)
        self.folder.begin(self._environment)

    def _resume(self, tree: dict[str, Any]) -> None:
        for stage in range(1, tree["search"]["stage"] + 1):  # the networks of later stages hold other options
            kept = tree["kept"][stage - 1]
            self._enter_stage(stage, None if kept is None else tuple((c, o) for c, o in kept))
        self.state.load(tree["search"])
        torch.set_rng_state(tree["generator"])
        self.folder.kept = tree["kept"]

    def _network(self, stage: int, pairs: Any) -> Network:
        settings = replace(self.config.supernet, **self.stages[stage].supernet)
        network: Network = self.config.space.supernet(
            num_classes=self.images.num_classes, in_channels=self.images.channels, pairs=pairs, **vars(settings)
        )
        return network.to(self.device, memory_format=torch.channels_last)

    def _problem(self, network: Network) -> Problem:
        config = self.config
        steps = self.epochs * self.steps_per_epoch
        return Problem(
            network, config.space, CLASSIFICATION, config.objective, config.weights, steps, config.search.seed
        )

    def _stream(self, images: data.ImageSet, number: int) -> data.Stream:
        augmentation = self.config.data.augmentation or data.default_augmentation(self.images)
        return data.Stream(
            images,
            self.config.search.batch_size,
            mean=self.images.mean,
            std=self.images.std,
            augmentation=augmentation,
            seed=self.config.search.seed * 2 + number,
            device=self.device,
        )

    # -- the loop -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Epoch]:
        """Runs the search, yielding after every epoch. A run that was finished before yields nothing."""
        while self.state.step < self.epochs * self.steps_per_epoch:
            yield self._epoch()

    def run(self) -> Result:
        """Runs the search to its end.

        Raises:
            KeyboardInterrupt: if it was asked to stop; a checkpoint was saved.
            UserError: if the loss is not a finite number.
        """
        for _ in self:
            pass
        return self.finish()

    def stop(self) -> None:
        """Asks the search to save and stop after the present step; may be called from a signal handler."""
        self.stopping = True

    def _progress(self) -> Progress:
        step = self.state.step
        return Progress(step, self.epochs * self.steps_per_epoch, step // self.steps_per_epoch, self.epochs)

    def _epoch(self) -> Epoch:
        state, method = self.state, self.config.method
        self._enter_stages()
        started = saved = time.perf_counter()
        self.network.train()
        while True:
            progress = self._progress()
            metrics = method.step(state.method, next(state.train), next(state.valid), progress)
            self._add(metrics)
            state.step += 1
            if self.on_step:
                self.on_step(progress, metrics)
            now = time.perf_counter()
            if state.step % self.steps_per_epoch == 0:
                state.seconds += now - started
                return self._end_epoch(progress)
            if self.stopping or now - saved > 60 * self.config.search.checkpoint_minutes:
                state.seconds += now - started
                started = saved = now
                self._check_finite(progress)
                self._save()
                if self.stopping:
                    raise KeyboardInterrupt

    def _end_epoch(self, progress: Progress) -> Epoch:
        state, started = self.state, time.perf_counter()
        self._check_finite(progress)
        self._add(self.config.method.epoch(state.method, self.validate, progress))
        architecture = self.config.method.derive(state.method, self.validate)
        means = {name: float(total) / state.counts[name] for name, total in state.sums.items()}
        means["valid_metric"] = self.validate(architecture)
        text = self.config.space.format(architecture)
        state.history.append(text)
        state.sums, state.counts = {}, {}
        state.seconds += time.perf_counter() - started
        epoch = Epoch(progress.epoch, self.epochs, architecture, text, means, state.seconds)
        self._write(epoch)
        self._save()
        if self.stopping and state.step < progress.steps:
            raise KeyboardInterrupt
        return epoch

    def _enter_stages(self) -> None:
        epoch = self.state.step // self.steps_per_epoch
        while self.state.stage + 1 < len(self.stages) and epoch >= self.stage_starts[self.state.stage + 1]:
            stage = self.state.stage + 1
            kept = self.config.method.keep(self.state.method, stage)
            self.folder.kept.append(kept)
            self._enter_stage(stage, kept)

    def _enter_stage(self, stage: int, kept: Any) -> None:
        """Builds the stage's network and a fresh state of the method, which takes over what it has learnt."""
        network = self._network(stage, kept)
        method = self.config.method.init(self._problem(network))
        self.config.method.carry_over(self.state.method, method)
        self.state.network, self.state.method, self.state.stage = network, method, stage

    # -- asking the supernet ------------------------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The supernet of the present stage."""
        return self.state.network

    def validate(self, architecture: Architecture, images: int | None = None) -> float:
        """The metric of an architecture with the supernet's weights on the first validation images."""
        count = min(images or self.config.search.validation_images, len(self.images.valid))
        batches = data.batches(
            self.images.valid.select(torch.arange(count)), 500, mean=self.images.mean, std=self.images.std, device=self.device
        )
        self.network.eval()
        total = 0.0
        with torch.inference_mode():
            for batch in batches:
                output = self.network(batch.inputs, active=architecture.pairs)
                total += float(CLASSIFICATION.metric(output.prediction, batch.targets)) * len(batch.targets)
        self.network.train()
        return total / count

    # -- records ------------------------------------------------------------------------------------------------------

    def _add(self, metrics: Metrics) -> None:
        for name, value in metrics.items():
            self.state.sums[name] = self.state.sums.get(name, 0.0) + value.detach()
            self.state.counts[name] = self.state.counts.get(name, 0) + 1

    def _check_finite(self, progress: Progress) -> None:
        bad = [name for name, total in self.state.sums.items() if "loss" in name and not math.isfinite(float(total))]
        if bad:
            diverged(bad[0], progress.epoch, self.folder.path)

    def _write(self, epoch: Epoch) -> None:
        operations: dict[str, int] = {}
        for choice, option in epoch.architecture.pairs:
            name = self.config.space.choices[choice].options[option]
            operations[name] = operations.get(name, 0) + 1
        line: dict[str, Any] = {"epoch": epoch.epoch, "architecture": epoch.text, "operations": operations}
        for listener in self.on_epoch:
            line.update(listener(epoch) or {})
        append_line(self.folder.metrics, {**line, **epoch.metrics, "seconds": epoch.seconds})

    def _save(self) -> None:
        tree = {
            "search": self.state.tree(),
            "generator": torch.get_rng_state(),
            "kept": [None if pairs is None else [list(pair) for pair in pairs] for pairs in self.folder.kept],
        }
        self.folder.save(tree, lines=len(self.state.history))

    def finish(self) -> Result:
        """Chooses the final architecture and writes `result.json`, the weights and the picture."""
        config, state = self.config, self.state
        if state.step < self.epochs * self.steps_per_epoch:
            raise RuntimeError("the search has not come to its end")
        architecture = config.method.final(state.method, self.validate)
        spent = self.cost(architecture)
        text = config.space.format(architecture)
        record = {
            "method": config.method_name,
            "objective": config.objective_name,
            "space": config.space.name,
            "data": self.images.name,
            "seed": config.search.seed,
            "preset": config.search.preset,
            "epochs": self.epochs,
            "steps": state.step,
            "architecture": text,
            "history": state.history,
            "parameters": spent.parameters,
            "flops": spent.multiply_adds,
            "flops_convention": "multiply-adds of convolutions and linear layers",
            "metric": CLASSIFICATION.metric_name,
            "valid_accuracy": self.validate(architecture, len(self.images.valid)),
            "seconds": state.seconds,
            "versions": self._environment,
        }
        weights = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        self.folder.write("supernet.safetensors", save_tensors(weights))
        self.folder.finish(record, config.space, architecture)
        history = [config.space.parse(one) for one in state.history]
        return Result(architecture, text, history, record, self.network, self.folder.path)

    def cost(self, architecture: Architecture) -> Cost:
        """What the found network costs at the supernet's size, in form `evaluation`, on these images."""
        size = vars(self.config.supernet)
        model = self.config.space.build(
            architecture, num_classes=self.images.num_classes, in_channels=self.images.channels, **size
        )
        return cost(model, (self.images.channels, self.images.resolution, self.images.resolution))


def run_name(config: SearchConfig, data_name: str) -> str:
    """`<space>-<data>-<method>-<objective>-<hash of the configuration>-s<seed>`."""
    mark = fingerprint(config.document())
    return f"{config.space.name}-{data_name}-{config.method_name}-{config.objective_name}-{mark}-s{config.search.seed}"


def _images(config: SearchConfig) -> data.SearchData:
    """The training and validation halves; the test images go no further than this function."""
    options = config.data
    loaded = data.load(
        options.source,
        Path(options.directory) if options.directory else None,
        resolution=options.resolution,
        train_size=options.train_size,
    )
    if loaded.num_classes < 2:
        raise UserError(f"{options.source} has {loaded.num_classes} class; a search needs at least 2")
    return data.search_data(loaded, config.search.seed, config.search.split)

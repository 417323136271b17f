"""The loop that every run shares: it steps, adds up, records, saves, stops and resumes. What a step is, it is told.

Order of writing, so that a run killed at any moment resumes to the same end: the epoch's line is appended, then the
checkpoint (which holds all lines so far) replaces the one before; after the last epoch come the weights, and
`result.json` last, with the digests of all. A resumed run goes on with the lines of its checkpoint.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from supernas.core.architecture import Pair
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.files import environment, versions
from supernas.core.progress import Progress
from supernas.core.ranks import agreed, anyone, averaged, first, rank, size
from supernas.core.spelling import assigned, option
from supernas.core.state import State, running_averages
from supernas.core.task import Judge, Task
from supernas.data import Batch, Dataset, Stream
from supernas.networks.base import NetworkSettings, Output
from supernas.networks.costs.memory import Build, Pass
from supernas.runs.configuration import SearchConfig, SearchSettings, TrainConfig, TrainSettings, read_file
from supernas.runs.device import check_compile, check_precision, set_arithmetic
from supernas.runs.divergence import diverged, holds_nan, is_finite
from supernas.runs.finished import weights_digest
from supernas.runs.fit import Batches, check_fit, check_room
from supernas.runs.folder import CONFIG, Followed, RunFolder
from supernas.runs.generators import generator_states, restore_generators, seed_everything
from supernas.runs.interrupt import stop_on_interrupt
from supernas.runs.launch import launched
from supernas.runs.trackers.base import Tracker, begin, numbers
from supernas.steps.contracts import Metrics

__all__ = ["Carry", "EpochReport", "Forward", "Loop", "Moving"]

_USES = {"train": "train the weights", "valid": "judge"}
_TOGETHER = 16  # steps from one question to all devices to the next

Carry = tuple[Tensor, ...] | None
Forward = Callable[[Tensor, Carry], Output]
"""Runs a batch of inputs, going on from a hidden state."""


@dataclass(frozen=True, kw_only=True)
class EpochReport:
    """What one epoch left: its number (from 0) of how many, metrics (means over its steps), seconds since the start."""

    epoch: int
    epochs: int
    metrics: dict[str, float]
    seconds: float


@dataclass(kw_only=True)
class Moving(State):
    """All that changes during a run, and so all that a checkpoint holds."""

    network: nn.Module
    train: Stream
    step: int = 0
    seconds: float = 0.0
    ended: bool = False  # before the last step, by a rule
    sums: dict[str, Tensor] = field(default_factory=dict)  # of this epoch's metrics
    counts: dict[str, int] = field(default_factory=dict)


EpochT = TypeVar("EpochT", bound=EpochReport)
ResultT = TypeVar("ResultT")


class Loop(ABC, Generic[EpochT, ResultT]):
    """A run: an iterator over its epochs, and `run` for those who only want the end.

    Attributes:
        epochs: epochs of the whole run.
        steps_per_epoch: steps of one epoch; set by `_start`.
        folder: the run's folder.
        notes: what the user should know about the data and about a resumption.
        data: what it learns from, and is judged on.
        task: the loss that trains and the metric that judges.
    """

    weights_file: str
    task: Task
    state: Moving
    steps_per_epoch: int

    def __init__(
        self,
        config: SearchConfig | TrainConfig,
        settings: SearchSettings | TrainSettings,
        data: Dataset,
        path: Path,
        resume: bool,
        on_epoch: tuple[Callable[[EpochT], Document | None], ...],
        on_step: Callable[[Progress, Metrics], None] | None,
        only_looks: bool = False,
    ) -> None:
        self._settings, self._space, self.data = settings, config.space, data
        self._packages = sorted(set(config.plugins.values()))
        self.on_epoch, self.on_step = on_epoch, on_step
        self.epochs = settings.epochs
        devices, nodes = (1, 1) if only_looks else settings.on_devices
        self.device = launched(devices, nodes, settings.device, float64=self._needs_float64)
        check_precision(settings.precision, self.device, f"{self._section}.precision")
        if settings.compile:
            check_compile(self.device, f"{self._section}.compile")
        set_arithmetic(self.device, settings.tf32, settings.deterministic, settings.cudnn_benchmark)
        config.space.network_class.try_out(config.space, data, self.task, self.device, self._tried_pairs)
        contents = {"data": data.digest}
        if settings.inherit:
            contents["first weights"] = weights_digest(Path(settings.inherit))
        # who only looks at a run leaves its configuration: an earlier version may have had fewer settings
        kept = only_looks and (path / CONFIG).exists()
        document = read_file(path / CONFIG) if kept else config.document()
        self.folder = self._opened(path, document, resume, contents, config.extends)
        self.notes = self.folder.notes  # what is noted later is noted here too
        if data.note:
            self.notes.insert(0, data.note)
        self.stopping = False
        self._trackers: list[Tracker] = []
        try:
            self._begin()
        except BaseException:
            self.folder.claim.release()
            raise

    def _opened(self, path: Path, document: Document, *rest: Any) -> RunFolder:
        """The folder of the run, which on several devices the first alone writes."""
        folder = RunFolder(path, document, *rest) if first() else Followed(path, document)
        folder.checkpoint = agreed(folder.checkpoint)
        return folder

    def _begin(self) -> None:
        seed_everything(self._settings.seed)
        self.state = self._start()
        self._check_shares()
        if self.folder.checkpoint is not None:
            self._resume(self.folder.checkpoint)
        self.notes += self._about_batches()
        several = {"devices": size()} if size() > 1 else {}
        self.folder.begin({**environment(self.device, *self._packages), **several}, finished=self.finished)
        self._kept = agreed(self.folder.result()) if self.finished else None  # what an earlier process wrote at the end
        self._mark = time.perf_counter()

    def _check_shares(self) -> None:
        batch = self.state.train.batch_size
        if batch % size():
            fitting = batch - batch % size() or size()
            raise UserError(
                f"a batch of {batch} cannot be shared out evenly among {size()} devices; give "
                f"{assigned(f'{self._section}.batch_size', fitting)}"
            )

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.epochs * self.steps_per_epoch

    @property
    def finished(self) -> bool:
        """Whether all steps are done, or a rule has ended the run."""
        return self.state.ended or self.state.step >= self.steps

    # -- what a run must say ------------------------------------------------------------------------------------------

    @abstractmethod
    def _start(self) -> Any:
        """The state before the first step. Sets `steps_per_epoch`."""

    @abstractmethod
    def _step(self, progress: Progress) -> Metrics:
        """One step."""

    @abstractmethod
    def _close_epoch(self, progress: Progress) -> EpochT:
        """What a finished epoch left; `_means` and `_tick` give the metrics and the seconds."""

    @abstractmethod
    def _record(self) -> Document:
        """The content of `result.json`, apart from seconds and versions."""

    @abstractmethod
    def _result(self, record: Document) -> ResultT:
        """What `run` returns."""

    @property
    def _tried_pairs(self) -> tuple[Pair, ...] | None:
        """The (choice, option) pairs that it is about; None is all of the space."""
        return None

    @property
    def _needs_float64(self) -> bool:
        """Whether something in it computes in double precision on the device."""
        return False

    @property
    def _section(self) -> str:
        """The section of its settings."""
        return "search" if isinstance(self._settings, SearchSettings) else "train"

    @property
    def _shares_judging(self) -> bool:
        """Whether batches that judge may be shared out: no hidden state goes on from one to the next."""
        return self._space.data_kind != "text"

    def _trained(self) -> nn.Module:
        """The network whose weights are the run's outcome."""
        return self.state.network

    def _before_epoch(self) -> None:
        """What happens before an epoch's first step; usually nothing."""

    def _conclude(self) -> None:
        """What happens to the network after the last epoch; usually nothing."""

    def _rebuild(self, tree: Document) -> None:
        """Makes `self.state` one that a saved state fits; usually it does already."""

    def _line(self, epoch: EpochT) -> Document:
        """What stands in the epoch's line of `metrics.jsonl` before its metrics."""
        return {"epoch": epoch.epoch}

    # -- what it needs ------------------------------------------------------------------------------------------------

    def _check_fit(self, build: Build, size: NetworkSettings, batches: Batches, run: Pass, what: str) -> None:
        """Whether the networks take these inputs, normalise batches as large as they come, and fit into memory.

        Args:
            build: makes a network of given settings.
            size: the settings.
            batches: that are normalised.
            run: a step.
            what: the network is called.

        Raises:
            UserError: if they do not.
        """
        check_fit(self._space, size, self.data, batches)
        check_room(self._space, self.device, build, vars(size), run, what)

    # -- the loop -----------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[EpochT]:
        """Runs, yielding after every epoch. A run that was finished before yields nothing."""
        while not self.finished:
            yield self._epoch()

    def run(self) -> ResultT:
        """Runs to the end.

        Raises:
            KeyboardInterrupt: if `stop` was called or ^C pressed; a checkpoint was saved. A second ^C does not
                wait for that.
            UserError: if the loss is not a finite number.
        """
        try:
            with stop_on_interrupt(self.stop):
                for _ in self:
                    pass
            return self.finish()
        finally:
            self._untrack({})

    def track(self, kinds: Mapping[str, type[Tracker]]) -> None:
        """Has trackers show the run: its epochs so far, and from now on each that is saved.

        Raises:
            UserError: if the folder of one cannot be made anew.
        """
        if first():
            self._trackers = begin(kinds, self.folder.path, self.folder.document, self.folder.epochs)

    def _untrack(self, outcome: Document) -> None:
        while self._trackers:
            self._trackers.pop().close(numbers(outcome))

    def stop(self) -> None:
        """Asks the run to save and stop after the present step; may be called from a signal handler."""
        self.stopping = True

    def finish(self) -> ResultT:
        """Writes the weights and then `result.json`. A run that was finished before returns what it wrote then."""
        if not self.finished:
            raise RuntimeError("the run has not come to its end")
        self._conclude()
        record = self._kept
        if record is None:
            record = {
                **self._record(),
                "arithmetic": self._settings.arithmetic,
                "seconds": self.state.seconds,
                "versions": self.folder.environment,
            }
            if self.folder.earlier:
                record["earlier_versions"] = self.folder.earlier
            saved = self._trained().state_dict()  # cloned, since modules may share tensors, which the format refuses
            weights = {
                name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in saved.items()
            }
            self.folder.write(self.weights_file, save_tensors(weights))
            record = self._kept = agreed(self.folder.finish(record))
        self._untrack({name: value for name, value in record.items() if name != "versions"})
        self.folder.claim.release()
        return self._result(record)

    def _about_batches(self) -> list[str]:
        """What the user should know of batches that are smaller than asked for, and of epochs of a single step."""
        size, asked = self.state.train.batch_size, self._settings.batch_size
        if size == asked and self.steps_per_epoch > 1:
            return []
        data, there = self.data, self.data.count("train")
        counts = " and ".join(f"{data.count(part):,} {verb}" for part, verb in _USES.items() if part in data.parts)
        why = f"{asked} would leave {there % asked} out of every pass" if there > asked else f"{asked} are not there"
        smaller = "" if size == asked else f" ({why})"
        return [
            f"of the {data.examples} {counts}; batches of {size}{smaller}: {self.steps_per_epoch} to the epoch, "
            f"{self.steps} in the whole run; more {data.examples} or more epochs train longer"
        ]

    def _progress(self) -> Progress:
        step = self.state.step
        return Progress(step, self.steps, step // self.steps_per_epoch, self.epochs)

    def _epoch(self) -> EpochT:
        state = self.state
        saved = self._mark = time.perf_counter()
        self._before_epoch()
        state.network.train()
        while True:
            progress = self._progress()
            metrics = self._guarded_step(progress)
            self._add(metrics)
            state.step += 1
            if self.on_step:
                self.on_step(progress, metrics)
            if state.step % self.steps_per_epoch == 0:
                return self._end_epoch(progress)
            if self._save_is_due(saved):
                saved = time.perf_counter()
                self._save(progress)
                self._stop_if_asked()

    def _save_is_due(self, saved: float) -> bool:
        """Whether to save within an epoch; on several devices one of them says so for all, every few steps."""
        if size() > 1 and self.state.step % _TOGETHER:
            return False
        return anyone(self.stopping or time.perf_counter() - saved > 60 * self._settings.checkpoint_minutes)

    def _guarded_step(self, progress: Progress) -> Metrics:
        try:
            return self._step(progress)
        except (ArithmeticError, RuntimeError, ValueError):  # a factorisation or a draw fails where there is a NaN
            self._check_finite(progress)
            if size() == 1 and holds_nan(self.state.tree()):  # of which the others hold a part
                diverged("a value that the run has learnt", progress.epoch, self.folder)
            raise

    def _end_epoch(self, progress: Progress) -> EpochT:
        self._join_parts()
        self._check_finite(progress)  # before anything is recorded
        epoch = self._close_epoch(progress)
        self.state.sums, self.state.counts = {}, {}
        line = self._line(epoch)
        for listener in self.on_epoch:
            line.update(listener(epoch) or {})
        line.update({**epoch.metrics, "seconds": epoch.seconds})
        self.folder.append(line)
        self._save(progress)
        for tracker in self._trackers:
            tracker.write(epoch.epoch, numbers(line))
        if not self.finished:
            self._stop_if_asked()
        return epoch

    def _stop_if_asked(self) -> None:
        if anyone(self.stopping):
            self.stopping = False  # whoever iterates again goes on
            raise KeyboardInterrupt

    # -- adding up ----------------------------------------------------------------------------------------------------

    def _add(self, metrics: Metrics) -> None:
        sums, counts = self.state.sums, self.state.counts
        for name, value in metrics.items():
            sums[name] = sums.get(name, 0.0) + value.detach()
            counts[name] = counts.get(name, 0) + 1

    def _join_parts(self) -> None:
        """Brings together what each device has counted of its own part of the batches: metrics, and the running
        averages of normalisations. Both are linear, so that it is early enough when they are looked at.
        """
        if size() == 1:
            return
        sums = self.state.sums
        self.state.sums = dict(zip(sums, averaged([torch.as_tensor(total) for total in sums.values()]), strict=True))
        running = running_averages(self.state)
        for buffer, mean in zip(running, averaged(running), strict=True):
            buffer.copy_(mean)

    def _means(self) -> dict[str, float]:
        """The epoch's metrics."""
        means = {name: float(total) / self.state.counts[name] for name, total in self.state.sums.items()}
        return {name: self.task.finish(mean) if name == "train_metric" else mean for name, mean in means.items()}

    def _tick(self) -> float:
        """Adds the time since the last call, and gives the seconds of the whole run."""
        now = time.perf_counter()
        self.state.seconds += now - self._mark
        self._mark = now
        return self.state.seconds

    def _check_finite(self, progress: Progress) -> None:
        """Stops before a state that is lost is saved over a good one."""
        losses = [name for name, total in self.state.sums.items() if "loss" in name and not math.isfinite(float(total))]
        if losses:
            diverged(losses[0], progress.epoch, self.folder)
        if not is_finite(self.state.network):
            diverged("a weight", progress.epoch, self.folder)

    # -- saving and resuming ------------------------------------------------------------------------------------------

    def _save(self, progress: Progress) -> None:
        self._join_parts()
        self._check_finite(progress)
        self._tick()
        tree = {"state": self.state.tree(), "generators": generator_states()}
        self.folder.save(tree)

    def _resume(self, tree: Document) -> None:
        try:
            self._rebuild(tree["state"])
            self.state.load(tree["state"], self.device)
            restore_generators(tree["generators"])
            epochs, lines = self.state.step // self.steps_per_epoch, len(tree["lines"])
            if epochs != lines:
                raise ValueError(f"it holds {lines} lines of {epochs} epochs")
        except UserError:
            raise
        except (AttributeError, KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            saved, reason = tree["environment"].get("supernas"), str(error).partition("\n")[0]
            other = saved and saved != versions()["supernas"]
            remedy = f"resume with supernas {saved}, which saved it, or " if other else ""
            raise UserError(
                f"the checkpoint in {self.folder.path} does not fit this run ({reason}); {remedy}start again with "
                f"another {option('out')}"
            ) from error

    # -- judging ------------------------------------------------------------------------------------------------------

    def _measure(
        self, network: nn.Module, forward: Forward, batches: Iterable[Batch], *more: Judge
    ) -> tuple[float, ...]:
        """The task's metric, and `more`, of a forward pass over batches, with the network in evaluation mode.

        Several devices share the batches, unless these go on from one another.
        """
        carry: Carry = None
        totals, count = [0.0] * (1 + len(more)), 0
        network.eval()
        with torch.inference_mode():
            for place, batch in enumerate(batches):
                if self._shares_judging and place % size() != rank():
                    continue
                output = forward(batch.inputs, carry if batch.follows else None)
                carry = output.carry
                count += batch.targets.numel()
                for number, metric in enumerate((self.task.metric, *more)):
                    totals[number] += float(metric(output.prediction, batch.targets)) * batch.targets.numel()
        network.train()
        (joined,) = averaged([torch.tensor([*totals, count], dtype=torch.float64)])
        *totals, count = joined.tolist()
        return self.task.finish(totals[0] / count), *(total / count for total in totals[1:])

"""`supernas.train`: one architecture, from scratch."""

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Annotated, Any

from supernas.api.architectures import read_architecture
from supernas.api.given import document, fitting, names, path_or_none, read_config, read_count, read_data, text
from supernas.api.parameters import (
    Address,
    AnyArchitecture,
    Config,
    Count,
    DataDir,
    DataSource,
    Device,
    Epochs,
    FromRun,
    OnStep,
    Out,
    Preset,
    Resolution,
    Resume,
    Seed,
    Sets,
    TaskOf,
    Trackers,
    Where,
)
from supernas.api.signatures import takes_what
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.parameters import Meaning, Option, documented
from supernas.core.spelling import Some, named, option
from supernas.runs import trackers, training
from supernas.runs.configuration import merge, resolve_train
from supernas.runs.elsewhere import train_elsewhere
from supernas.runs.executors import Executor, Needs, chosen
from supernas.runs.loop import EpochReport
from supernas.runs.training import TrainResult, alike, drawn, sized, train_random
from supernas.runs.unused import refuse_unused

__all__ = ["Training", "train"]


@documented
class Training(training.Training):
    """A training from scratch that has not begun: iterate over its epochs, or call `run`.

    With a search's folder, its space, data and preset are taken.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """

    def __init__(
        self,
        architecture: Annotated[
            AnyArchitecture | os.PathLike[str],
            Option("an architecture as text, a search's folder, or a derive-*.json", python="or as it is"),
        ],
        *,
        space: Where = None,
        data: DataSource = None,
        data_dir: DataDir = None,
        resolution: Resolution = None,
        task: TaskOf = None,
        preset: Preset = None,
        epochs: Epochs = None,
        seed: Seed = None,
        set: Sets = (),
        config: Config = None,
        out: Out = None,
        resume: Resume = True,
        from_run: FromRun = None,
        device: Device = None,
        tracker: Trackers = None,
        compare_random: Annotated[
            int,
            Option(
                "also train so many random architectures alike, and print their mean",
                python="they are `random` of the result",
                least=0,
            ),
        ] = 0,
        executor: Annotated[
            str | Values | Executor | None,
            Option(
                "where random architectures are trained, at once: local, ray, submitit (default: in this process)",
                python="or settings",
            ),
        ] = None,
        address: Address = None,
        workers: Annotated[
            int | None,
            Option("random architectures at once, of one thread each (default: all there is room for)", least=1),
        ] = None,
        parameters: Annotated[
            Count | None, Option("size of the network, such as 3.6M: finds the channels that come nearest to it")
        ] = None,
        on_epoch: Annotated[
            Iterable[Callable[[EpochReport], Document | None]],
            Meaning(
                "listeners, called with each finished epoch's report; what they return (a dictionary or None) is added "
                "to the epoch's line of `metrics.jsonl`"
            ),
        ] = (),
        on_step: OnStep = None,
    ) -> None:
        asked = _executor(executor, address, workers, compare_random)
        found, where, defaults = read_architecture(architecture, space)
        shown = trackers.chosen(names(tracker))
        source, dataset = read_data(data)
        flags: Values = {
            "space": where,
            "architecture": found,
            "data": {"source": source, "directory": text(data_dir), "resolution": resolution},
            "train": {
                "preset": preset,
                "epochs": epochs,
                "seed": seed,
                "device": device,
                "inherit": text(from_run),
            },
        }
        beside = {**defaults, "data": {}} if source and defaults else defaults
        own = document(read_config(config), flags, set)
        given = merge(beside, own)
        resolved = resolve_train(given)
        refuse_unused(own, resolved, lambda one: resolve_train(merge(beside, one)))
        dataset = fitting(given, dataset, resolved.space.data_kind)
        if asked and (task is not None or dataset is not None):
            raise UserError(
                f"what is given in Python cannot be sent to the workers of {named('executor')}; leave it out"
            )
        size = read_count(parameters, "parameters")
        if size is not None:
            dataset = dataset or resolved.data.load()
            resolved = sized(resolved, round(size), dataset)
        super().__init__(
            resolved,
            path_or_none(out),
            resume=resume,
            on_epoch=tuple(on_epoch),
            on_step=on_step,
            task=task,
            data=dataset,
        )
        self._random = compare_random
        self._executor = asked
        self._needs = Needs(workers, devices=frozenset({resolved.train.device}))
        self._given_task, self._given_data = task, dataset
        if compare_random and "test" not in self.data.parts:
            alone = f"train.split leaves the test {self.data.examples} alone"
            why = alone if self.config.train.split else f"{self.data.name} has no test {self.data.examples}"
            raise UserError(f"{why}, so {named('compare_random')} has nothing to compare")
        self.track(shown)

    def run(self) -> TrainResult:
        """Runs to the end, and then trains random architectures alike if that was asked for; each has a folder below
        `random/`, and one that is finished is read.

        Raises:
            KeyboardInterrupt: as `runs.loop.Loop.run`.
            UserError: if the loss is not a finite number.
        """
        result = super().run()
        if not self._random:
            return result
        where = result.folder / "random"
        if self._executor:
            several = alike(self.config, drawn(self.config, self._random), where, self.data.name)
            train_elsewhere(several, self._executor, self._needs, where)
        random = train_random(self.config, self._random, where, task=self._given_task, data=self._given_data)
        return replace(result, random=tuple(random))


def _executor(given: Any, address: str | None, workers: int | None, random: int) -> Executor | None:
    """What trains random architectures; None is this process."""
    if given is None or not random:
        for name, value in (("executor", given), ("address", address), ("workers", workers)):
            if value is not None:
                needed = named("executor") if random else option("compare_random", Some("N"))
                raise UserError(f"{named(name)} is for random architectures; give {needed} too, or leave it out")
        return None
    return chosen(given, address)


@takes_what(Training)
def train(*arguments: Any, **options: Any) -> TrainResult:
    """Trains an architecture from scratch and tests it.

    Returns:
        The trained network, the record with the test, and the run folder.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    return Training(*arguments, **options).run()

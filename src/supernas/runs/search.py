"""The search. It knows no method, no space and no objective by name: it alternates, and asks for the architecture."""

import logging
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.ranks import agreed, first, in_turn, size
from supernas.core.spelling import option
from supernas.core.state import State
from supernas.core.task import Task
from supernas.data import Batch, Dataset, Stream
from supernas.networks.base import Network, Output, Splitting, placed
from supernas.networks.costs.budget import Budget, make_budget, measured_milliseconds, read_budget, read_costs
from supernas.networks.costs.cost import Cost, cost
from supernas.networks.costs.limited_space import limited
from supernas.networks.costs.memory import Pass
from supernas.networks.synchronised import Synchronised
from supernas.runs import presets
from supernas.runs.cell_picture import cell_svg
from supernas.runs.configuration import SearchConfig, fingerprint, with_task
from supernas.runs.finished import inherit_supernet
from supernas.runs.loop import Carry, EpochReport, Loop, Moving
from supernas.steps.contracts import EpochView, MethodState, Metrics, SearchContext, stage_starts
from supernas.steps.objectives.base import part_sizes

__all__ = ["Epoch", "Result", "Search", "run_name"]

_LOG = logging.getLogger("supernas")
_PROBED = 16  # inputs that show whether a network reads them
_KEPT = 2**26  # numbers of validation inputs that are kept: a quarter of a gigabyte
_COMPARED = 50  # architectures that may take the place of one without a path


@dataclass(frozen=True, kw_only=True)
class Epoch(EpochReport):
    """What one epoch of a search left: besides number, metrics and seconds, the architecture derived at its end."""

    architecture: Architecture
    text: str


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
    record: Document
    supernet: Network
    folder: Path


@dataclass(kw_only=True)
class _Moving(Moving):
    """All that changes during a search."""

    network: Network
    method: MethodState
    valid: Stream
    stopping: State
    answer: int | None = None  # the epoch whose architecture a stopping rule has chosen
    history: list[str] = field(default_factory=list)  # text of every epoch's derived architecture
    kept: list[Any] = field(default_factory=list)  # the (choice, option) pairs of each later stage that was entered


class Search(Loop[Epoch, Result]):
    """One search: an iterator over its epochs, and `run` for those who only want the end.

    Args:
        config: a validated configuration.
        folder: where to write; `runs/<name of the run>` by default.
        resume: go on from the folder's checkpoint, if it has one.
        on_epoch: listeners, called with each finished `Epoch`; what they return (a dictionary or None) is added to the
            epoch's line of `metrics.jsonl`.
        truth: what a benchmark says of an architecture. It is asked of every epoch's architecture and of the final one,
            for the record alone: no method sees it.
        task: what is to be learnt, if not what is usual for the data.
        data: what to learn from, where the configuration does not say it: all of it, to be split as a search does.
        only_looks: whether what an earlier process left is only looked at: on one device, whatever it is set to,
            and its configuration stays as it is.
        on_step: called after every step with the progress and the metrics of that step.

    Raises:
        UserError: if the folder holds another configuration's run, or a run and `resume` is not asked for, or the data
            cannot be read.
    """

    weights_file = "supernet.safetensors"
    state: _Moving
    _judged: tuple[tuple[int, int], list[Batch]] | None = None  # the last question's images and part, and its batches

    def __init__(
        self,
        config: SearchConfig,
        folder: Path | None = None,
        *,
        resume: bool = False,
        on_epoch: tuple[Callable[[Epoch], Document | None], ...] = (),
        on_step: Callable[[Progress, Metrics], None] | None = None,
        truth: Callable[[Architecture], dict[str, float]] | None = None,
        task: Task | None = None,
        data: Dataset | None = None,
        only_looks: bool = False,
    ) -> None:
        self.config = config = with_task(config, task)
        self.truth = truth
        dataset = (data or config.data.load()).for_search(config.search.seed, config.search.split)
        self.task = task or dataset.task()
        folder = folder or Path("runs") / run_name(config, dataset.name)
        super().__init__(config, config.search, dataset, folder, resume, on_epoch, on_step, only_looks)

    # -- set-up and stages --------------------------------------------------------------------------------------------

    def _start(self) -> _Moving:
        options = self.config.search
        train, valid = (
            self.data.stream(part, options.batch_size, options.seed * 2 + number, self.device)
            for number, part in enumerate(("train", "valid"))
        )
        self.steps_per_epoch = train.steps_per_epoch
        self.stages = self.config.method.stages()
        self._check_supernet(train.batch_size // size())
        self.budget = self._budget()
        self.space = limited(self.config.space, self.budget) if self.budget else self.config.space
        self.stage_starts = list(stage_starts(self.stages, self.epochs))
        self._check_epochs()
        self._check_split()
        network = self._network(0, None)
        if options.inherit:
            inherit_supernet(network, self.config.space, Path(options.inherit))
        method = self._init(self._context(network, 0, None))
        return _Moving(network=network, method=method, train=train, valid=valid, stopping=self.config.stopping.init())

    def _check_epochs(self) -> None:
        """Whether the method can do all that it does, each of its stages taking an epoch at least."""
        least, name = self.config.method.least_epochs, self.config.method_name
        if self.epochs < least or len({*self.stage_starts, self.epochs}) <= len(self.stages):
            raise UserError(
                f"search.epochs = {self.epochs}: {name} takes {least} epochs at least; give "
                f"{option('epochs', least)} or more"
            )

    def _check_split(self) -> None:
        """Whether a supernet that is to be split on the way is so before its last step."""
        size, last = self.config.supernet, 1 - 1 / self.steps
        if isinstance(size, Splitting) and size.few_shot is not None and size.few_shot_at > last:
            raise UserError(
                f"supernet.few_shot_at = {size.few_shot_at}: the last of {self.steps} steps begins after {last:.3f} of "
                "the search, so the supernet would never be split; give less, or more epochs"
            )

    def _check_supernet(self, batch: int) -> None:
        """Whether there can be such a supernet, whose steps see batches of a size."""
        config, data, method = self.config, self.data, self.config.method

        def build(**changed: Any) -> Network:
            network: Network = config.space.supernet(**data.network, **changed)
            return network

        size = replace(config.supernet, **self.stages[0].supernet)
        batches = {"search.batch_size": ("train", batch)}
        if config.space.data_kind == "images" and getattr(size, "batch_norm", "") == "batch":
            batches["search.validation_images"] = ("valid", min(config.search.validation_images, data.count("valid")))
        step = Pass(
            batch,
            data.input_shape,
            data.input_type,
            backward=method.trains_weights,
            mixture=method.trains_weights and not method.trains_paths,
            paths=config.most_paths if config.paths == "split" else 1,
        )
        self._check_fit(build, size, batches, step, "supernet")
        if config.paths == "split":
            part_sizes(batch, [1.0] * config.most_paths)  # refuses what would end at a step

    def _rebuild(self, tree: Document) -> None:
        for stage, kept in enumerate(tree["kept"], start=1):  # the networks of later stages hold other options
            self._enter_stage(stage, None if kept is None else tuple((choice, option) for choice, option in kept))

    def _network(self, stage: int, pairs: Any) -> Network:
        settings = replace(self.config.supernet, **self.stages[stage].supernet)
        network: Network = self.config.space.supernet(pairs=pairs, **self.data.network, **vars(settings))
        return placed(network, self.device)

    def _context(self, network: Network, stage: int, pairs: Any) -> SearchContext:
        config = self.config
        return SearchContext(
            network=network,
            space=self.space,
            task=self.task,
            objective=config.objective,
            regulariser=config.regulariser,
            weights=config.weights,
            steps=self.steps,
            seed=config.search.seed,
            paths=config.paths,
            recipe=presets.get(config.space.family).alternation,
            likelihood_count=self.data.terms("valid"),
            network_settings=self._size(),
            penalty=self.budget.penalty if self.budget and self.budget.weight else None,
            data_shape=self.data.network,
            precision=config.search.precision,
            compile=config.search.compile,
            make_supernet=lambda: self._network(stage, pairs),
            epochs=self.epochs,
            usable=self._usable,
        )

    def _budget(self) -> Budget | None:
        """What the found network may cost; what was measured for it is kept, so that a resumed run has the same."""
        config, data = self.config, self.data
        if not config.budget.limits:
            return None
        kind = config.space.network_class
        with torch.random.fork_rng():
            whole = kind(config.space, form="evaluation", **data.network, **kind.size_of(config.supernet))
            whole = placed(whole, self.device)
            known = read_costs(self.folder.path / "budget.json", config.space) if self.folder.checkpoint else None
            if first():
                made = make_budget(whole, config.budget, data.input_shape, data.input_type, known)
            tables = agreed(made.document() if first() else {})  # milliseconds are what the first has measured
            made = made if first() else read_budget(config.space, config.budget, tables)
        self.folder.write_record("budget.json", made.document())
        return made

    def _before_epoch(self) -> None:
        """Enters the stages that begin with this epoch."""
        state, epoch = self.state, self.state.step // self.steps_per_epoch
        while len(state.kept) + 1 < len(self.stages) and epoch >= self.stage_starts[len(state.kept) + 1]:
            stage = len(state.kept) + 1
            kept = self.config.method.keep(state.method, stage)
            self._enter_stage(stage, kept)
            state.kept.append(None if kept is None else [list(pair) for pair in kept])

    def _enter_stage(self, stage: int, kept: Any) -> None:
        """Builds the stage's network and a fresh state of the method, which takes over what it has learnt."""
        network = self._network(stage, kept)
        method = self._init(self._context(network, stage, kept))
        method = self.config.method.carry_over(self.state.method, method)
        self.state.network, self.state.method = network, method

    @property
    def _needs_float64(self) -> bool:
        return self.config.method.needs_float64

    # -- steps and epochs ---------------------------------------------------------------------------------------------

    def _step(self, progress: Progress) -> Metrics:
        state = self.state
        state.network.advance(progress)
        with self._statistics():
            return self.config.method.step(state.method, next(state.train), next(state.valid), progress)

    def _statistics(self) -> AbstractContextManager[Any]:
        """Where several devices normalise together, or a context that does nothing."""
        return Synchronised() if self.config.synchronised else nullcontext()

    def _close_epoch(self, progress: Progress) -> Epoch:
        method, state = self.config.method, self.state
        self._add(method.epoch(state.method, self.validate, progress))
        architecture = method.derive(state.method, self.validate)
        context = self._context(self.network, len(state.kept), self.network.pairs)
        view = self._watch(EpochView(progress.epoch, architecture, method, state.method, context, self._first_images))
        judged = self._ask_rule(view)
        metrics = {**self._means(), "valid_metric": self.validate(architecture), **view.watched, **judged}
        text = self.config.space.format(architecture)
        state.history.append(text)
        return Epoch(
            epoch=progress.epoch,
            epochs=self.epochs,
            architecture=architecture,
            text=text,
            metrics=metrics,
            seconds=self._tick(),
        )

    def _init(self, context: SearchContext) -> MethodState:
        """The method's first state. The first device begins: what is trained and kept for it is then there."""
        with in_turn():
            state: MethodState = self.config.method.init(context)
        return state

    def _watch(self, view: EpochView) -> EpochView:
        """The same view, with all that is watched measured."""
        measured = agreed({name: diagnostic.measure(view) for name, diagnostic in self.config.watch.items()})
        named = {f"{name}.{number}": value for name, numbers in measured.items() for number, value in numbers.items()}
        return replace(view, watched=named)

    def _ask_rule(self, view: EpochView) -> dict[str, float]:
        """What the stopping rule looked at; ends the run if it says so, or the method is done."""
        state = self.state
        decision = self.config.stopping.check(state.stopping, view)
        state.answer = decision.answer
        state.ended = decision.answer is not None or self.config.method.ended(state.method)
        return decision.metrics

    def _first_images(self, count: int) -> Batch:
        return self.data.first("valid", count, self.device)

    def _line(self, epoch: Epoch) -> Document:
        operations = self.config.space.operation_counts(epoch.architecture)
        line = {"epoch": epoch.epoch, "architecture": epoch.text, "operations": operations}
        return {**line, **self._truth(epoch.architecture)}

    def _truth(self, architecture: Architecture) -> Document:
        return {} if self.truth is None else {"truth": self.truth(architecture)}

    # -- asking the supernet ------------------------------------------------------------------------------------------

    @property
    def network(self) -> Network:
        """The supernet of the present stage."""
        return self.state.network

    def validate(self, architecture: Architecture, images: int | None = None, part: int = 0) -> float:
        """The metric of an architecture with the supernet's weights on a part of the validation images (or windows)."""
        network = self.network

        def forward(x: Tensor, carry: Carry) -> Output:
            output: Output = network(x, active=architecture.pairs, carry=carry)
            return output

        return self._measure(network, forward, self._judging(images or self.config.search.validation_images, part))[0]

    def _judging(self, images: int, part: int) -> Iterable[Batch]:
        """The validation batches of a question. Those of the last one are kept, unless they are large: most questions
        are about the same images.
        """
        asked = images, part
        if self._judged is None or self._judged[0] != asked:
            batches = self.data.batches("valid", self.device, images, part)
            numbers = min(images, self.data.count("valid")) * math.prod(self.data.input_shape)
            if numbers > _KEPT:
                return batches
            self._judged = asked, list(batches)
        return self._judged[1]

    # -- the end ------------------------------------------------------------------------------------------------------

    def _record(self) -> Document:
        config, state = self.config, self.state
        found = self._answer()
        architecture = self._connected(found)
        self.folder.write("cell.svg", cell_svg(config.space, architecture).encode())
        spent = self.cost(architecture)
        return {
            "method": config.method_name,
            "objective": config.objective_name,
            "space": config.space.name,
            "data": self.data.name,
            "data_note": self.data.note,
            "seed": config.search.seed,
            "preset": config.search.preset,
            "epochs": len(state.history),
            "steps": state.step,
            "batch_size": state.train.batch_size,
            **config.method.record(state.method),
            **({} if state.answer is None else {"stopped": config.stopping_name, "answer_of_epoch": state.answer}),
            "architecture": config.space.format(architecture),
            **({} if architecture == found else {"instead_of": config.space.format(found)}),
            "history": state.history,
            "parameters": spent.parameters,
            "flops": spent.multiply_adds,
            "flops_convention": spent.convention,
            **self._latency(architecture),
            "metric": self.task.metric_name,
            "metric_direction": self.task.direction,
            f"valid_{self.task.quantity}": self.validate(architecture, self.data.count("valid")),
            **(self._truth(architecture) or self._truth_before(architecture)),
        }

    def _truth_before(self, architecture: Architecture) -> Document:
        """What a process that had the benchmark recorded of it at the end, which now has to be written again."""
        before = self.folder.before
        same = before.get("architecture") == self.config.space.format(architecture)
        return {"truth": before["truth"]} if same and "truth" in before else {}

    def _latency(self, architecture: Architecture) -> dict[str, float]:
        """The milliseconds of the found network, where there is a limit on them: measured, and as predicted."""
        if self.budget is None or "latency_ms" not in self.budget.limits:
            return {}
        model = placed(self._standalone(architecture), self.device).eval()
        example = torch.zeros(1, *self.data.input_shape, dtype=self.data.input_type, device=self.device)
        predicted = self.budget.costs(architecture)["latency_ms"]
        return {"latency_ms": measured_milliseconds(lambda: model(example)), "latency_ms_predicted": predicted}

    def _answer(self) -> Architecture:
        """What the method returns, or the stopping rule."""
        if self.state.answer is not None:
            return self.config.space.parse(self.state.history[self.state.answer])
        return self.config.method.final(self.state.method, self._validate_connected)

    # -- a path from input to output ----------------------------------------------------------------------------------

    def _usable(self, architecture: Architecture) -> bool:
        """Whether it may be the answer: what it computes says something of its input."""
        if self.config.search.disconnected == "allow":
            return True
        return self.network.reads_input(architecture, self._first_images(_PROBED).inputs)

    def _validate_connected(self, architecture: Architecture, images: int | None = None, part: int = 0) -> float:
        """As `validate`; worst of all where there is no path from input to output."""
        if self._usable(architecture):
            return self.validate(architecture, images, part)
        return -math.inf if self.task.direction == "max" else math.inf

    def _connected(self, found: Architecture) -> Architecture:
        """What was found. Where it has no path from input to output, the best on validation data of others that have:
        of those that were derived after epochs, else of its neighbours, else of some that are drawn.
        """
        if self._usable(found):
            return found
        best = max if self.task.direction == "max" else min
        held = set(self.network.pairs)  # a later stage's network has not all options
        for others in self._others(found):
            there = (other for other in dict.fromkeys(others) if held.issuperset(other.pairs))
            if usable := [other for other in there if self._usable(other)][:_COMPARED]:
                chosen = best(usable, key=self.validate)
                break
        else:
            chosen = found
        space = self.config.space
        taken = "no other is known" if chosen == found else f"in its place: {space.format(chosen)}"
        _LOG.warning("%s has no path from input to output; %s", space.format(found), taken)
        return chosen

    def _others(self, found: Architecture) -> Iterator[Sequence[Architecture]]:
        generator = np.random.default_rng(self.config.search.seed)
        yield [self.config.space.parse(text) for text in reversed(self.state.history)]
        yield self.space.neighbours(found)
        yield [self.space.sample(generator) for _ in range(_COMPARED)]

    def _result(self, record: Document) -> Result:
        space, text = self.config.space, record["architecture"]
        history = [space.parse(derived) for derived in self.state.history]
        return Result(space.parse(text), text, history, record, self.network, self.folder.path)

    def cost(self, architecture: Architecture) -> Cost:
        """What the found network costs at the supernet's size, in form `evaluation`, on these data."""
        return cost(self._standalone(architecture), self.data.input_shape, dtype=self.data.input_type)

    def _standalone(self, architecture: Architecture) -> Any:
        return self.config.space.standalone(architecture, **self._size())

    def _size(self) -> Document:
        """What makes an architecture's network fit these data and be as large as the supernet."""
        return {**self.data.network, **self.config.space.network_class.size_of(self.config.supernet)}


def run_name(config: SearchConfig, data_name: str) -> str:
    """`<space>-<data>-<method>-<objective>-<hash of the configuration>-s<seed>`."""
    mark = fingerprint(config.document())
    return f"{config.space.name}-{data_name}-{config.method_name}-{config.objective_name}-{mark}-s{config.search.seed}"

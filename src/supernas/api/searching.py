"""`supernas.search`: an architecture, from a supernet that is trained on the way."""

from collections.abc import Callable, Iterable
from typing import Annotated, Any

from supernas import methods
from supernas.api.given import (
    document,
    fitting,
    named_parts,
    names,
    part,
    path_or_none,
    read_config,
    read_count,
    read_data,
    settled,
    text,
)
from supernas.api.parameters import (
    AnyPath,
    Config,
    Count,
    DataDir,
    DataSource,
    Device,
    Devices,
    Epochs,
    FromRun,
    Nodes,
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
from supernas.core.parameters import Meaning, Option, documented
from supernas.evaluation.recorded_search import RecordedSearch
from supernas.runs import diagnostics, trackers
from supernas.runs import stopping as stopping_rules
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Epoch, Result
from supernas.runs.unused import refuse_unused
from supernas.steps import objectives, regularisers
from supernas.steps.contracts import Diagnostic, Method, Objective, Regulariser, Stopping

__all__ = ["Search", "search"]


@documented
class Search(RecordedSearch):
    """A search that has not begun: iterate over its epochs, or call `run` for those who only want the end.

    A part given as settings (`method=supernas.methods.GDAS(temperature=5.0)`) has all of them, whatever a file says.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """

    def __init__(
        self,
        *,
        method: Annotated[
            str | Values | Method[Any] | None,
            Option("the search method (default e2nas)", python="or its settings, as supernas.methods.E2NAS(gamma=0.5)"),
        ] = None,
        space: Where = None,
        objective: Annotated[
            str | Values | Objective | None,
            Option(
                "how the supernet is trained (default: the method's)",
                python="or its settings, as of supernas.objectives",
            ),
        ] = None,
        regulariser: Annotated[
            str | Values | Regulariser | None,
            Option(
                "what changes the gradients of a method that alternates (default: the method's, usually none)",
                python="or its settings, as of supernas.regularisers",
            ),
        ] = None,
        data: DataSource = None,
        data_dir: DataDir = None,
        resolution: Resolution = None,
        task: TaskOf = None,
        preset: Preset = None,
        trains: Annotated[
            int | None,
            Option("epochs for which each candidate is trained, by a method that trains candidates (default 1)"),
        ] = None,
        epochs: Epochs = None,
        seed: Seed = None,
        set: Sets = (),  # the name of the command line's option
        config: Config = None,
        out: Out = None,
        resume: Resume = True,
        from_run: FromRun = None,
        device: Device = None,
        devices: Devices = None,
        nodes: Nodes = None,
        track: Annotated[
            int | None, Option("follow so many drawn architectures from epoch to epoch (default 0)")
        ] = None,
        watch: Annotated[
            str | Diagnostic | Iterable[str | Diagnostic] | None,
            Option("record these after every epoch, with commas: hessian,entropy,skips,gap,depth", python="or several"),
        ] = None,
        stopping: Annotated[
            str | Values | Stopping | None,
            Option(
                "the rule that may end the search early (default never)",
                python="or its settings, as of supernas.stopping",
            ),
        ] = None,
        max_parameters: Annotated[
            Count | None, Option("the most parameters of the found network, such as 1.2M")
        ] = None,
        max_flops: Annotated[Count | None, Option("its most multiply-adds, such as 50M")] = None,
        max_latency_ms: Annotated[float | None, Option("its most milliseconds for one input, measured here")] = None,
        benchmark: Annotated[
            AnyPath | None,
            Option("a table of true accuracies: recorded for every epoch, unseen by the method"),
        ] = None,
        tracker: Trackers = None,
        on_epoch: Annotated[
            Iterable[Callable[[Epoch], Document | None]],
            Meaning(
                "listeners, called with each finished `Epoch`; what they return (a dictionary or None) is added to the "
                "epoch's line of `metrics.jsonl`"
            ),
        ] = (),
        on_step: OnStep = None,
    ) -> None:
        shown = trackers.chosen(names(tracker))
        source, dataset = read_data(data)
        flags: Values = {
            "method": settled(part(methods.PARTS, method), trains=trains),
            "space": space,
            "objective": part(objectives.PARTS, objective),
            "regulariser": part(regularisers.PARTS, regulariser),
            "stopping": part(stopping_rules.PARTS, stopping),
            "data": {"source": source, "directory": text(data_dir), "resolution": resolution},
            "search": {
                "preset": preset,
                "epochs": epochs,
                "seed": seed,
                "device": device,
                "devices": devices,
                "nodes": nodes,
                "inherit": text(from_run),
                "track": track,
            },
            "budget": {
                "max_parameters": read_count(max_parameters, "max_parameters"),
                "max_flops": read_count(max_flops, "max_flops"),
                "max_latency_ms": max_latency_ms,
            },
            "watch": named_parts(diagnostics.PARTS, watch),
        }
        given = document(read_config(config), flags, set)
        resolved = resolve_search(given)
        refuse_unused(given, resolved, resolve_search)
        dataset = fitting(given, dataset, resolved.space.data_kind)
        super().__init__(
            resolved,
            path_or_none(out),
            benchmark=text(benchmark),
            resume=resume,
            on_epoch=on_epoch,
            on_step=on_step,
            task=task,
            data=dataset,
        )
        self.track(shown)


@takes_what(Search)
def search(**arguments: Any) -> Result:
    """Searches for an architecture, and leaves it, the supernet's weights, a picture and a record in the run folder.

    Returns:
        The architecture, its history, the trained supernet, the record, and the run folder.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    return Search(**arguments).run()

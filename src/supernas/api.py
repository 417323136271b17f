"""The Python front door: one call a job, with the names of the command line."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from supernas.benchmarks import final_tests, truths
from supernas.benchmarks import load as load_table
from supernas.configuration import Document, assign, merge, resolve_search, resolve_train
from supernas.search import Epoch, Result, Search
from supernas.train import Training, TrainResult

__all__ = ["derive", "make_search", "make_training", "search", "train"]

Listener = Callable[[Any], "dict[str, Any] | None"]


def document(
    config: Mapping[str, Any] | None, flags: Mapping[str, Mapping[str, Any] | Any], assignments: Iterable[str]
) -> Document:
    """A document from a file's content, flags (None where not given) and `section.name=value` assignments."""
    given: Document = {}
    for section, value in flags.items():
        if isinstance(value, Mapping):
            inner = {name: one for name, one in value.items() if one is not None}
            if inner:
                given[section] = inner
        elif value is not None:
            given[section] = value
    made = merge(config or {}, given)
    for assignment in assignments:
        assign(made, assignment)
    return made


def make_search(
    *,
    method: str | None = None,
    space: str | None = None,
    objective: str | None = None,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    track: int | None = None,
    config: Mapping[str, Any] | None = None,
    set: Iterable[str] = (),  # the name of the command line's option
    out: str | Path | None = None,
    resume: bool = False,
    on_epoch: Iterable[Callable[[Epoch], dict[str, Any] | None]] = (),
    on_step: Callable[..., None] | None = None,
    benchmark: str | Path | None = None,
) -> Search:
    """A search that has not begun: iterate over its epochs, or call `run`. The arguments are those of `search`."""
    flags = {
        "method": method,
        "space": space,
        "objective": objective,
        "data": {"source": _text(data), "directory": _text(data_dir)},
        "search": {"preset": preset, "epochs": epochs, "seed": seed, "device": device, "track": track},
    }
    made = resolve_search(document(config, flags, set))
    table = load_table(benchmark) if benchmark else None
    truth = truths(table, made.space) if table else None
    folder = Path(out) if out else None
    if not made.search.track:
        return Search(made, folder, resume=resume, on_epoch=tuple(on_epoch), on_step=on_step, truth=truth)
    from supernas.studies.tracking import Tracking, tracked_architectures

    architectures = tracked_architectures(made)
    run = Search(made, folder, resume=resume, on_step=on_step, truth=truth)
    tracking = Tracking(run, architectures, final_tests(table, made.space) if table else None)
    run.on_epoch = (tracking, *on_epoch)
    return run


def search(**arguments: Any) -> Result:
    """Searches for an architecture.

    Args:
        **arguments: `method`, `space`, `objective`, `data` (a name or a path), `data_dir`, `preset`, `epochs`, `seed`,
            `device`, `track` as on the command line; `config`, a nested dictionary of settings; `set`, a list of
            "section.name=value"; `out`, the run folder; `resume`; `on_epoch`, listeners; `on_step`, a listener;
            `benchmark`, a table whose truth is recorded.

    Returns:
        The architecture, its history, the trained supernet, the record, and the run folder.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    return make_search(**arguments).run()


def make_training(
    architecture: str | Path,
    *,
    space: str | None = None,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    config: Mapping[str, Any] | None = None,
    set: Iterable[str] = (),
    out: str | Path | None = None,
    resume: bool = False,
    on_epoch: Iterable[Callable[..., dict[str, Any] | None]] = (),
    on_step: Callable[..., None] | None = None,
) -> Training:
    """A training that has not begun. The arguments are those of `train`."""
    flags = {
        "space": space,
        "architecture": str(architecture),
        "data": {"source": _text(data), "directory": _text(data_dir)},
        "train": {"preset": preset, "epochs": epochs, "seed": seed, "device": device},
    }
    made = resolve_train(document(config, flags, set))
    return Training(made, Path(out) if out else None, resume=resume, on_epoch=tuple(on_epoch), on_step=on_step)


def train(architecture: str | Path, **arguments: Any) -> TrainResult:
    """Trains an architecture from scratch and tests it; the other arguments are those of `search`."""
    return make_training(architecture, **arguments).run()


def derive(run_dir: str | Path, *, by: str, **options: Any) -> Any:
    """Makes another final choice from the supernet of a finished search, without a new search.

    Args:
        run_dir: the run folder of the search.
        by: `best-sampled`, `evolution` or `top-k`.
        **options: those of `studies.derive.derive`, with the names of the command line.

    Returns:
        A `studies.derive.Derived`: the architecture, its score, and the record that was written.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    from supernas.studies.derive import derive as choose  # brings studies along, which no other job here needs

    return choose(Path(run_dir), by, **options)


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)

"""The Python front door: one call a job, with the names of the command line."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from supernas.benchmarks import load as load_table
from supernas.benchmarks import truths
from supernas.configuration import Document, assign, merge, resolve_search, resolve_train
from supernas.search import Epoch, Result, Search
from supernas.train import Training, TrainResult, sized

__all__ = ["make_search", "make_training", "search", "train"]

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
    space: str | Mapping[str, Any] | None = None,
    objective: str | None = None,
    data: str | Path | None = None,
    data_dir: str | Path | None = None,
    preset: str | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    device: str | None = None,
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
        "search": {"preset": preset, "epochs": epochs, "seed": seed, "device": device},
    }
    made = resolve_search(document(config, flags, set))
    truth = truths(load_table(benchmark), made.space) if benchmark else None
    folder = Path(out) if out else None
    return Search(made, folder, resume=resume, on_epoch=tuple(on_epoch), on_step=on_step, truth=truth)


def search(**arguments: Any) -> Result:
    """Searches for an architecture.

    Args:
        **arguments: `method`, `space`, `objective`, `data` (a name or a path), `data_dir`, `preset`, `epochs`, `seed`,
            `device` as on the command line; `config`, a nested dictionary of settings; `set`, a list of
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
    space: str | Mapping[str, Any] | None = None,
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
    parameters: int | None = None,
) -> Training:
    """A training that has not begun. The arguments are those of `train`."""
    flags = {
        "space": space,
        "architecture": str(architecture),
        "data": {"source": _text(data), "directory": _text(data_dir)},
        "train": {"preset": preset, "epochs": epochs, "seed": seed, "device": device},
    }
    made = resolve_train(document(config, flags, set))
    if parameters is not None:
        made = sized(made, parameters)
    return Training(made, Path(out) if out else None, resume=resume, on_epoch=tuple(on_epoch), on_step=on_step)


def train(architecture: str | Path, **arguments: Any) -> TrainResult:
    """Trains an architecture from scratch and tests it.

    The other arguments are those of `search`, and `parameters`, for which the network's channels are then chosen.
    """
    return make_training(architecture, **arguments).run()


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)

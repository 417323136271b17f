"""Another final choice from a finished search's supernet, without a new search.

Whatever takes time is kept in the run folder (accuracies, run folders), so a derivation that was killed goes on where
it was; one that is done is read.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

from supernas.core.architecture import Architecture
from supernas.core.claims import claimed
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError, unknown
from supernas.core.files import environment, remove_temporaries, write_atomically
from supernas.core.records import Record, read_record, write_record
from supernas.core.settings import build, field_names, to_plain
from supernas.core.spelling import named, option
from supernas.evaluation.selection import selectors
from supernas.evaluation.selection.question import Question, Selector
from supernas.evaluation.supernet_accuracy import EvaluationSettings, OnProgress
from supernas.runs.cell_picture import cell_svg
from supernas.runs.configuration import fingerprint
from supernas.runs.device import choose_device
from supernas.runs.executors import cores
from supernas.runs.finished import read_run
from supernas.runs.training import Training

__all__ = ["Derived", "derive"]


class DerivedRecord(Record):
    """`derive-*.json`."""

    remedy: ClassVar[str] = "remove it, and derive again"

    space: str
    architecture: str
    score: float
    score_is: str
    preset: str
    how: dict[str, Any]


@dataclass(frozen=True)
class Derived:
    """What was derived.

    Attributes:
        architecture: the choice.
        text: the same as text of the space.
        score: what it was chosen by, in percent; `record["score_is"]` says what that is.
        record: the content of the file.
        file: `derive-<selector>-<hash of how>.json` in the run folder; the picture lies beside it.
    """

    architecture: Architecture
    text: str
    score: float
    record: Document
    file: Path


def derive(
    folder: Path,
    by: str,
    options: Values,
    *,
    images: int | None = None,
    batch_norm: str = "batch",
    seed: int | None = None,
    workers: int | Literal["auto"] | None = None,
    device: str = "auto",
    on_progress: OnProgress | None = None,
    on_training: Callable[[Training], None] | None = None,
) -> Derived:
    """Makes a final choice from a finished search's supernet.

    Args:
        folder: the run folder of the search.
        by: the name of a selector: `additive`, `best-sampled`, `darts-pt`, `evolution`, `proxy`, `ranks`,
            `top-k`, or that of a plug-in.
        options: the selector's own settings, such as `candidates` or `top`; None counts as not given.
        images: validation images on which an architecture is asked about; by default as many as in the search.
        batch_norm: which statistics normalise (see `EvaluationSettings`).
        seed: of what is drawn, and of trainings; the search's own by default.
        workers: processes that ask at once; 1 by default, `auto` is one a core where several help.
        device: where to compute.
        on_progress: called with (evaluated, to be evaluated).
        on_training: called with each training before it runs.

    Returns:
        The choice. The seconds in its record are those of the call that finished it.

    Raises:
        UserError: if the folder holds no finished search, there is no such selector, an option is not of this selector
            or out of range, another process derives the same, or as evaluation and training do.
    """
    if seed is not None and not 0 <= seed < 2**32:
        raise UserError(f"seed is {seed}; wanted 0 or more, and less than 2^32")
    if workers not in (None, "auto") and not (isinstance(workers, int) and workers >= 1):
        raise UserError(f"workers is {workers!r}; wanted 1 or more, or 'auto'")
    started = time.perf_counter()
    config, weights = read_run(folder)
    given = {name: value for name, value in options.items() if value is not None}
    selector = _selector(by, given, workers not in (None, "auto"))
    if not selector.asks_supernet:
        about = {"images": images is not None, "batch_norm": batch_norm != "batch", "workers": isinstance(workers, int)}
        if any(about.values()):
            left_out = " and ".join(named(name) for name, there in about.items() if there)
            raise UserError(f"{option('by', by)} does not ask the supernet: leave out {left_out}")
    there = config.data.load().for_search(config.search.seed, config.search.split).count("valid")
    usual = min(config.search.validation_images, there)
    asked = {"images": usual if images is None else images, "batch_norm": batch_norm}
    where = choose_device(device)
    question = Question(
        folder,
        config,
        build(EvaluationSettings, asked, "derive"),
        config.search.seed if seed is None else seed,
        where,
        _processes(workers, selector, where),
        on_progress,
        on_training,
    )
    how, training = _how(selector, by, question, weights), selector.training(question)
    marked = {**how, "training": training and fingerprint(training.document())}
    mark = hashlib.sha256(json.dumps(marked, sort_keys=True).encode()).hexdigest()[:8]
    file = folder / f"derive-{by}-{mark}.json"
    with claimed(file.with_suffix(".claim"), str(file), movable=False):
        record = read_record(file, DerivedRecord) or _choose(question, selector, file, how, started)
    return Derived(config.space.parse(record["architecture"]), record["architecture"], record["score"], record, file)


def _choose(question: Question, selector: Selector, file: Path, how: Document, started: float) -> Document:
    """Chooses, and returns the record that is written."""
    remove_temporaries(file.parent, lambda name: name.startswith(f"{file.stem}."))
    config = question.config
    choice = selector.choose(question, file.with_suffix(""))
    record = {
        "space": config.space.name,
        "architecture": config.space.format(choice.architecture),
        "score": choice.score,
        "score_is": choice.score_is,
        "preset": config.search.preset,
        "how": how,
        **choice.details,
        "seconds": time.perf_counter() - started,
        "versions": environment(question.device),
    }
    return _write(file, record, cell_svg(config.space, choice.architecture))


def _processes(workers: int | Literal["auto"] | None, selector: Selector, device: torch.device) -> int:
    """How many ask at once."""
    if workers == "auto":
        return cores() if selector.asks_many and device.type == "cpu" else 1
    return workers or 1


def _selector(by: str, options: Values, workers: bool) -> Selector:
    """The selector with its settings.

    Raises:
        UserError: naming the selector that an option belongs to.
    """
    chosen = selectors.get(by)
    mine = _takes(chosen)
    for given in [*options, *(["workers"] if workers else [])]:
        if given in mine:
            continue
        takes = {name: _takes(selectors.get(name)) for name in selectors.names()}
        owners = [name for name, taken in takes.items() if given in taken]
        if not owners:
            raise unknown("option", given, {name for taken in takes.values() for name in taken})
        *others, last = owners
        whose = f"{', '.join(others)} and {last}" if others else last
        raise UserError(f"{given} is an option of {whose}, not of {by}, which takes {', '.join(mine)}")
    return build(chosen, options, "derive")


def _takes(selector: type[Selector]) -> list[str]:
    """The options of a selector; `workers` only where more processes help."""
    return [*field_names(selector), *(["workers"] if selector.asks_many else [])]


def _how(selector: Selector, by: str, question: Question, weights: bytes) -> Document:
    """All that decides what is chosen, apart from how trainings go."""
    return {
        "by": by,
        **to_plain(selector),
        "seed": question.seed,
        "evaluation": question.evaluation.described(),
        "supernet": hashlib.sha256(weights).hexdigest()[:16],
    }


def _write(file: Path, record: Document, picture: str) -> Document:
    try:
        write_atomically(file.with_suffix(".svg"), lambda opened: opened.write(picture.encode()))
        return write_record(file, record)
    except OSError as error:
        raise UserError(f"cannot write to {file.parent}: {error.strerror or error}") from None

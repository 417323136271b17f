"""What a finished search is asked: another choice, its ranking against the truth, what it followed trained alone."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np

from supernas import proxies
from supernas.api.given import assignments, document, named_parts, read_config, text
from supernas.api.parameters import (
    Address,
    AnyPath,
    BatchNorm,
    Benchmark,
    Config,
    DataDir,
    Epochs,
    ExecutorOf,
    OnProgress,
    RunDir,
    Sets,
    TableDataset,
    TableEpochs,
    TableSplit,
    TableTrainedOn,
    Workers,
    WorkersOf,
)
from supernas.api.tables import read_column, refuse_column
from supernas.core.architecture import Architecture
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.parameters import Meaning, Option, documented
from supernas.core.settings import build
from supernas.core.spelling import Some, named, option
from supernas.evaluation import correlate as correlation
from supernas.evaluation.correlate import Correlation
from supernas.evaluation.selection.derive import Derived
from supernas.evaluation.selection.derive import derive as derive_from
from supernas.evaluation.supernet_accuracy import EvaluationSettings
from supernas.evaluation.tracking import retrain as retrain_followed
from supernas.proxies import Proxy
from supernas.runs import configuration
from supernas.runs.configuration import merge, resolve_train
from supernas.runs.device import choose_device
from supernas.runs.executors import chosen
from supernas.runs.finished import read_run, training_beside
from supernas.runs.training import Training, TrainResult
from supernas.runs.unused import refuse_unused
from supernas.spaces.base import Space

__all__ = ["correlate", "derive", "retrain"]

_USUAL_COUNT = 500
_OF_SELECTOR = "derive."  # what its options are assigned as
_OnTraining = Annotated[Callable[[Training], None] | None, Meaning("called with each training before it runs")]
_Device = Annotated[configuration.Device, Option("auto, cpu, cuda, cuda:1 or mps")]


@documented
def derive(
    run_dir: RunDir,
    *,
    by: Annotated[
        str, Option("additive, best-sampled, darts-pt, evolution, proxy, ranks or top-k (supernas list selectors)")
    ],
    candidates: Annotated[
        int | None, Option("architectures drawn (default 100), or visited by evolution (default 200)")
    ] = None,
    source: Annotated[
        Literal["uniform", "visited", "learnt"] | None,
        Option("uniform draws (not of proxy), what the search visited, or draws from what it learnt"),
    ] = None,
    population: Annotated[int | None, Option("evolution: architectures alive (default 10)")] = None,
    sample: Annotated[int | None, Option("evolution: draws for a parent (default 10)")] = None,
    draws: Annotated[int | None, Option("proxy: architectures drawn from what was learnt (default 100)")] = None,
    proxy: Annotated[
        str | None, Option("proxy, ranks: what scores them (default synflow); top-k: chooses what is trained")
    ] = None,
    batch_size: Annotated[
        int | None, Option("proxy, ranks: training images that the proxy looks at (default 64)")
    ] = None,
    top: Annotated[int | None, Option("top-k: so many are trained (default 8)")] = None,
    epochs: Annotated[
        int | None, Option("top-k: of the first trainings, which double as the number halves (default 2)")
    ] = None,
    weights: Annotated[
        Literal["fresh", "inherited"] | None,
        Option("top-k: trainings start from fresh or inherited weights (default fresh)"),
    ] = None,
    tune: Annotated[
        int | None, Option("darts-pt: epochs for which the supernet is trained after each decision (default 5)")
    ] = None,
    set: Annotated[
        Iterable[str],
        Option(
            "any option of a selector, as derive.name=value; top-k: section.name=value of the trainings, "
            "scored.name=value of what its proxy scores; proxy, ranks: network.name=value of what is scored, or "
            "its-name.name=value of the proxy"
        ),
    ] = (),
    images: Annotated[
        int | None, Option("validation images on which each is judged (default: as in the search)")
    ] = None,
    batch_norm: BatchNorm = "batch",
    seed: Annotated[int | None, Option("of draws and trainings (default: the search's)", least=0)] = None,
    workers: Workers = None,
    device: _Device = "auto",
    on_progress: OnProgress = None,
    on_training: _OnTraining = None,
) -> Derived:
    """Makes another final choice from a finished search's supernet: no new search; killed, it goes on where it was.

    Returns:
        The architecture, its score, and the record that was written.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    given = assignments(set)
    own = [one for one in given if one.lstrip().startswith(_OF_SELECTOR)]
    options: Document = {
        "candidates": candidates,
        "source": source,
        "population": population,
        "sample": sample,
        "draws": draws,
        "proxy": proxy,
        "batch_size": batch_size,
        "top": top,
        "epochs": epochs,
        "weights": weights,
        "tune": tune,
        "set": tuple(one for one in given if one not in own) or None,
    }
    return derive_from(
        Path(run_dir),
        by,
        document(None, {"derive": options}, own).get("derive", {}),
        images=images,
        batch_norm=batch_norm,
        seed=seed,
        workers=workers,
        device=device,
        on_progress=on_progress,
        on_training=on_training,
    )


@documented
def correlate(
    run_dir: RunDir,
    *,
    benchmark: Benchmark = None,
    retrained: Annotated[AnyPath | None, Option("instead: a folder of `train` runs of own retrainings")] = None,
    architectures: Annotated[
        str | int | None, Option("with a benchmark: how many, drawn by the seed, or all (default 500)")
    ] = None,
    images: Annotated[int, Option("validation images on which each is judged")] = 1000,
    batch_norm: BatchNorm = "batch",
    dataset: TableDataset = None,
    split: TableSplit = None,
    epochs: TableEpochs = None,
    trained_on: TableTrainedOn = None,
    proxy: Annotated[
        str | Proxy | Iterable[str | Proxy] | None,
        Option(
            "zero-cost proxies that rank them too, separated by commas (supernas list proxies)",
            python="or the settings of one or more",
        ),
    ] = None,
    seed: Annotated[int, Option("of the architectures, of ties and of the intervals", least=0)] = 0,
    workers: WorkersOf = 1,
    executor: ExecutorOf = "local",
    address: Address = None,
    device: _Device = "auto",
    on_progress: OnProgress = None,
) -> Correlation:
    """Ranks architectures with a search's inherited weights, and compares with the truth (tau, rho, top-k regret).

    Returns:
        The rankings, what was compared, and the files that were written to the run folder.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    evaluation = build(EvaluationSettings, {"images": images, "batch_norm": batch_norm}, "correlate")
    folder = Path(run_dir)
    space = read_run(folder)[0].space
    column: Document = {"dataset": dataset, "split": split, "epochs": epochs, "trained_on": trained_on}
    if (benchmark is None) == (retrained is None):
        raise UserError(
            f"give the truth: either {option('benchmark', Some('FILE'))} or {option('retrained', Some('STUDY_DIR'))}"
        )
    if benchmark is not None:
        compared, truth, name = _from_table(benchmark, column, space, architectures, seed)
    else:
        useless = f"belongs to {named('benchmark')}; {named('retrained')} takes every architecture of its folder"
        refuse_column({**column, "architectures": architectures}, useless)
        compared, truth = correlation.retrained(Path(str(retrained)), space)
        name = "test accuracy of own retrainings"
    found = correlation.correlate(
        folder,
        compared,
        truth,
        name,
        evaluation,
        seed=seed,
        workers=workers,
        executor=chosen(executor, address),
        device=choose_device(device),
        on_progress=on_progress,
        proxies=named_parts(proxies.PARTS, proxy),
    )
    return replace(found, files=found.save(folder))


@documented
def retrain(
    run_dir: RunDir,
    *,
    data_dir: DataDir = None,
    preset: Annotated[str | None, Option("demo, cpu or paper (default: the search's)")] = None,
    epochs: Epochs = None,
    seed: Annotated[int | None, Option("of the trainings (default: the search's)")] = None,
    set: Sets = (),
    config: Config = None,
    device: Annotated[
        configuration.Device | None, Option("auto, cpu, cuda, cuda:1 or mps (default: the search's)")
    ] = None,
    on_training: _OnTraining = None,
) -> list[TrainResult]:
    """Trains what a search followed (`track=...`) on its halves of the images; draws it beside the supernet's curves.

    What is not given is as in the search; called again, it goes on where it was.

    Returns:
        The trainings, in the order of the search's `tracked.json`.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    folder = Path(run_dir)
    search, _ = read_run(folder)
    stand_in = search.space.sample(np.random.default_rng(0))
    beside = {**training_beside(search), "architecture": search.space.format(stand_in)}
    flags: Values = {
        "data": {"directory": text(data_dir)},
        "train": {"preset": preset, "epochs": epochs, "seed": seed, "device": device},
    }
    own = document(read_config(config), flags, set)
    training = resolve_train(merge(beside, own))
    refuse_unused(own, training, lambda one: resolve_train(merge(beside, one)))
    return retrain_followed(folder, training, on_training)


def _from_table(
    path: AnyPath, column: Document, space: Space, count: str | int | None, seed: int
) -> tuple[list[Architecture], np.ndarray, str]:
    """(architectures, truth, name of the truth)."""
    count = str(_USUAL_COUNT if count is None else count)
    if count != "all" and not count.isdecimal():
        raise UserError(f"{option('architectures', count)}: wanted a number, or all")
    table, chosen = read_column(path, column, space, "the search was in")
    compared = correlation.draw(space, len(space) if count == "all" else int(count), seed)
    truth = table.column(**column)[[space.index(architecture) for architecture in compared]]
    name = f"{chosen.dataset} {chosen.split} accuracy after {chosen.epochs} epochs on {chosen.trained_on}"
    return compared, truth, name

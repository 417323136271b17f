"""`supernas.score`: what zero-cost proxies say of architectures, and whether they rank them as the truth does."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from supernas import proxies
from supernas.api.given import document, named_parts, read_config, text
from supernas.api.parameters import (
    Address,
    AnyArchitecture,
    AnyPath,
    Benchmark,
    Config,
    DataDir,
    ExecutorOf,
    OnProgress,
    Resolution,
    TableDataset,
    TableEpochs,
    TableSplit,
    TableTrainedOn,
    Where,
    WorkersOf,
)
from supernas.api.tables import read_column, refuse_column
from supernas.core.architecture import Architecture
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.parameters import Option, documented
from supernas.core.spelling import Some, named, option
from supernas.evaluation.proxy_scores import ScoreConfig, Scores, resolve_scores
from supernas.evaluation.proxy_scores import score as score_all
from supernas.proxies import Proxy
from supernas.runs import configuration
from supernas.runs.executors import chosen as chosen_executor
from supernas.spaces.search_strategies import draw

__all__ = ["score"]


@documented
def score(
    architectures: Annotated[
        Iterable[AnyArchitecture] | AnyArchitecture | None, Option("architectures as text, index or name")
    ] = None,
    *,
    proxy: Annotated[
        str | Proxy | Iterable[str | Proxy],
        Option("one or more, separated by commas (supernas list proxies)", python="or the settings of one or more"),
    ] = "synflow",
    sample: Annotated[int | None, Option("so many architectures, drawn by the seed", least=1)] = None,
    all: Annotated[bool, Option("every architecture of the space")] = False,
    space: Where = None,
    data: Annotated[str | os.PathLike[str] | None, Option("a data set's name, or a path (default digits)")] = None,
    data_dir: DataDir = None,
    resolution: Resolution = None,
    channels: Annotated[int | None, Option("channels C of the networks")] = None,
    cells: Annotated[int | None, Option("cells N of the networks")] = None,
    batch_size: Annotated[int | None, Option("images that proxies look at (default 64)")] = None,
    seed: Annotated[int | None, Option("of images, initial weights and sampling (default 0)")] = None,
    set: Annotated[Iterable[str], Option("any setting, as section.name=value or proxy.name=value; repeatable")] = (),
    config: Config = None,
    workers: WorkersOf = 1,
    executor: ExecutorOf = "local",
    address: Address = None,
    device: Annotated[configuration.Device | None, Option("auto, cpu, cuda, cuda:1 or mps (default cpu)")] = None,
    out: Annotated[AnyPath, Option("folder of the files of scores", python="what they hold is not computed again")] = (
        "runs/scores"
    ),
    benchmark: Benchmark = None,
    dataset: TableDataset = None,
    split: TableSplit = None,
    epochs: TableEpochs = None,
    trained_on: TableTrainedOn = None,
    on_progress: OnProgress = None,
) -> Scores:
    """Scores architectures by zero-cost proxies, without training them; with a benchmark, `rankings` compares.

    Returns:
        The scores by proxy, their files, the scale at which they hold, and the truth of a benchmark.

    Raises:
        UserError: for anything that the arguments get wrong; the message is one line.
    """
    given, settings = named_parts(proxies.PARTS, proxy), read_config(config)
    flags: Values = {
        "space": space,
        "data": {"source": text(data), "directory": text(data_dir), "resolution": resolution},
        "network": {"channels": channels, "cells": cells},
        "score": {"batch_size": batch_size, "seed": seed, "device": device},
        **given,
    }
    made = resolve_scores(list(given), document(settings, flags, set))
    column: Document = {"dataset": dataset, "split": split, "epochs": epochs, "trained_on": trained_on}
    table = None
    if benchmark is None:
        refuse_column(
            column, f"says which column of a benchmark; give {option('benchmark', Some('FILE'))} too, or leave it out"
        )
    else:
        table, chosen = read_column(benchmark, column, made.space, "the architectures are of")
    wanted = _chosen(made, architectures, sample, all)
    where = chosen_executor(executor, address)
    scores = score_all(wanted, made, Path(out), workers=workers, executor=where, on_progress=on_progress)
    if table is None:
        return scores
    truth = table.column(**column)[[made.space.index(architecture) for architecture in wanted]]
    return replace(scores, truth=truth, truth_name=str(chosen))


def _chosen(config: ScoreConfig, given: Any, sample: int | None, everything: bool) -> list[Architecture]:
    if (given is not None) + (sample is not None) + everything != 1:
        raise UserError(f"say what to score: architectures, or {option('sample', Some('N'))}, or {option('all', True)}")
    space = config.space
    if given is not None:
        alone = isinstance(given, str) or not isinstance(given, Iterable)
        return [one if isinstance(one, Architecture) else space.parse(one) for one in ([given] if alone else given)]
    if sample is not None:
        return draw(space, sample, np.random.default_rng(config.score.seed))
    if not space.enumerable:
        few = option("sample", Some("N"))
        raise UserError(f"{space.name} has {space.size:,} architectures, too many for {named('all')}; use {few}")
    return list(space)

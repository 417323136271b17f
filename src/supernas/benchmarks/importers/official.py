"""The dictionaries that NAS-Bench-201 and NATS-Bench store for one architecture, whatever file they come in.

X. Dong and Y. Yang, "NAS-Bench-201: Extending the Scope of Reproducible Neural Architecture Search", ICLR 2020; X. Dong
et al., "NATS-Bench: Benchmarking NAS Algorithms for Architecture Topology and Size", TPAMI 2021. An architecture has
one state for each length of training, with results by (data set, seed). Data sets and splits, and the names here:

| official | trained on | `x-valid` | `x-test` | `ori-test` |
|---|---|---|---|---|
| cifar10-valid | cifar10, `train` (25,000) | `valid` (25,000) | | `test` |
| cifar10 | cifar10, `train+valid` (50,000) | | | `test` |
| cifar100, ImageNet16-120 | `train` | `valid` (half of the test images) | `test` (the other half) | `valid+test` |
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import nan
from numbers import Real
from statistics import fmean
from typing import Any

import numpy as np

from supernas.benchmarks.collect import Collector
from supernas.benchmarks.columns import Column
from supernas.core.documents import Values
from supernas.core.errors import UserError

__all__ = ["add_architecture", "check_order", "size_space"]

_TRAININGS = {
    "cifar10-valid": ("cifar10", "train"),
    "cifar10": ("cifar10", "train+valid"),
    "cifar100": ("cifar100", "train"),
    "ImageNet16-120": ("imagenet16-120", "train"),
}
_HALVED = {"x-valid": "valid", "x-test": "test", "ori-test": "valid+test"}
_WHOLE = {"x-valid": "valid", "ori-test": "test"}
_SEED_OF_RIGHT_COST = 888  # some trials hold the cost of another architecture; the official reader takes this one's


@dataclass(frozen=True)
class _Trial:
    """One training: its address, accuracies by split and epoch, and cost (millions; seconds)."""

    dataset: str
    trained_on: str
    seed: int
    epochs: int
    accuracies: dict[str, dict[int, Any]]
    parameters: float
    flops: float
    latency: float


def add_architecture(collector: Collector, index: int, states: Values, where: str) -> None:
    """Notes everything that the states of one architecture hold.

    Args:
        collector: the table in the making.
        index: its official index.
        states: one state for each length of training, under any names.
        where: what to call the place in messages.

    Raises:
        UserError: if the states belong to another architecture, or are not laid out as published.
    """
    text = collector.space.format(collector.space[index])
    trials = []
    try:
        for state in states.values():
            _refuse_sizes(state["arch_str"], where)
            if state["arch_str"] != text:
                raise UserError(f"{where} holds {str(state['arch_str'])[:200]!r}; architecture {index} is {text}")
            trials += [_trial(key, result, where) for key, result in state["all_results"].items()]
    except UserError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise UserError(
            f"{where} is not laid out as an official file ({type(error).__name__}: {ascii(str(error))[:80]}); "
            "fetch it again"
        ) from None
    for trial in trials:
        for column, values in _columns(trial):
            _add_values(collector, index, column, trial.seed, values)
    for dataset in {trial.dataset for trial in trials}:
        collector.cost(index, dataset, *_cost([trial for trial in trials if trial.dataset == dataset]))


def check_order(meta_archs: Any, collector: Collector, where: str) -> None:
    """Refuses a file whose list of architectures is not the official one."""
    if isinstance(meta_archs, list) and meta_archs:
        _refuse_sizes(meta_archs[0], where)
    if not isinstance(meta_archs, list) or len(meta_archs) != len(collector.space):
        raise UserError(f"{where} has no list of {len(collector.space):,} architectures as 'meta_archs'")
    for index, (given, architecture) in enumerate(zip(meta_archs, collector.space, strict=True)):
        if given != collector.space.format(architecture):
            raise UserError(
                f"{where} has {str(given)[:200]!r} as architecture {index}; the official one is "
                f"{collector.space.format(architecture)}"
            )


def _refuse_sizes(text: Any, where: str) -> None:
    """Says it of a file of NATS-Bench's other space, whose architectures are the channels of five layers."""
    if isinstance(text, str) and re.fullmatch(r"\d{1,4}(:\d{1,4}){4}", text):
        raise UserError(size_space(where))


def size_space(where: str) -> str:
    """Why a file of NATS-Bench's size space is not read."""
    return (
        f"{where} is of NATS-Bench's size space (sss); wanted its topology space (tss), as NATS-tss-v1_0-3ffb9-simple"
    )


def _trial(key: Any, result: Values, where: str) -> _Trial:
    official, seed = key
    dataset, trained_on = _TRAININGS[official]
    splits = _WHOLE if dataset == "cifar10" else _HALVED
    accuracies: dict[str, dict[int, Any]] = {"train": dict(result["train_acc1es"] or {})}
    for name, value in result["eval_acc1es"].items():
        split, _, epoch = name.partition("@")
        accuracies.setdefault(splits[split], {})[int(epoch)] = value
    epochs = result["epochs"]
    if type(epochs) is not int or not 0 < epochs <= 10_000 or type(seed) is not int:
        raise ValueError("epochs or seed")
    for split, values in accuracies.items():
        for epoch, value in values.items():
            if not _is_percentage(value) or not 0 <= epoch < epochs:
                at = f"{official} seed {seed} {split}@{epoch}"
                raise UserError(
                    f"{where} has accuracy {ascii(value)[:40]} at {at}; wanted 0 to 100, epoch below {epochs}"
                )
    latencies = [float(seconds) for seconds in result.get("latency") or [] if seconds > 0]
    return _Trial(
        dataset,
        trained_on,
        seed,
        epochs,
        accuracies,
        float(result["params"]),
        float(result["flop"]),
        fmean(latencies) if latencies else nan,
    )


def _is_percentage(value: Any) -> bool:
    return isinstance(value, Real) and 0 <= float(value) <= 100


def _columns(trial: _Trial) -> Iterator[tuple[Column, dict[int, Any]]]:
    for split, values in trial.accuracies.items():
        yield Column(trial.dataset, trial.trained_on, split, trial.epochs), values


def _add_values(collector: Collector, index: int, column: Column, seed: int, values: dict[int, Any]) -> None:
    """The final accuracy, and the curve where the source has more than that."""
    if column.epochs - 1 in values:
        collector.accuracy(index, column, seed, values[column.epochs - 1])
    if len(values) > 1:
        curve = np.full(column.epochs, nan)
        curve[list(values)] = list(values.values())
        collector.curve(index, column, seed, curve)


def _cost(trials: list[_Trial]) -> tuple[float, float, float]:
    """Parameters, multiply-adds and seconds, from the trials of the longest training."""
    longest = [trial for trial in trials if trial.epochs == max(other.epochs for other in trials)]
    right = [trial for trial in longest if trial.seed == _SEED_OF_RIGHT_COST] or longest
    latencies = [trial.latency for trial in longest if trial.latency == trial.latency]
    return (
        round(1e6 * right[0].parameters),
        round(1e6 * right[0].flops),
        fmean(latencies) if latencies else nan,
    )

"""Searches of a second: two epochs of three steps in the smallest network of a space, for any parts."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from supernas import methods, spaces
from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.core.settings import field_names
from supernas.methods.e2nas.autoencoder.pretrained import SHIPPED
from supernas.runs.configuration import DEFAULT_SPACE, SearchConfig, merge, resolve_search
from supernas.runs.search import Result, Search
from supernas.spaces.base import Space
from supernas_pytest.parts import Parts

__all__ = [
    "TOY",
    "Names",
    "alone",
    "assert_plain",
    "combinations",
    "config_of",
    "interrupted",
    "marked",
    "outcome",
    "rare",
    "tried",
]

Names = tuple[str, str, str]
"""Of a space, a method and an objective."""

# 96 digits, halves of 48, batches of 16, or 4 pieces of a text of 25 time steps
_SEARCH = {"epochs": 2, "device": "cpu"}
_TOYS: dict[str, Document] = {
    "images": {
        "supernet": {"channels": 2, "cells": 1},
        "data": {"source": "digits", "train_size": 96},
        "search": {**_SEARCH, "batch_size": 16, "validation_images": 16},
    },
    "text": {
        "supernet": {"units": 3},
        "data": {"train_words": 100, "valid_words": 80, "bptt": 8},
        "search": {**_SEARCH, "batch_size": 4, "validation_images": 2},
    },
}
TOY = _TOYS["images"]
_OTHER: Document = {"search": {**_SEARCH, "batch_size": 16, "validation_images": 16}}

_SMALLEST = {"darts-cnn": {"cells": 3}}
_PARTIAL = {  # a quarter of them is one, or two
    ("nas-bench-201", "pc-darts"): {"channels": 4},
    ("darts-cnn", "pc-darts"): {"channels": 8},
    **{(f"nas-bench-1shot1-{number}", "pc-darts"): {"channels": 4} for number in (1, 2, 3)},
}
_DEPTHS = {  # of methods with stages, and an epoch of each
    "nas-bench-201": [1, 1, 2],
    "darts-cnn": [3, 3, 4],
    **{f"nas-bench-1shot1-{number}": [1, 1, 2] for number in (1, 2, 3)},
}
_FEW = {  # not multiples of the steps
    "zero-cost": {"candidates": 7},
    "random-nas": {"candidates": 7},
    "setn": {"candidates": 7},
    "enas": {"candidates": 7, "samples": 5},
    "regularised-evolution": {"population": 1},
    "local-search": {"initial": 1},
    "bananas": {"initial": 1, "batch": 1},
    "nao": {"pool": 11, "top": 5, "new": 3, "random": 2},
}
_LATENT = 16  # dimensions, as usual
_ALIKE = {"darts-cnn", "nas-bench-1shot1-2", "nas-bench-1shot1-3"}
"""Spaces whose runs take long, or whose networks are those of another space."""
_TYPICAL = {"darts", "e2nas", "random-nas"}
"""A mixture, a path with a gradient, and paths without."""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One thread, seeded global generators, and a folder of its own for autoencoders that do not ship."""
    monkeypatch.setenv("SUPERNAS_CACHE", str(tmp_path / "cache"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        yield
    torch.set_num_threads(threads)


def config_of(parts: Parts, space: str, method: str, objective: str, **more: Any) -> SearchConfig:
    """The toy search of three parts; `more` are further sections."""
    known = spaces.get(space)
    named = {"name": method, **_FEW.get(method, {})}
    if not (SHIPPED / f"{space}.safetensors").exists():
        named.update(_quick(method, known))
    toy = _TOYS.get(known.data_kind, _OTHER)
    if method == "p-darts" and space in _DEPTHS:
        named["cells"] = _DEPTHS[space]
        toy = merge(toy, {"search": {"epochs": len(_DEPTHS[space])}})
    size = {**toy.get("supernet", {}), **_SMALLEST.get(space, {}), **_PARTIAL.get((space, method), {})}
    fields = field_names(known.network_class.supernet_settings)
    chosen = {
        "space": space,
        "method": named,
        "objective": objective,
        "supernet": {name: value for name, value in size.items() if name in fields},
    }
    return resolve_search(merge({**toy, "supernet": {}}, chosen, *parts.toy(space, method, objective), more))


def _quick(method: str, space: Space) -> Document:
    """Settings for a space whose autoencoder does not ship, and may have few options to tell apart."""
    if method == "balenas":
        return {"samples": 2}
    if method != "e2nas":
        return {}
    free = [sum(len(space.choices[choice].options) - 1 for choice in where) for where in space.kinds.values()]
    latent = max(1, min(_LATENT, min(free) - 1))
    return {"autoencoder": {"graphs": 64, "epochs": 1, "latent": latent}, "novelty": {"radial": min(free) > 1}}


def tried(parts: Parts, names: Names) -> str:
    """Why three parts do not go together; empty if they do."""
    try:
        config_of(parts, *names)
    except UserError as error:
        return str(error)
    return ""


def combinations(parts: Parts) -> list[Names]:
    """Every method with every objective that goes with it; in other spaces than the first every method with its own
    objective, and every objective with one method. Of these what is about the parts under test.
    """
    every = {kind: parts.company(kind) for kind in ("space", "method", "objective")}
    everything = itertools.product([DEFAULT_SPACE], every["method"], every["objective"])
    own = [(method, methods.get(method).objective) for method in every["method"]]
    one = [("random-nas", objective) for objective in every["objective"]]
    others = [(space, *pair) for space in every["space"] for pair in sorted({*own, *one}) if space != DEFAULT_SPACE]
    mine = [set(parts.names(kind)) for kind in every]
    about = [
        names
        for names in (*everything, *others)
        if parts.package is None or any(name in few for name, few in zip(names, mine, strict=True))
    ]
    return [names for names in about if not tried(parts, names)]


def rare(space: str, method: str) -> bool:
    """Whether a search adds little: its method is shown in other spaces, its space with other methods."""
    return space in _ALIKE and method not in _TYPICAL


def marked(parts: Parts) -> list[Any]:
    """The `combinations`; of our own those that are rare are slow."""
    mine = parts.package is None
    return [
        pytest.param(*names, marks=pytest.mark.slow) if mine and rare(*names[:2]) else names
        for names in combinations(parts)
    ]


def outcome(result: Result) -> Document:
    """All that two equal runs must share."""
    record = {k: v for k, v in result.record.items() if k not in ("seconds", "versions", "environments")}
    lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    lines = [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
    weights = (result.folder / "supernet.safetensors").read_bytes()
    return {"record": record, "lines": lines, "weights": weights, "text": result.text, "history": result.history}


def interrupted(config: SearchConfig, folder: Path, after: int) -> Result:
    """A run that is stopped after so many steps, then taken up by another process's `Search`."""
    search = Search(config, folder, on_step=lambda progress, _: progress.step + 1 == after and search.stop())  # type: ignore[arg-type,func-returns-value]
    with pytest.raises(KeyboardInterrupt):
        search.run()
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert_plain(checkpoint)
    torch.manual_seed(99)  # whatever happened in between
    again = Search(config, folder, resume=True)
    assert again.notes == [note for note in (again.data.note,) if note]
    return again.run()


def assert_plain(tree: Any) -> None:
    """Whether a checkpoint holds tensors and plain values alone."""
    if isinstance(tree, dict):
        for value in tree.values():
            assert_plain(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            assert_plain(value)
    else:
        assert tree is None or isinstance(tree, torch.Tensor | bool | int | float | str)

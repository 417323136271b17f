"""Runs of a second, and what two equal runs must agree in."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from supernas.core.records import RESULT, digests, read_lines, write_record
from supernas.runs.configuration import merge, resolve_search, resolve_train
from supernas.runs.loop import Loop
from supernas.runs.search import Search
from supernas.runs.training import Training

KINDS = ("search", "train")
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
STEPS = 5  # of an epoch
EPOCHS = 2

SEARCH: dict[str, Any] = {
    "method": {"name": "e2nas", "archive_stride": 1, "archive_size": 4, "warmup": 0.34},
    "supernet": {"channels": 4, "cells": 1},
    "data": {"train_size": 640},
    "search": {"epochs": EPOCHS, "batch_size": 64, "validation_images": 64},
}
TRAIN: dict[str, Any] = {
    "architecture": CELL,
    "network": {"channels": 4, "cells": 1},
    "data": {"train_size": 320},
    "train": {"epochs": EPOCHS, "batch_size": 64},
}


def make(kind: str, folder: Path, changes: dict[str, Any] | None = None, **options: Any) -> Loop[Any, Any]:
    """A toy search or training."""
    if kind == "search":
        return Search(resolve_search(merge(SEARCH, changes or {})), folder, **options)
    return Training(resolve_train(merge(TRAIN, changes or {})), folder, **options)


def left_behind(folder: Path) -> dict[str, Any]:
    """Everything a finished run wrote, apart from times."""
    weights = next(folder.glob("*.safetensors"))
    return {
        "result": _timeless(json.loads((folder / "result.json").read_text())),
        "lines": [_timeless(line) for line in read_lines(folder / "metrics.jsonl")],
        "weights": weights.read_bytes(),
        "files": sorted(path.name for path in folder.iterdir() if path.name != "checkpoint.previous.pt"),
    }


def undigested(left: dict[str, Any]) -> dict[str, Any]:
    """What is left behind without the digests of the record and the lines, for runs that differ there as said."""
    files = {name: digest for name, digest in left["result"]["files"].items() if name != "metrics.jsonl"}
    return {**left, "result": {**left["result"], "files": files, "digest": None}}


def rewritten(folder: Path, name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Changes a JSON file of a finished run, which then says of itself that it is whole."""
    document = json.loads((folder / name).read_text())
    change(document)
    if name == RESULT:
        write_record(folder / name, document)
    else:
        (folder / name).write_text(json.dumps(document))
        noted_anew(folder)


def noted_anew(folder: Path) -> None:
    """Makes `result.json` hold the digests of the files as they are now."""
    write_record(folder / RESULT, {**json.loads((folder / RESULT).read_text()), "files": digests(folder)})


def _timeless(value: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in value.items() if key != "seconds"}

"""Tiny seeded runs of everything that has a path of its own: what they leave is hashed, and stays the same.

A case is a function of an empty folder that returns what is to be hashed, part by part. `search` and `train` make most
of them; a new method, objective, selector, proxy or space joins by existing.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import supernas
from supernas import methods, proxies, spaces
from supernas.core.errors import UserError
from supernas.core.records import read_lines
from supernas.evaluation.selection import selectors
from supernas.runs.configuration import merge
from supernas.steps import objectives
from supernas.steps.contracts import Differentiable

Case = Callable[[Path], dict[str, Any]]

_LOOP = {"epochs": 3, "device": "cpu"}
_IMAGES = {  # 96 digits, halves of 48, batches of 16: three steps an epoch
    "data": {"source": "digits", "train_size": 96},
    "search": {**_LOOP, "batch_size": 16, "validation_images": 16},
}
_TEXT = {"units": 3}
TOYS: dict[str, dict[str, Any]] = {
    "nas-bench-201": {**_IMAGES, "supernet": {"channels": 4, "cells": 1}},
    "darts-cnn": {**_IMAGES, "supernet": {"channels": 2, "cells": 3}},
    **{f"nas-bench-1shot1-{number}": {**_IMAGES, "supernet": {"channels": 4, "cells": 1}} for number in (1, 2, 3)},
    "darts-rnn": {
        "supernet": _TEXT,
        "data": {"train_words": 100, "valid_words": 80, "bptt": 8},
        "search": {**_LOOP, "batch_size": 4, "validation_images": 2},
    },
}
SMALL: dict[str, dict[str, Any]] = {  # settings with which a method does all that it does within nine steps
    "e2nas": {"archive_stride": 1, "archive_size": 4, "warmup": 0.34},
    "random-nas": {"candidates": 5},
    "setn": {"candidates": 5},
    "enas": {"candidates": 5, "samples": 4},
    "nao": {"pool": 11, "top": 5, "new": 3, "random": 2},
    "zero-cost": {"candidates": 7},
    "balenas": {"samples": 2},
    "p-darts": {"cells": [3, 4, 5]},
    "robust-darts": {"window": 1, "ratio": 0.99},
    "regularised-evolution": {"population": 1},
    "local-search": {"initial": 1},
    "bananas": {"initial": 1, "batch": 1},
}
_OF_NOVELTY = {"archive_stride", "archive_size"}  # which without novelty is refused
QUICK: dict[str, dict[str, Any]] = {"wpl": {"hold": 2}, "nsas": {"members": 2, "recent": 6}}
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("darts", {"order": 2}),
    ("darts", {"order": 2, "hypergradient": "exact"}),
    ("gdas", {"noise": 0}),
    ("gdas", {"unselected": "run"}),
    ("gdas", {"unselected": "skip"}),
    ("snas", {"weights_on": "mean"}),
    ("drnas", {"weights_on": "mean", "kl": 0.001}),
    ("drnas", {"progressive": True}),
    ("pc-darts", {"edge_normalisation": False}),
    ("sdarts", {"perturbation": "adversarial"}),
    ("robust-darts", {"regularisation": "drop-path"}),
    ("balenas", {"samples": 1}),
    ("balenas", {"inference": "backprop"}),
    ("balenas", {"adam": {"curvature": "exact", "sqrt": False}, "samples": 1}),
    ("balenas", {"order": 2}),
    ("balenas", {"order": 2, "unroll": "each", "hypergradient": "exact"}),
    ("balenas", {"base": "pc-darts"}),
    ("e2nas", {"gamma": 0}),
    ("e2nas", {"gamma": 0, "relaxation": "softmax"}),
    ("e2nas", {"alpha_gradient": "selected", "region": "prior", "balance": "none", "choose": "last"}),
    ("random-nas", {"sampling": "fair", "keep_options": [2]}),
    ("tetlo", {"transfer_weight": 0}),
    ("tetlo", {"gamma": 0.5, "hypergradient": "exact"}),
    ("tetlo", {"auxiliary": {"network": "searched", "restart": 2}}),
    ("tetlo", {"transfer": {"form": "logits"}}),
    ("tetlo", {"base_settings": {"order": 2}}),
    *(("tetlo", {"base": base}) for base in ("balenas", "drnas", "gdas", "pc-darts", "setn", "snas")),
]


# -- searches ----------------------------------------------------------------------------------------------------------


def searched(document: Mapping[str, Any], **options: Any) -> Case:
    """A search: weights, what the method has learnt, the lines of its record, the answer."""

    def run(folder: Path) -> dict[str, Any]:
        search = supernas.Search(config=document, out=folder / "run", **options)
        result = search.run()
        learnt = _learnt(search.config.method, search.state.method)
        return {
            "weights": result.supernet.state_dict(),
            **({} if learnt is None else {"alpha": learnt}),
            "metrics": _lines(result.folder),
            "answer": result.text,
        }

    return run


def search_of(space: str, method: str, objective: str | None = None, **settings: Any) -> dict[str, Any]:
    """The document of a toy search."""
    small = SMALL.get(method, {})
    if settings.get("gamma") == 0:
        small = {name: value for name, value in small.items() if name not in _OF_NOVELTY}
    named = merge(small, settings, {"name": method})
    if method == "e2nas" and space != "nas-bench-201":
        named = merge(named, {"autoencoder": {"graphs": 64, "epochs": 1}})
    document = merge(TOYS[space], {"space": space, "method": named})
    wide = method == "pc-darts" or settings.get("base") == "pc-darts"
    if space == "darts-cnn" and wide:  # a quarter of the channels is one, or two
        document = merge(document, {"supernet": {"channels": 8}})
    return merge(document, {"objective": objective} if objective else {})


def _learnt(method: Any, state: Any) -> Any:
    if isinstance(method, Differentiable):
        return method.alpha(state)
    if isinstance(alpha := getattr(state, "alpha", None), Tensor):
        return alpha
    modules = [part for part in vars(state).values() if isinstance(part, nn.Module)]
    return [module.state_dict() for module in modules] or None


def _lines(folder: Path) -> list[Any]:
    lines = read_lines(folder / "metrics.jsonl")
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


# -- trainings and the rest --------------------------------------------------------------------------------------------

CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"
TRAININGS: dict[str, dict[str, Any]] = {
    "nas-bench-201": {"architecture": CELL, "network": {"channels": 4, "cells": 1}},
    "darts-cnn": {
        "architecture": "DARTS_V2",
        "network": {"channels": 2, "cells": 3, "drop_path": 0.2},
    },
    "nas-bench-1shot1-1": {"architecture": 3373, "network": {"channels": 4, "cells": 1}},
    "nas-bench-1shot1-3": {"architecture": 900_007, "network": {"channels": 5, "cells": 1, "width": "divided"}},
    "darts-rnn": {"architecture": "DARTS_V1", "network": _TEXT},
}


def trained(document: Mapping[str, Any], **options: Any) -> Case:
    """A training: weights, the lines of its record, the test metric."""

    def run(folder: Path) -> dict[str, Any]:
        training = supernas.Training(config=document, out=folder / "run", **options)
        result = training.run()
        return {
            "weights": result.model.state_dict(),
            "metrics": _lines(result.folder),
            "answer": _timeless(result.record),
        }

    return run


def training_of(space: str, **settings: Any) -> dict[str, Any]:
    """The document of a toy training, without its architecture."""
    common = {**TOYS[space], "train": {"epochs": 3, "batch_size": 4 if space == "darts-rnn" else 32, "device": "cpu"}}
    document = {key: value for key, value in common.items() if key not in ("supernet", "search")}
    network = {key: value for key, value in TRAININGS[space].items() if key != "architecture"}
    return merge(document, {"space": space}, network, settings)


def _timeless(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in record.items()
        if name.startswith(("test", "valid", "architecture", "parameters", "flops", "best"))
    }


def scored(folder: Path) -> dict[str, Any]:
    """Every proxy on three cells."""
    cells = [supernas.space("nas-bench-201").parse(text) for text in (CELL, "6111", "1835")]
    scores = supernas.score(
        cells, proxy=proxies.names(), data="digits", channels=4, cells=1, batch_size=16, out=folder / "scores"
    )
    return {"answer": {name: [float(value) for value in values] for name, values in scores.scores.items()}}


SELECTORS: dict[str, dict[str, Any]] = {
    "additive": {"candidates": 6, "images": 40},
    "best-sampled": {"candidates": 6, "images": 40},
    "darts-pt": {"tune": 1, "images": 40},
    "evolution": {"candidates": 8, "population": 4, "sample": 2, "images": 40},
    "proxy": {"draws": 4, "proxy": "naswot"},
    "ranks": {"candidates": 6, "images": 40},
    "top-k": {"candidates": 6, "top": 2, "epochs": 1, "images": 40, "set": ["data.train_size=96"]},
}
SEARCHED = {"darts-pt": "darts", "proxy": "snas"}  # by a method whose mixture or whose distribution they ask


def derived(selector: str) -> Case:
    """Another choice from a toy search's supernet."""

    def run(folder: Path) -> dict[str, Any]:
        method = SEARCHED.get(selector, "random-nas")
        supernas.search(config=search_of("nas-bench-201", method), out=folder / "run")
        chosen = supernas.derive(folder / "run", by=selector, **SELECTORS.get(selector, {}))
        return {"answer": [chosen.text, chosen.score]}

    return run


def studied(folder: Path) -> dict[str, Any]:
    """A study of two methods and two seeds: what its table says of every row."""
    study = {"seeds": [0, 1], "common": TOYS["nas-bench-201"], "grid": {"method": ["random-nas", "gdas"]}}
    result = supernas.study(study, out=folder / "study", workers=1)
    runs = sorted(path.parent for path in folder.rglob("result.json"))
    answers = [json.loads((run / "result.json").read_text())["architecture"] for run in runs]
    return {"metrics": [_lines(run) for run in runs], "answer": [answers, len(result.table.lines)]}


def correlated(folder: Path) -> dict[str, Any]:
    """A supernet's ranking of cells against a made-up truth."""
    from supernas.evaluation.correlate import correlate, draw
    from supernas.evaluation.supernet_accuracy import EvaluationSettings

    supernas.search(config=search_of("nas-bench-201", "random-nas"), out=folder / "run")
    drawn = draw(supernas.space("nas-bench-201"), 12)
    truth = torch.linspace(80, 95, len(drawn)).tolist()
    found = correlate(folder / "run", drawn, truth, "made up", EvaluationSettings(images=40))
    return {"answer": {name: [float(value) for value in scores] for name, scores in found.scores.items()}}


class Net(nn.Module):
    """A user's model of two choices."""

    def __init__(self) -> None:
        super().__init__()
        deep = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 6))
        self.first = supernas.Choice("first", {"wide": nn.Linear(4, 6), "deep": deep})
        self.middle = supernas.Choice("middle", {"relu": nn.ReLU(), "tanh": nn.Tanh(), "norm": nn.BatchNorm1d(6)})
        self.last = nn.Linear(6, 1)

    def forward(self, x: Tensor) -> Tensor:
        """[batch, 4] -> [batch]."""
        return self.last(self.middle(self.first(x))).squeeze(1)


def _points() -> tuple[Tensor, Tensor]:
    x = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
    return x, x.sum(dim=1).sin()


_USERS = {"data": _points(), "epochs": 3, "set": ["search.batch_size=8", "search.validation_images=8"]}


# -- all of them -------------------------------------------------------------------------------------------------------


def cases() -> dict[str, Case]:
    """Every case by its name."""
    made: dict[str, Case] = {}
    for space in spaces.names():
        for method in methods.names():
            made[f"{space} {method}"] = searched(search_of(space, method))
        made[f"{space} darts order=2"] = searched(search_of(space, "darts", order=2))
    for method, settings in VARIANTS:
        made[f"nas-bench-201 {method} {_label(settings)}"] = searched(search_of("nas-bench-201", method, **settings))
    for objective in set(objectives.names()) - {"plain"}:
        pairs = [("nas-bench-201", "random-nas"), ("nas-bench-201", "gdas"), ("darts-cnn", "random-nas")]
        for space, method in [*pairs, ("darts-rnn", "random-nas")]:
            document = merge(search_of(space, method, objective), {"objective": QUICK.get(objective, {})})
            made[f"{space} {method} {objective}"] = searched(document)
    for regulariser in ("alignment", "oles"):
        document = merge(search_of("nas-bench-1shot1-1", "darts"), {"regulariser": {"name": regulariser}})
        made[f"nas-bench-1shot1-1 darts {regulariser}"] = searched(document)
    few_shot = {"supernet": {"few_shot": 2}}
    made["nas-bench-201 random-nas few-shot"] = searched(merge(search_of("nas-bench-201", "random-nas"), few_shot))
    for name, more in _extras().items():
        made[f"nas-bench-201 darts {name}"] = searched(merge(search_of("nas-bench-201", "darts"), more))
    for method in ("darts", "gdas", "random-nas"):
        space = supernas.ModelSpace(Net)
        made[f"own-model {method}"] = searched({"method": method, "search": {"device": "cpu"}}, space=space, **_USERS)
    for space, training in TRAININGS.items():
        made[f"train {space}"] = trained(training_of(space), architecture=training["architecture"])
    made["train own-model"] = trained(
        {"train": {"device": "cpu"}},
        architecture="first=deep, middle=tanh",
        space=supernas.ModelSpace(Net),
        data=_points(),
        epochs=3,
    )
    made["train nas-bench-201 split"] = trained(
        training_of("nas-bench-201", train={"split": 0.5, "ema": 0.9, "keep": "best"}), architecture=CELL
    )
    made |= {f"derive {selector}": derived(selector) for selector in selectors.names()}
    made |= {"score": scored, "study": studied, "correlate": correlated}
    refused = set(_refused())
    return {name: case for name, case in sorted(made.items()) if " ".join(name.split()[:2]) not in refused}


def _extras() -> dict[str, dict[str, Any]]:
    """Searches with a budget, with everything watched, and under each stopping rule."""
    watch = {"hessian": {"images": 16}, "entropy": {}, "skips": {}, "gap": {}, "depth": {}}
    return {
        "budget": {"budget": {"max_flops": 300_000, "penalty": 0.1}},
        "watched": {"watch": watch},
        "skips": {"stopping": {"name": "skips"}},
        "eigenvalue": {"stopping": {"name": "eigenvalue", "images": 16}},
    }


def _refused() -> Iterable[str]:
    """Combinations that are refused: they have no trajectory."""
    from supernas.runs.configuration import resolve_search

    for space in spaces.names():
        for method in methods.names():
            try:
                resolve_search(search_of(space, method))
            except UserError:
                yield f"{space} {method}"


def _label(settings: Mapping[str, Any]) -> str:
    return json.dumps(settings).translate(str.maketrans("", "", '{}" ')).replace(":", "=")


# -- hashes ------------------------------------------------------------------------------------------------------------


def digest(value: Any) -> str:
    """Eight letters of a nested value: numbers to the last bit, tensors by their bytes; names of tensors do not count,
    so that a module may be renamed.
    """
    hashed = hashlib.sha256()
    _feed(hashed, value)
    return hashed.hexdigest()[:8]


def _feed(hashed: Any, value: Any) -> None:
    if isinstance(value, Tensor):
        hashed.update(value.detach().cpu().contiguous().numpy().tobytes())
    elif isinstance(value, Mapping):
        tensors = any(isinstance(part, Tensor) for part in value.values())
        for name, part in value.items() if tensors else sorted(value.items()):
            hashed.update(b"" if tensors else str(name).encode())
            _feed(hashed, part)
    elif isinstance(value, list | tuple):
        for part in value:
            _feed(hashed, part)
    else:
        hashed.update(repr(value).encode())

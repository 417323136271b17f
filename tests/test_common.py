"""What every method, objective and space must do: a part joins by existing. And the mechanism of stages."""

import importlib
import inspect
import itertools
import json
import math
import pkgutil
import re
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path

import pytest
import torch

import supernas
from supernas import methods, proxies, spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.settings import describe, settings
from supernas.data import Augmentation
from supernas.data.kinds.images import ImageSettings
from supernas.methods.e2nas.autoencoder.pretrained import SHIPPED
from supernas.networks.base import SupernetSettings
from supernas.runs import diagnostics, stopping
from supernas.runs.configuration import DEFAULT_SPACE, SearchConfig, SearchSettings, merge, resolve_search
from supernas.runs.search import Search
from supernas.runs.stopping.never import Never
from supernas.steps import objectives
from supernas.steps.contracts import Method, Metrics, SearchContext, Stage
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas.steps.weights import PathTrainer, TrainedState

# Two epochs of three steps: 96 digits, halves of 48, batches of 16, or 4 pieces of a text of 25 time steps; and the
# smallest network of the space.
_SEARCH = {"epochs": 2, "device": "cpu"}
TOYS = {
    "images": {
        "supernet": {"channels": 2},
        "data": {"source": "digits", "train_size": 96},
        "search": {**_SEARCH, "batch_size": 16, "validation_images": 16},
    },
    "text": {
        "supernet": {"units": 3},
        "data": {"train_words": 100, "valid_words": 80, "bptt": 8},
        "search": {**_SEARCH, "batch_size": 4, "validation_images": 2},
    },
}
TOY = TOYS["images"]


def combinations():
    """Every method with every objective that goes with it; in other spaces than the first every method with its own
    objective, and every objective with one method.
    """
    everything = itertools.product([DEFAULT_SPACE], methods.names(), objectives.names())
    own = [(method, methods.get(method).objective) for method in methods.names()]
    one = [("random-nas", objective) for objective in objectives.names()]
    others = [(space, *pair) for space in spaces.names() for pair in sorted({*own, *one}) if space != DEFAULT_SPACE]
    return [names for names in (*everything, *others) if legal(names)]


def legal(names):
    try:
        config_of(*names)
    except UserError:
        return False
    return True


SMALLEST = {"nas-bench-201": {"cells": 1}, "darts-cnn": {"cells": 3}}
PARTIAL = {  # a quarter of them is one, or two
    ("nas-bench-201", "pc-darts"): {"channels": 4},
    ("darts-cnn", "pc-darts"): {"channels": 8},
}
FEW = {  # not multiples of the steps
    "zero-cost": {"candidates": 7},
    "random-nas": {"candidates": 7},
    "setn": {"candidates": 7},
    "enas": {"candidates": 7, "samples": 5},
    "nao": {"pool": 11, "top": 5, "new": 3, "random": 2},
}
QUICK = {  # for a space whose autoencoder does not ship
    "e2nas": {"autoencoder": {"graphs": 64, "epochs": 1}},
    "balenas": {"samples": 2},
}


def config_of(space, method, objective, **search):
    named = {"name": method, **FEW.get(method, {})}
    if not (SHIPPED / f"{space}.safetensors").exists():
        named.update(QUICK.get(method, {}))
    document = {"space": space, "method": named, "objective": objective, "search": search}
    size = {**SMALLEST.get(space, {}), **PARTIAL.get((space, method), {})}
    return resolve_search(merge(TOYS[spaces.get(space).data_kind], {"supernet": size}, document))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where autoencoders that do not ship are kept."""
    monkeypatch.setenv("SUPERNAS_CACHE", str(tmp_path / "cache"))


def outcome(result):
    """All that two equal runs must share."""
    record = {k: v for k, v in result.record.items() if k not in ("seconds", "versions", "environments")}
    lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
    lines = [{name: value for name, value in line.items() if name != "seconds"} for line in lines]
    weights = (result.folder / "supernet.safetensors").read_bytes()
    return {"record": record, "lines": lines, "weights": weights, "text": result.text, "history": result.history}


def interrupted(config, folder, after):
    """A run that is stopped after so many steps, then taken up by another process's `Search`."""
    search = Search(config, folder, on_step=lambda progress, metrics: progress.step + 1 == after and search.stop())
    with pytest.raises(KeyboardInterrupt):
        search.run()
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    assert_plain(checkpoint)
    torch.manual_seed(99)  # whatever happened in between
    again = Search(config, folder, resume=True)
    assert again.notes == [note for note in (again.data.note,) if note]
    return again.run()


def assert_plain(tree):
    if isinstance(tree, dict):
        for value in tree.values():
            assert_plain(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            assert_plain(value)
    else:
        assert tree is None or isinstance(tree, torch.Tensor | bool | int | float | str)


@pytest.mark.parametrize(("space", "method", "objective"), combinations())
def test_a_search(tmp_path, space, method, objective):
    config = config_of(space, method, objective)
    seen = []
    result = Search(config, tmp_path / "whole", on_step=lambda *step: seen.append(step)).run()
    whole = outcome(result)

    assert [progress.step for progress, _ in seen] == list(range(6))
    assert all(bool(torch.isfinite(torch.as_tensor(value)).all()) for _, metrics in seen for value in metrics.values())
    for line in whole["lines"]:
        numbers = [value for value in line.values() if isinstance(value, int | float)]
        assert all(map(math.isfinite, numbers))
        assert not config.method.trains_weights or line["loss"] > 0
    assert config.space.contains(result.architecture)
    assert config.space.parse(result.record["architecture"]) == result.architecture
    assert len(result.history) == 2
    assert all(config.space.contains(architecture) for architecture in result.history)

    # a run of its own that is stopped and taken up: the same under a seed, and through a checkpoint
    assert outcome(interrupted(config, tmp_path / "stopped", after=2)) == whole


@pytest.mark.parametrize(("space", "method", "objective"), combinations()[:1])
def test_another_seed_is_another_run(tmp_path, space, method, objective):
    runs = [Search(config_of(space, method, objective, seed=seed), tmp_path / str(seed)).run() for seed in (0, 1)]
    assert outcome(runs[0])["weights"] != outcome(runs[1])["weights"]


# --- registries and settings ----------------------------------------------------------------------------------------


def settings_classes():
    """Every settings class of the package, however deep."""
    found = {}
    for module in pkgutil.walk_packages(supernas.__path__, "supernas."):
        if module.name.endswith("__main__"):
            continue
        for one in vars(importlib.import_module(module.name)).values():
            if isinstance(one, type) and is_dataclass(one) and hasattr(one, "__pydantic_fields__"):
                found[f"{one.__module__}.{one.__qualname__}"] = one
    return found


@pytest.mark.parametrize("cls", [pytest.param(cls, id=name) for name, cls in sorted(settings_classes().items())])
def test_every_setting_has_a_meaning_and_a_default(cls):
    for one in describe(cls):
        assert len(one.meaning) > 3, one.name
        assert one.type
    assert inspect.isabstract(cls) or cls() == cls()


def test_settings_of_all_parts_are_among_them():
    found = set(settings_classes().values())
    assert {methods.get(name) for name in methods.names()} <= found
    assert {objectives.get(name) for name in objectives.names()} <= found
    assert {SupernetSettings, SGDSettings, ImageSettings, SearchSettings, Augmentation} <= found


@pytest.mark.parametrize("name", methods.names())
def test_every_method_names_its_paper(name):
    text = importlib.import_module(methods.get(name).__module__).__doc__
    assert re.search(r'"[^"]{15,}"', text), "the title, in quotation marks"
    assert re.search(r"\b(19|20)\d\d\b", text), "the year"


@pytest.mark.parametrize(
    "package", [methods, objectives, stopping, diagnostics, proxies, spaces], ids=lambda package: package.__name__
)
def test_the_folder_is_the_registry(package):
    folder = Path(package.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "base"}
    files |= {path.name for path in folder.iterdir() if (path / f"{path.name}.py").exists()}
    assert package.names() == sorted(stem.replace("_", "-") for stem in files if not stem.startswith("_"))
    for name in package.names():
        package.get(name)
    nearly = package.names()[0][:-1] + "x"
    with pytest.raises(UserError, match=re.escape(f"'{nearly}'; did you mean '{package.names()[0]}'")):
        package.get(nearly)


# --- stages ---------------------------------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Halves(TrainedState):
    lineage: list[str] = field(default_factory=list)


@settings
class TwoStages(Method):
    """Trains the 3x3 path; the second half of the search has a wider network that holds two options a choice."""

    def init(self, context: SearchContext) -> Halves:
        return Halves(trainer=PathTrainer.make(context), context=context)

    def step(self, state, train, valid, progress) -> Metrics:
        state.lineage.append(f"{progress.step}: {state.context.network.stem[0].out_channels}")
        return state.trainer.step(train, Architecture.of([3] * 6), progress)

    def derive(self, state, validate) -> Architecture:
        return Architecture.of([3] * 6)

    def stages(self) -> tuple[Stage, ...]:
        return (Stage(0.5), Stage(0.5, {"channels": 3}))

    def keep(self, state, stage):
        assert len(state.lineage) == 3 * stage
        return tuple((choice, option) for choice in range(6) for option in (1, 3))

    def carry_over(self, old, new):
        new.lineage = [*old.lineage, "carried"]
        return new


def staged(**search):
    return SearchConfig(
        space=spaces.get("nas-bench-201"),
        method_name="two-stages",
        method=TwoStages(),
        objective_name="plain",
        objective=Plain(),
        stopping_name="never",
        stopping=Never(),
        supernet=SupernetSettings(channels=2, cells=1),
        weights=SGDSettings(),
        data=ImageSettings(source="digits", train_size=96),
        search=SearchSettings(**{**TOY["search"], **search}),
    )


def test_stages_rebuild_the_network_and_hand_on_what_was_learnt(tmp_path):
    search = Search(staged(), tmp_path / "whole")
    whole = search.run()
    assert search.state.method.lineage == ["0: 2", "1: 2", "2: 2", "carried", "3: 3", "4: 3", "5: 3"]
    kept = {(choice, option) for choice in range(6) for option in (1, 3)}
    assert set(whole.supernet.pairs) == kept
    assert set(search.state.method.context.network.parameters()) == set(whole.supernet.parameters())
    for after in (2, 3, 5):
        assert outcome(interrupted(staged(), tmp_path / f"stopped after {after}", after)) == outcome(whole)

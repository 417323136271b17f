"""Registries, every settings class, and the mechanism of stages. What every part must do is in `supernas_pytest`."""

import importlib
import inspect
import pkgutil
import re
from dataclasses import dataclass, field, is_dataclass
from pathlib import Path

import pytest

import supernas
from supernas import methods, proxies, spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.settings import describe, settings
from supernas.data import Augmentation
from supernas.data.kinds.images import ImageSettings
from supernas.networks.base import SupernetSettings
from supernas.runs import diagnostics, stopping
from supernas.runs.configuration import SearchConfig, SearchSettings
from supernas.runs.search import Search
from supernas.runs.stopping.never import Never
from supernas.steps import objectives, regularisers
from supernas.steps.contracts import Method, Metrics, SearchContext, Stage
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas.steps.weights import PathTrainer, TrainedState
from supernas_pytest.parts import Parts
from supernas_pytest.toys import TOY, combinations, config_of, interrupted, outcome

OURS = Parts(None)


def test_another_seed_is_another_run(tmp_path):
    names = combinations(OURS)[0]
    configs = [config_of(OURS, *names, search={"seed": seed}) for seed in (0, 1)]
    runs = [Search(config, tmp_path / config.method_name / str(config.search.seed)).run() for config in configs]
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


@pytest.mark.parametrize(
    "package",
    [methods, objectives, regularisers, stopping, diagnostics, proxies, spaces],
    ids=lambda package: package.__name__,
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

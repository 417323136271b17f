"""A compiled pass is the pass: the same numbers, weights and names, from graphs that are made once."""

import shutil

import numpy as np
import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

import supernas
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.networks.chance import Chance
from supernas.networks.choice import Choice
from supernas.runs.configuration import merge, resolve_search, resolve_train
from supernas.runs.search import Search
from supernas.runs.training import Training
from supernas.steps import compiling
from supernas.steps.compiling import compiled
from supernas_pytest.parts import Parts
from supernas_pytest.toys import TOY, alone, config_of

__all__ = ["alone"]

# what PyTorch itself does as it traces, and hides from users
pytestmark = [
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf"),
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
]

OURS = Parts(None)
CELL = "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|skip_connect~0|avg_pool_3x3~1|nor_conv_3x3~2|"


@pytest.fixture(autouse=True)
def traced(monkeypatch):
    """Graphs are traced and counted, and run as they are."""
    monkeypatch.setattr(compiling, "BACKEND", "eager")
    counters.clear()


def graphs():
    assert not counters["graph_break"]
    return counters["stats"]["unique_graphs"]


TRACED = pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason="PyTorch 2.9 does not trace what a Choice runs, and says so; versions in between were not tried",
)


class Tiny(nn.Module):
    """A layer with a choice, normalised."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 6), nn.BatchNorm1d(6)
        self.act = Choice("act", {"relu": nn.ReLU(), "tanh": nn.Tanh(), "wide": nn.Linear(6, 6)})
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.act(self.norm(self.layer(x))))


DATA = torch.randn(96, 4, generator=torch.Generator().manual_seed(0)), torch.arange(96) % 3


def of_tiny(folder, method="darts", more=(), **given):
    settings = ["search.batch_size=16", *more]
    return supernas.Search(
        space=supernas.ModelSpace(Tiny),
        data=DATA,
        method=method,
        epochs=3,
        device="cpu",
        out=folder,
        set=settings,
        **given,
    )


def close(one, other):
    return one.keys() == other.keys() and all(torch.allclose(one[name], other[name], atol=1e-6) for name in one)


def after_all(run):
    """What a run's weights are at its end, and what its record says of how it computed."""
    counters.clear()  # whether this machine can compile was tried before
    record = run.run().record
    return run.state.network.state_dict(), record["arithmetic"]["compile"]


@TRACED
@pytest.mark.parametrize("method", ["darts", "drnas", "balenas"])
def test_a_compiled_search_is_the_search_from_two_graphs(tmp_path, monkeypatch, method):
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    plain, _ = after_all(of_tiny(tmp_path / "plain", method))
    made, recorded = after_all(of_tiny(tmp_path / "compiled", method, ["search.compile=true"]))
    assert graphs() == 2  # of weights, and of alpha
    assert close(plain, made)
    assert recorded is True


@TRACED
def test_a_compiled_search_goes_on_bit_for_bit(tmp_path):
    compiles = ["search.compile=true"]
    whole, _ = after_all(of_tiny(tmp_path / "whole", more=compiles))
    cut = of_tiny(tmp_path / "cut", more=compiles)
    next(iter(cut))
    cut.folder.claim.release()
    again, _ = after_all(of_tiny(tmp_path / "cut", more=compiles, resume=True))
    assert all(torch.equal(whole[name], again[name]) for name in whole)


@TRACED
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_a_compiled_training_is_the_training_from_one_graph(tmp_path, monkeypatch, precision):
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    settings = ["train.batch_size=16", "train.device=cpu", f"train.precision={precision}"]

    def training(compiles):
        more = [*settings, f"train.compile={str(compiles).lower()}"]
        space = supernas.ModelSpace(Tiny)
        return supernas.Training("act=wide", space=space, data=DATA, epochs=4, out=tmp_path / str(compiles), set=more)

    plain, _ = after_all(training(False))
    made, recorded = after_all(training(True))
    assert graphs() == 1  # for 24 steps
    assert close(plain, made)
    assert recorded is True


@pytest.mark.slow
@pytest.mark.parametrize("method", ["darts", "pc-darts", "sdarts", "snas"])
def test_twenty_steps_of_a_supernet_of_cells_make_two_graphs(tmp_path, method):
    toy = config_of(OURS, "nas-bench-201", method, "plain").document()
    weights = []
    for number, compiles in enumerate((False, True)):
        config = resolve_search(merge(toy, {"search": {"epochs": 7, "compile": compiles}}))
        search = Search(config, tmp_path / f"{number}")
        counters.clear()
        for _ in range(20):
            search._step(search._progress())
            search.state.step += 1
        weights.append(search.network.state_dict())
    assert graphs() == 2
    assert close(*weights)


@pytest.mark.slow
def test_dropout_that_falls_makes_no_graph_but_those_of_its_stages(tmp_path):
    toy = config_of(OURS, "nas-bench-201", "p-darts", "plain").document()
    search = Search(resolve_search(merge(toy, {"search": {"epochs": 9, "compile": True}})), tmp_path)
    counters.clear()
    search.run()
    assert graphs() == 2 * 3


@pytest.mark.slow
def test_a_compiled_training_of_a_cell_is_the_training(tmp_path, monkeypatch):
    monkeypatch.setattr(compiling, "BACKEND", "aot_eager")
    plain, _ = after_all(trained(tmp_path / "plain", False))
    made, _ = after_all(trained(tmp_path / "compiled", True))
    assert graphs() == 1
    assert close(plain, made)


def trained(folder, compiles):
    document = {
        "architecture": CELL,
        "network": {"channels": 2, "cells": 1},
        "data": TOY["data"],
        "train": {"epochs": 4, "batch_size": 16, "device": "cpu", "compile": compiles},
    }
    return Training(resolve_train(document), folder)


def test_a_probability_that_changes_makes_no_other_graph():
    """20 of them: PyTorch makes no more than 8 of one piece of code."""
    chance, layer, x = Chance(), nn.Linear(3, 3), torch.randn(1000, 3)

    def run(x):
        return chance.of_entries(layer(x)) + chance.of_outputs(layer(x))

    made = compiled(run, "train.compile")
    for step in range(20):
        chance.probability = step / 40
        output = made(x)
    assert graphs() == 1
    dropped = 19 / 40
    assert float((output == 0).float().mean()) == pytest.approx(dropped**2, abs=0.04)
    means = output.mean(0), 2 * layer(x).mean(0)
    assert torch.allclose(*means, atol=0.25)
    chance.probability = 0.0
    assert torch.equal(made(x), run(x))


@pytest.mark.slow
def test_drop_path_and_the_auxiliary_head_are_in_one_graph():
    space = supernas.spaces.get("darts-cnn")
    architecture = space.sample(np.random.default_rng(0))
    sizes = {"channels": 2, "cells": 3, "drop_path": 0.5, "auxiliary_weight": 0.4, "num_classes": 3, "in_channels": 1}
    model = space.build(architecture, **sizes)
    output = compiled(model.output, "train.compile")
    for epoch in range(10):
        model.network.advance(Progress(epoch, 10, epoch, 10))
        made = output(torch.randn(4, 1, 32, 32))
    assert graphs() == 1
    assert made.auxiliary is not None


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_code_of_a_compiler_computes_the_same(tmp_path, monkeypatch):
    if shutil.which("c++") is None and shutil.which("g++") is None:
        pytest.skip("no C++ compiler")
    monkeypatch.setattr(compiling, "BACKEND", "inductor")
    plain, _ = after_all(of_tiny(tmp_path / "plain"))
    made, _ = after_all(of_tiny(tmp_path / "compiled", more=["search.compile=true"]))
    assert graphs() == 2
    assert close(plain, made)


# -- what does not go --------------------------------------------------------------------------------------------------

SECOND = {"method": {"order": 2}}
EXACT = merge(SECOND, {"method": {"hypergradient": "exact"}})
CURVATURE = {"method": {"adam": {"curvature": "exact", "sqrt": False}}}


@pytest.mark.parametrize(
    ("method", "more", "why"),
    [
        ("gdas", {}, "single paths, and each would be a graph"),
        ("e2nas", {}, "single paths, and each would be a graph"),
        ("random-search", {}, "single paths, and each would be a graph"),
        ("zero-cost", {}, "trains no weights"),
        ("darts", SECOND, "looks through the next step"),
        ("darts", EXACT, "looks through the next step"),
        ("balenas", SECOND, "looks through the next step"),
        ("balenas", CURVATURE, "differentiates gradients"),
        ("tetlo", {}, "looks through the next step"),
        ("tetlo", {"method": {"transfer_weight": 0}}, "auxiliary model"),
        ("darts", {"space": "darts-rnn"}, "windows of a text differ in length"),
        ("darts", {"search": {"devices": 2, "statistics": "synchronised"}}, "speak with each other"),
    ],
)
def test_what_cannot_be_compiled_is_refused(method, more, why):
    with pytest.raises(UserError, match=rf"search\.compile=true: .*{why}.*; leave search\.compile out"):
        resolve_search(merge({"method": method, "search": {"compile": True}}, more))


def test_a_machine_that_cannot_compile_says_so_before_anything_is_written(tmp_path, monkeypatch):
    def without_compiler(graph, examples):
        raise RuntimeError("No working C++ compiler found")

    monkeypatch.setattr(compiling, "BACKEND", without_compiler)
    message = r"torch\.compile does not work here: .*No working C\+\+ compiler found.*leave train\.compile out"
    with pytest.raises(UserError, match=message):
        trained(tmp_path / "run", True)
    assert not (tmp_path / "run").exists()

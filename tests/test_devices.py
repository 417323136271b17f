"""A step on another device: it never looks at the device's values, mixes nothing, and goes on where its state lies.

PyTorch's meta device has shapes and no values: reading one, or mixing it with a tensor of the host, is an error there.
"""

import math
import warnings
from collections import Counter

import numpy as np
import pytest
import torch

from crossings import META, crossings
from supernas.core.errors import UserError
from supernas.runs import device as devices
from supernas.runs import launch
from supernas.runs import search as search_module
from supernas.runs.configuration import DEFAULT_SPACE
from supernas.runs.divergence import is_finite
from supernas.runs.search import Search
from supernas.steps import relaxations
from supernas_pytest.parts import Parts
from supernas_pytest.toys import alone, combinations, config_of

__all__ = ["alone"]

OURS = Parts(None)
TYPICAL = {"darts", "e2nas", "random-nas"}  # of the methods, in other spaces than the first
SHOWN = {"darts-rnn", "nas-bench-1shot1-1"}  # beside the first; others have the network of the second, or take long
READS = {"zero-cost"}  # its step is a score, a number
COMES_HOME = {"gdas": 1, "drnas": 1, "e2nas": 1}  # gradients a step, to what lies on the host


@pytest.fixture
def brought_home(monkeypatch):
    """The gradients that came home from the meta device, as zeros."""
    came = []

    def zeros(gradient, home):
        came.append(gradient.shape)
        return torch.zeros(gradient.shape, dtype=gradient.dtype, device=home)

    monkeypatch.setattr(launch, "choose_device", lambda name, **needs: META)
    monkeypatch.setattr(relaxations, "brought_home", zeros)
    return came


def on_host(tree):
    """As a checkpoint gives it."""
    if isinstance(tree, torch.Tensor):
        return torch.zeros(tree.shape, dtype=tree.dtype) if tree.is_meta else tree
    if isinstance(tree, dict):
        return {key: on_host(value) for key, value in tree.items()}
    return [on_host(value) for value in tree] if isinstance(tree, list | tuple) else tree


def places(tree, where=""):
    """Where every tensor of a tree lies."""
    if isinstance(tree, torch.Tensor):
        return {where: tree.device.type}
    if isinstance(tree, dict):
        return {at: place for key, value in tree.items() for at, place in places(value, f"{where}.{key}").items()}
    if isinstance(tree, list | tuple):
        return {at: place for key, value in enumerate(tree) for at, place in places(value, f"{where}.{key}").items()}
    return {}


def step(search, count):
    for _ in range(count):
        search._step(search._progress())
        search.state.step += 1


def is_slow(space, method):
    return space != DEFAULT_SPACE and not (space in SHOWN and method in TYPICAL)


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(names, marks=pytest.mark.slow if is_slow(*names[:2]) else ())
        for names in combinations(OURS)
        if names[1] not in READS
    ],
    ids="/".join,
)
def test_a_step_never_reads_the_device_and_its_restored_state_lies_there(tmp_path, brought_home, names):
    config = config_of(OURS, *names, **({"data": {"bptt": 5}} if names[0] == "darts-rnn" else {}))
    search = Search(config, tmp_path / "whole")
    step(search, 4)
    brought_home.clear()
    step(search, 1)
    kinds = len(config.space.shapes)
    assert len(brought_home) <= COMES_HOME.get(names[1], 0) * kinds
    tree = search.state.tree()
    again = Search(config, tmp_path / "again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # copying to the meta device does nothing, as it should
        again.state.load(on_host(tree), again.device)
    assert places(again.state.tree()) == places(tree)
    step(again, 1)


def test_what_crosses_is_seen():
    there = torch.zeros(3, 2, device=META)
    for cross, expected in {
        lambda: torch.ones(3).to(META): {"there": 1},
        lambda: there.copy_(torch.ones(3, 2)): {"there": 1},
        lambda: torch.tensor([1.0], device=META): {"there": 1},
        lambda: torch.as_tensor(np.ones(2), device=META): {"there": 1},
        lambda: there[torch.tensor([0, 2])]: {"there": 1},
        lambda: there[[0, 2]][:, [1]]: {"there": 2},
        lambda: there.cpu(): {"back": 1},
        lambda: torch.ones(3, 2).copy_(there): {"back": 1},
        lambda: float(there[0, 0]): {"back": 1},
        lambda: bool(there.isnan().any()): {"back": 1},
        lambda: there[0].tolist(): {"back": 1},
        lambda: there.double()[1:] + torch.tensor(2.0) + torch.zeros(2, device=META): {},
    }.items():
        with crossings() as seen:
            cross()
        assert +seen == expected


PASS = 4  # its order and how images are varied, of training and of validation
CROSSINGS = {
    "random-nas": {},
    "darts": {},
    "pc-darts": {},
    "drnas": {"there": 2, "back": 1},
    "gdas": {"there": 2, "back": 1},
    "e2nas": {"there": 1, "back": 1},
}
"""Of a step: what is drawn on the host, and the gradient to it."""


@pytest.mark.parametrize("method", CROSSINGS)
def test_nothing_crosses_in_a_step_but_what_is_drawn_on_the_host(tmp_path, monkeypatch, method):
    monkeypatch.setattr(launch, "choose_device", lambda name, **needs: META)
    objective = "complementation" if method == "e2nas" else "plain"
    search = Search(config_of(OURS, "nas-bench-201", method, objective), tmp_path)
    with crossings():
        step(search, search.steps_per_epoch)
    for of_pass in (PASS, 0):
        with crossings() as seen:
            step(search, 1)
        assert +seen == Counter(CROSSINGS[method]) + Counter(there=of_pass)


def test_validation_batches_are_made_once(tmp_path, monkeypatch):
    search = Search(config_of(OURS, "nas-bench-201", "random-nas", "plain"), tmp_path)
    made, batches = [], type(search.data).batches
    monkeypatch.setattr(type(search.data), "batches", lambda *asked: made.append(asked[3:]) or batches(*asked))
    space = search.config.space
    cells = [space.sample(search.state.method.generator) for _ in range(3)]
    metrics = [search.validate(cell) for cell in cells] + [search.validate(cell, 16, 1) for cell in cells]
    assert made == [(16, 0), (16, 1)]
    search._judged = None
    monkeypatch.setattr(search_module, "_KEPT", 0)
    assert [search.validate(cell) for cell in cells] + [search.validate(cell, 16, 1) for cell in cells] == metrics
    assert len(made) == 2 + 6


# -- names of devices --------------------------------------------------------------------------------------------------


@pytest.fixture
def machine(monkeypatch):
    """A machine with two GPUs and MPS, for their names."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    return monkeypatch


def test_a_device_has_a_number(machine):
    assert devices.choose_device("cuda:1") == torch.device("cuda", 1)
    with pytest.raises(UserError, match=r"no device 'cuda:2'; use .*cpu.*cuda:0.*cuda:1.*mps"):
        devices.choose_device("cuda:2")
    with pytest.raises(UserError, match="cpu:1"):
        devices.choose_device("cpu:1")


def test_auto_leaves_mps_out_where_double_precision_is_needed(machine):
    machine.setattr(torch.cuda, "is_available", lambda: False)
    assert devices.choose_device("auto").type == "mps"
    assert devices.choose_device("auto", float64=True).type == "cpu"
    with pytest.raises(UserError, match="mps has no double precision"):
        devices.choose_device("mps", float64=True)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_look_sees_a_weight_or_a_loss_that_is_no_number(value):
    network = torch.nn.Linear(3, 2)
    assert is_finite(network, torch.tensor(1e30))
    assert not is_finite(network, torch.tensor(value))
    with torch.no_grad():
        network.weight[1, 2] = value
    assert not is_finite(network)

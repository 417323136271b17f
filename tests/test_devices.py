"""A step on another device: it never looks at the device's values, mixes nothing, and goes on where its state lies.

PyTorch's meta device has shapes and no values: reading one, or mixing it with a tensor of the host, is an error there.
"""

import math
import warnings

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

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
META = torch.device("meta")
TYPICAL = {"darts", "e2nas", "random-nas"}  # of the methods, in other spaces than the first
LARGE = "darts-cnn"
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
    return space == LARGE or (space != DEFAULT_SPACE and method not in TYPICAL)


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
    config = config_of(OURS, *names)
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
    step(again, 2)


class Copies(TorchDispatchMode):
    """Counts the tensors that go from the host to the meta device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if function is torch.ops.aten._to_copy.default and result.is_meta and not args[0].is_meta:
            self.count += 1
        return result


@pytest.mark.parametrize(("method", "most"), [("random-nas", 0), ("darts", 0), ("gdas", 2), ("e2nas", 2)])
def test_a_step_copies_nothing_to_the_device_but_what_is_drawn_on_the_host(tmp_path, brought_home, method, most):
    objective = "complementation" if method == "e2nas" else "plain"
    search = Search(config_of(OURS, "nas-bench-201", method, objective), tmp_path)
    with Copies() as copies:
        step(search, 2)
    assert copies.count <= 2 * most


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

"""A scaled loss gives the gradients of the loss, and where one of them is not finite nothing moves."""

import pytest
import torch
from torch import Tensor

from supernas.runs.configuration import merge, resolve_search
from supernas.runs.search import Search
from supernas.steps import scaling
from supernas.steps.scaling import LossScale
from supernas_pytest.parts import Parts
from supernas_pytest.toys import alone, config_of

__all__ = ["alone"]

OURS = Parts(None)
WPL = {"objective": {"name": "wpl", "hold": 1}}
SPLIT = {"objective": {"name": "complementation", "epsilon": 0.5}, "search": {"paths": "split"}}
MOVES = {"method": {"warmup": 0}}
READS = merge(MOVES, {"search": {"seed": 1}})  # the first path reads its input
CASES = [
    *((method, {}) for method in ("balenas", "darts", "drnas", "gdas", "pc-darts", "random-search", "setn")),
    ("sdarts", {"method": {"perturbation": "adversarial", "steps": 2}}),
    ("darts", {"regulariser": "oles"}),
    ("random-nas", WPL),
    ("random-nas", merge(WPL, {"objective": {"fisher": "sample"}})),
    ("random-nas", SPLIT),
    ("e2nas", MOVES),
]


def searched(folder, method, more):
    toy = config_of(OURS, "nas-bench-201", method, "plain").document()
    return Search(resolve_search(merge(toy, more)), folder)


@pytest.fixture
def scale_by(monkeypatch):
    """Has losses scaled, whatever the precision."""
    return lambda factor: monkeypatch.setattr(LossScale, "of", lambda precision: LossScale(factor))


def flat(tree, place=""):
    if isinstance(tree, dict):
        return {key: value for name, inner in tree.items() for key, value in flat(inner, f"{place}.{name}").items()}
    if isinstance(tree, list):
        return flat(dict(enumerate(tree)), place)
    return {place: tree}


def after_steps(search, count=2):
    for _ in range(count):
        search._step(search._progress())
        search.state.step += 1
    tree = flat(search.state.tree()["method"])
    return {name: value for name, value in tree.items() if isinstance(value, Tensor) and ".scale" not in name}


@pytest.mark.parametrize(("method", "more"), CASES)
def test_gradients_of_scaled_losses_arrive_as_they_are(tmp_path, scale_by, method, more):
    """In float32 a power of two changes no bit: weights, momentum, alpha and all else are equal."""
    plain = after_steps(searched(tmp_path / "plain", method, more))
    scale_by(2.0**12)
    search = searched(tmp_path / "scaled", method, more)
    made = after_steps(search)
    assert plain.keys() == made.keys()
    assert all(torch.equal(plain[name], made[name]) for name in plain)
    assert search.state.method.trainer.optimiser.scale.steps == 2


def moving(search):
    state = search.state.method
    alpha = search.config.method.alpha(state) if hasattr(search.config.method, "alpha") else {"": state.alpha}
    return [*search.network.parameters(), *alpha.values()]


@pytest.mark.parametrize(("method", "more"), [("darts", {}), ("balenas", {}), ("gdas", {}), ("e2nas", READS)])
def test_where_gradients_overflow_neither_weights_nor_alpha_move(tmp_path, scale_by, method, more):
    scale_by(2.0**1000)
    search = searched(tmp_path, method, more)
    before = [tensor.detach().clone() for tensor in moving(search)]
    metrics = search._step(search._progress())
    scale = search.state.method.trainer.optimiser.scale
    assert all(torch.equal(*pair) for pair in zip(before, moving(search), strict=True))
    assert scale == LossScale(2.0**998, steps=0, skipped=2)  # for the weights, and for alpha
    assert metrics["skipped"] == 1
    assert metrics["valid_loss"].isfinite()
    scale.factor = 2.0**12
    assert search._step(search._progress())["skipped"] == 0
    assert not torch.equal(before[0], moving(search)[0])
    assert not torch.equal(before[-1], moving(search)[-1])


def test_the_factor_grows_after_so_many_steps_and_begins_to_count_anew(monkeypatch):
    monkeypatch.setattr(scaling, "_PATIENCE", 3)
    scale = LossScale(4.0)
    for _ in range(2):
        scale.stepped()
    assert not scale.allows([torch.ones(2), None, torch.tensor([1.0, float("nan")])])
    assert (scale.factor, scale.steps) == (2.0, 0)
    for _ in range(3):
        assert scale.allows([torch.ones(2), None])
        scale.stepped()
    assert (scale.factor, scale.steps, scale.skipped) == (4.0, 0, 1)


def test_a_gradient_that_float16_does_not_hold_arrives():
    """Its loss is scaled so that it does: without, it is 0."""
    leaf = torch.tensor(1.0, requires_grad=True)

    def gradient(scale):
        (entered,) = scale.down({"leaf": leaf}).values()
        loss = (entered.half() * 1e-4).float() * 1e-6
        return float(torch.autograd.grad(scale.up(loss), leaf)[0])

    assert gradient(LossScale(1.0)) == 0
    assert gradient(LossScale(2.0**12)) == pytest.approx(1e-10, rel=0.03)


@pytest.mark.parametrize("method", ["darts", "e2nas"])
def test_a_search_in_float16_goes_on_bit_for_bit(tmp_path, scale_by, method):
    half = merge(MOVES if method == "e2nas" else {}, {"search": {"precision": "fp16"}})
    scale_by(2.0**30)  # the first steps overflow
    whole, cut = (searched(tmp_path / name, method, half) for name in ("whole", "cut"))
    result = whole.run()
    next(iter(cut))
    cut.folder.claim.release()
    again = Search(cut.config, tmp_path / "cut", resume=True)
    assert again.state.method.trainer.optimiser.scale == cut.state.method.trainer.optimiser.scale != LossScale()
    assert again.run().text == result.text
    one, other = (flat(search.state.tree()["method"]) for search in (whole, again))
    assert all(torch.equal(one[name], other[name]) for name in one if isinstance(one[name], Tensor))
    assert whole.state.method.trainer.optimiser.scale == again.state.method.trainer.optimiser.scale
    assert whole.folder.epochs[0]["skipped"] > 0

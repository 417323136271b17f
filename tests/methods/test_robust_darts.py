"""Robust DARTS: sharpness against the Hessian itself, and what happens where it grows."""

import pytest
import torch
from torch.nn import functional as F

from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.methods.darts import DARTS
from supernas.methods.robust_darts import RobustDARTS
from supernas.runs.configuration import merge, resolve_search
from supernas.runs.search import Search
from supernas.steps.dropping import Dropping
from supernas_pytest.toys import TOY, interrupted, outcome

AT = Progress(30, 100, 3, 10)


def test_the_eigenvalue_is_that_of_the_hessian(start, toy_batch):
    method = RobustDARTS(iterations=30)
    state = start(method)
    method.step(state, toy_batch(0), toy_batch(1), AT)
    method.step(state, toy_batch(2), toy_batch(3), AT)
    batch, network = toy_batch(1), state.context.network  # the first validation batch

    def loss(alpha):
        return F.cross_entropy(network(batch.inputs, {"cell": alpha.softmax(-1)}).prediction, batch.targets)

    H = torch.autograd.functional.hessian(loss, state.alpha["cell"].detach()).reshape(30, 30)
    values = torch.linalg.eigvalsh(H)
    assert method.eigenvalue(state) == pytest.approx(float(values[values.abs().argmax()]), rel=1e-6)


def sharper(method, monkeypatch, values):
    found = iter(values)
    monkeypatch.setattr(type(method), "eigenvalue", lambda self, state: next(found))


def test_where_it_sharpens_it_goes_back_and_regularises_more(start, toy_batch, monkeypatch):
    method = RobustDARTS(window=2, levels=2)
    state = start(method)
    sharper(method, monkeypatch, [1, 1, 1.1, 1.2, 5, 1, 1, 1, 9, 1, 1, 9, 9])
    kept, levels = [], []
    for epoch in range(13):
        method.step(state, toy_batch(epoch), toy_batch(epoch + 1), AT)
        kept.append((state.alpha["cell"].detach().clone(), state.context.network.classifier.weight.detach().clone()))
        level = state.level
        metrics = method.epoch(state, None, AT)
        levels.append(int(metrics["level"]))
        if state.level > level:
            alpha, weights = kept[-3]
            assert torch.equal(state.alpha["cell"], alpha), "that of two epochs before"
            assert torch.equal(state.context.network.classifier.weight, weights)
    # (1 + 1.1) / (1.2 + 5) < 0.75 after the fifth; (1 + 1) / (1 + 9) after the ninth; then it has no further level
    assert levels == [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 2]
    method.regularise(state)
    decay = state.context.weights.weight_decay
    assert state.trainer.optimiser.sgd.param_groups[0]["weight_decay"] == pytest.approx(9 * decay)


def test_a_search_that_went_back_is_resumed_as_it_was(tmp_path, monkeypatch):
    monkeypatch.setattr(RobustDARTS, "eigenvalue", lambda self, state: 1.0 if not state.eigenvalues else 5.0)
    method = {"name": "robust-darts", "window": 1}
    config = resolve_search(merge(TOY, {"method": method, "search": {"epochs": 4}}))
    whole = outcome(Search(config, tmp_path / "whole").run())
    assert [line["level"] for line in whole["lines"]] == [0, 1, 1, 2]
    for after in (5, 8):  # in the epoch after which it goes back, and after it did
        assert outcome(interrupted(config, tmp_path / str(after), after=after)) == whole


def test_saddles_say_nothing():
    method = RobustDARTS(window=1)
    assert method.sharpens([1.0, 2.0])
    assert not method.sharpens([-2.0, 1.0])
    assert not method.sharpens([-1.0, -2.0])
    assert not method.sharpens([1.0, 1.3])
    assert not method.sharpens([2.0])


@pytest.mark.parametrize("level", [0, 2])
def test_without_sharpness_it_is_darts_and_with_it_weights_decay_more(start, toy_batch, level):
    ends = []
    for method in (DARTS(), RobustDARTS()):
        state = start(method)
        if isinstance(method, RobustDARTS):
            state.level = level
        for step in range(2):
            method.step(state, toy_batch(step), toy_batch(step + 1), AT)
        ends.append((state.alpha["cell"].detach(), state.context.network.classifier.weight.detach()))
    assert torch.equal(ends[0][1], ends[1][1]) == (level == 0)
    if level:
        assert ends[1][1].norm() < ends[0][1].norm()


def test_paths_are_dropped_at_their_level_and_nowhere_else(start, toy_batch):
    method = RobustDARTS(regularisation="drop-path")
    state = start(method)
    network, batch = state.context.network, toy_batch(0)
    W = {"cell": state.alpha["cell"].softmax(-1).detach()}
    plain = network(batch.inputs, W).prediction
    state.level = 2
    method.regularise(state)
    assert state.dropping.probability == pytest.approx(0.4)
    assert not torch.allclose(network(batch.inputs, W).prediction, plain)
    method.step(state, toy_batch(1), toy_batch(2), AT)
    assert state.dropping.probability == 0
    network.eval()
    state.dropping.probability = 0.4
    network(batch.inputs, W)
    assert state.trainer.optimiser.sgd.param_groups[0]["weight_decay"] == state.context.weights.weight_decay


@pytest.mark.parametrize("what", ["paths", "entries"])
def test_what_is_dropped_is_zero_and_the_mean_stays(what):
    layer = torch.nn.Identity()
    dropping = Dropping([layer], what)
    dropping.probability = 0.3
    x = torch.ones(4000, 2, 3)
    given = layer(x)
    assert float(given.mean()) == pytest.approx(1, abs=0.03)
    assert float((given == 0).float().mean()) == pytest.approx(0.3, abs=0.03)
    whole = (given.flatten(1) == given.flatten(1)[:, :1]).all(1)
    assert bool(whole.all()) == (what == "paths")
    layer.eval()
    assert layer(x) is x


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"drop_step": 0.1}, "regularisation=l2 has no drop_step"),
        ({"regularisation": "drop-path", "increase": 2}, "regularisation=drop-path has no increase"),
        ({"regularisation": "drop-path", "levels": 5}, "levels=5 times, which drops all"),
    ],
)
def test_settings_that_contradict_each_other(given, message):
    with pytest.raises(UserError, match=message):
        resolve_search({"method": {"name": "robust-darts", **given}})


def test_paths_cannot_be_dropped_where_options_are_no_modules():
    with pytest.raises(UserError, match=r"robust-darts cannot drop paths in the space darts-rnn.*regularisation=l2"):
        resolve_search({"space": "darts-rnn", "method": {"name": "robust-darts", "regularisation": "drop-path"}})

"""Zero-cost NAS: the answer is the best of the candidates by its proxy, and no weight moves."""

import numpy as np
import pytest
import torch

from supernas import proxies, spaces
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import build
from supernas.core.task import CLASSIFICATION
from supernas.methods.zero_cost import ZeroCost
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings

SPACE = spaces.get("nas-bench-201")
SIZE = {"channels": 2, "cells": 1, "num_classes": 3, "in_channels": 1}


@pytest.mark.parametrize("name", ["synflow", "snip", "ntk", "az-nas"])
def test_the_best_of_the_candidates(toy_network, toy_batch, name):
    network = toy_network()
    context = SearchContext(network, SPACE, CLASSIFICATION, Plain(), SGDSettings(), 3, 4, network_settings=SIZE)
    method = ZeroCost(candidates=5, proxy=name)
    state = method.init(context)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    batches = [toy_batch(seed)._replace(inputs=toy_batch(seed).inputs.float()) for seed in range(3)]
    counts = []
    for step, valid in enumerate(batches):
        method.step(state, valid, valid, Progress(step, 3, 0, 1))
        counts.append(len(state.measures))
    assert counts == [2, 4, 5]
    drawn = np.random.default_rng(4)
    candidates = [SPACE.sample(drawn) for _ in range(5)]
    proxy = proxies.get(name)()
    loss = CLASSIFICATION.loss
    measured = [proxies.measure_architecture(proxy, SPACE, one, SIZE, batches[0], loss, 4) for one in candidates]
    np.testing.assert_array_equal(state.measures, measured)
    scores = proxy.scores(np.array(measured))
    place = int(np.argmin(scores) if name == "ntk" else np.argmax(scores))
    assert method.derive(state, None) == method.final(state, None) == candidates[place]
    assert float(method.epoch(state, None, None)["best_score"]) == scores[place]
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_an_unknown_proxy():
    with pytest.raises(UserError, match="unknown proxy 'synflwo'; did you mean 'synflow'"):
        build(ZeroCost, {"proxy": "synflwo"}, "method")


def test_the_settings_of_the_proxy():
    method = build(ZeroCost, {"proxy": "ensemble", "settings": {"of": ["naswot", "zen"]}}, "method")
    assert method._made() == proxies.get("ensemble")(of=("naswot", "zen"))
    with pytest.raises(UserError, match=r"unknown setting 'method\.settings\.images'"):
        build(ZeroCost, {"proxy": "synflow", "settings": {"images": 3}}, "method")


def test_a_proxy_that_is_defined_for_no_candidate_has_no_answer(toy_network, toy_batch, monkeypatch):
    context = SearchContext(toy_network(), SPACE, CLASSIFICATION, Plain(), SGDSettings(), 2, 0, network_settings=SIZE)
    method = ZeroCost(candidates=4)
    state = method.init(context)
    monkeypatch.setattr(proxies, "measure_architecture", lambda *_: (np.nan,))
    method.step(state, toy_batch(0), toy_batch(0), Progress(0, 2, 0, 1))
    assert method.derive(state, None) in state.candidates  # there may be better ones to come
    method.step(state, toy_batch(0), toy_batch(0), Progress(1, 2, 0, 1))
    with pytest.raises(UserError, match="synflow is not defined for any of the 4 candidates"):
        method.derive(state, None)

"""Stopping rules: when they fire, what they answer, and that the loop then ends, resumes and says so."""

import json

import pytest
import torch
from torch.nn import functional as F

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.task import CLASSIFICATION
from supernas.methods.darts import DARTS
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Search
from supernas.runs.stopping.eigenvalue import Eigenvalue
from supernas.runs.stopping.skips import Skips
from supernas.steps.contracts import EpochView, SearchContext, StopDecision
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings

SPACE = spaces.get("nas-bench-201")
TOY = {
    "method": {"name": "darts", "adam": {"lr_times_steps": 100.0}},
    "supernet": {"channels": 2, "cells": 1},
    "data": {"source": "digits", "train_size": 96},
    "search": {"epochs": 6, "batch_size": 16, "validation_images": 16},
}


def view(architecture, epoch=3, method=None, state=None, context=None, valid=None):
    return EpochView(epoch, architecture, method, state, context or context_of(None), valid)


def context_of(network):
    return SearchContext(network, SPACE, CLASSIFICATION, Plain(), SGDSettings(), 100, 0)


def test_skips_counts_the_operation_of_the_derived_cell():
    one, two = Architecture.of([1, 3, 3, 0, 2, 4]), Architecture.of([1, 3, 1, 0, 2, 4])
    rule = Skips()
    assert rule.check(rule.init(), view(one)) == StopDecision({"skips": 1.0}, None)
    assert rule.check(rule.init(), view(two)) == StopDecision({"skips": 2.0}, 3)
    assert Skips(most=3).check(None, view(two)).answer is None
    assert Skips(operation="nor_conv_3x3", most=2).check(None, view(one)).answer == 3


def test_eigenvalue_fires_where_the_smoothed_quotient_falls(monkeypatch):
    planted = iter([1.0, 1.0, 1.1, 1.0, 1.2, 1.4, 1.6, 9.0])
    monkeypatch.setattr(Eigenvalue, "eigenvalue", lambda self, view: next(planted))
    rule = Eigenvalue(window=2, ratio=0.75)
    state = rule.init()
    found = [rule.check(state, view(None, epoch)).answer for epoch in range(7)]
    # means of two: epoch 5: (1.1 + 1.0) / (1.2 + 1.4) = .81; epoch 6: (1.0 + 1.2) / (1.4 + 1.6) = .73
    assert found == [None, None, None, None, None, None, 4]


@pytest.mark.parametrize("planted", [[-1.0, -1.0, 9.0, 9.0], [1.0, 1.0, -9.0, -9.0], [-1.0, -1.0, -9.0, -9.0]])
def test_negative_averages_are_not_judged(monkeypatch, planted):
    values = iter(planted)
    monkeypatch.setattr(Eigenvalue, "eigenvalue", lambda self, view: next(values))
    rule = Eigenvalue(window=2)
    state = rule.init()
    assert [rule.check(state, view(None, epoch)).answer for epoch in range(4)] == [None] * 4


def test_the_eigenvalue_is_that_of_the_full_hessian(toy_network, toy_batch):
    method = DARTS(start=1.0)
    torch.set_default_dtype(torch.float64)
    try:
        context = context_of(toy_network())
        state = method.init(context)
    finally:
        torch.set_default_dtype(torch.float32)
    batch = toy_batch(size=12)

    def loss(alpha):
        W = {"cell": alpha.view(6, 5).softmax(-1)}
        return F.cross_entropy(context.network(batch.inputs, W).prediction, batch.targets)

    H = torch.autograd.functional.hessian(loss, state.alpha["cell"].detach().flatten())
    eigenvalues = torch.linalg.eigvalsh(H)
    expected = float(eigenvalues[eigenvalues.abs().argmax()])
    found = Eigenvalue(iterations=30).eigenvalue(view(None, 0, method, state, context, lambda count: batch))
    assert found == pytest.approx(expected, rel=1e-6)


def test_a_search_that_a_rule_ends(tmp_path):
    """Any operation counts: the rule fires at the first epoch; and bit for bit the same when it is resumed."""
    config = resolve_search({**TOY, "stopping": {"name": "skips", "operation": "nor_conv_3x3", "most": 1}})
    whole = Search(config, tmp_path / "whole")
    result = whole.run()
    lines = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    counts = [line["skips"] for line in lines]
    assert counts[-1] >= 1
    assert all(count < 1 for count in counts[:-1])
    assert len(lines) < 6, "the planted operation never came"
    assert result.record["stopped"] == "skips"
    assert result.record["epochs"] == len(lines) == result.record["answer_of_epoch"] + 1
    assert result.architecture == result.history[-1]
    again = Search(config, tmp_path / "whole", resume=True)
    assert again.finished
    assert again.run().text == result.text
    stopped = Search(config, tmp_path / "stopped", on_step=lambda p, m: p.step + 1 == 2 and stopped.stop())
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    resumed = Search(config, tmp_path / "stopped", resume=True).run()
    assert resumed.record["stopped"] == "skips"
    assert resumed.history == result.history


def test_going_back_to_an_earlier_epoch(tmp_path, monkeypatch):
    planted = iter([1.0, 1.0, 10.0, 100.0, 1.0])
    monkeypatch.setattr(Eigenvalue, "eigenvalue", lambda self, view: next(planted))
    config = resolve_search({**TOY, "stopping": {"name": "eigenvalue", "window": 1}})
    result = Search(config, tmp_path / "run").run()
    assert result.record["answer_of_epoch"] == 1
    assert result.record["epochs"] == 3
    assert result.architecture == result.history[1]


def test_what_does_not_go_together_is_refused_with_the_reason():
    for method in ("random-nas", "e2nas"):
        with pytest.raises(UserError, match=r"eigenvalue does not go with .*Hessian"):
            resolve_search({"method": method, "stopping": "eigenvalue"})
    for objective in ("nsas", "wpl", "complementation"):
        with pytest.raises(UserError, match=rf"{objective} does not go with darts.*random-nas"):
            resolve_search({"method": "darts", "objective": objective})
    for space, values, message in (
        ("nas-bench-201", {"kind": "cel"}, r"kind of cell \(stopping.kind\) 'cel'; did you mean 'cell'"),
        (
            "nas-bench-201",
            {"operation": "skip"},
            r"operation \(stopping.operation\) 'skip'; did you mean 'skip_connect'",
        ),
        ("darts-rnn", {}, "'skip_connect'; .*identity"),
    ):
        with pytest.raises(UserError, match=message):
            resolve_search({"space": space, "method": "random-nas", "stopping": {"name": "skips", **values}})
    assert resolve_search({"method": "gdas", "objective": "nsas", "stopping": "eigenvalue"}).stopping == Eigenvalue()

"""What is watched through a search: true numbers, and a search that is none the wiser."""

import itertools
import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from supernas import api, spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch
from supernas.methods.darts import DARTS
from supernas.runs import diagnostics
from supernas.runs.configuration import resolve_search
from supernas.runs.diagnostics.base import undisturbed
from supernas.runs.diagnostics.depth import depth
from supernas.runs.diagnostics.entropy import Entropy
from supernas.runs.diagnostics.gap import Gap
from supernas.runs.diagnostics.hessian import Hessian
from supernas.runs.diagnostics.skips import SkipConnections
from supernas.runs.stopping.watched import Watched
from supernas.steps.contracts import EpochView, SearchContext, StopDecision
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings

SPACE = spaces.get("nas-bench-201")
TOY = {
    "method": {"name": "darts", "adam": {"lr_times_steps": 100.0}},
    "supernet": {"channels": 2, "cells": 1, "batch_norm": "tracked"},  # running averages could be disturbed
    "data": {"source": "digits", "train_size": 64, "resolution": 4},
    "search": {"epochs": 3, "batch_size": 16, "validation_images": 16, "device": "cpu"},
}
EVERYTHING = ",".join(diagnostics.names())


@pytest.fixture
def context(toy_network):
    return SearchContext(toy_network(), SPACE, CLASSIFICATION, Plain(), SGDSettings(), 100, 0)


@pytest.fixture
def view(context, toy_batch):
    """A view at DARTS, with the cell that it derives."""
    method, batch = DARTS(start=1.0), toy_batch(size=12)
    torch.set_default_dtype(torch.float64)
    try:
        state = method.init(context)
    finally:
        torch.set_default_dtype(torch.float32)

    def first(count):
        return Batch(batch.inputs[:count], batch.targets[:count])

    return EpochView(3, method.derive(state, None), method, state, context, first)


def test_hessian_is_that_of_the_full_matrix(view, context):
    batch = view.valid(12)

    def loss(alpha):
        W = {"cell": alpha.view(6, 5).softmax(-1)}
        return F.cross_entropy(context.network(batch.inputs, W).prediction, batch.targets)

    context.network.eval()
    H = torch.autograd.functional.hessian(loss, view.state.alpha["cell"].detach().flatten())
    context.network.train()
    eigenvalues = torch.linalg.eigvalsh(H)
    found = Hessian(iterations=30, probes=30).measure(view)
    assert found["eigenvalue"] == pytest.approx(float(eigenvalues[eigenvalues.abs().argmax()]), rel=1e-6)
    assert found["trace"] == pytest.approx(float(H.trace()), rel=1e-6)
    assert context.network.training


def test_losses_are_of_all_the_images_that_are_asked_for(view):
    for kind in (Hessian, Gap):
        found = kind(images=8).measure(view)
        assert found == kind().measure(replace(view, valid=lambda count: view.valid(8)))
        assert found != kind(images=4).measure(view)


def test_what_is_drawn_while_watching_was_never_drawn(view):
    before = torch.get_rng_state()
    with undisturbed(view.context.network):
        torch.rand(3)
        assert not view.context.network.training
    assert torch.equal(torch.get_rng_state(), before)
    assert view.context.network.training


def test_entropy_of_planted_parameters(view):
    alpha = view.state.alpha["cell"].data
    alpha.zero_()
    assert Entropy().measure(view) == pytest.approx({"cell": math.log(5), "cell_part": 1.0})
    alpha[:2, 0] = 1000.0  # two of six choices are decided
    assert Entropy().measure(view) == pytest.approx({"cell": math.log(5) * 4 / 6, "cell_part": 4 / 6})
    alpha[:, 0] = 1000.0
    assert Entropy().measure(view) == {"cell": 0.0, "cell_part": 0.0}


def test_entropy_counts_the_options_that_are_held(toy_network, view):
    pairs = tuple((choice, option) for choice in range(6) for option in ((3,) if choice == 0 else (1, 3)))
    narrow = SearchContext(toy_network(pairs=pairs), SPACE, CLASSIFICATION, Plain(), SGDSettings(), 100, 0)
    state = view.method.init(narrow)
    state.alpha["cell"].data.zero_()
    found = Entropy().measure(EpochView(0, view.architecture, view.method, state, narrow, view.valid))
    assert found == pytest.approx({"cell": math.log(2), "cell_part": 1.0})  # the choice with one option is left out


def test_gap_is_the_difference_of_two_losses(view, context):
    batch = view.valid(12)
    alpha = view.state.alpha["cell"].data
    found = Gap().measure(view)
    context.network.eval()
    with torch.no_grad():
        mixture = context.network(batch.inputs, {"cell": alpha.softmax(-1)}).prediction
        path = context.network(batch.inputs, active=view.architecture.pairs).prediction
    context.network.train()
    losses = [float(F.cross_entropy(one, batch.targets)) for one in (mixture, path)]
    assert found == pytest.approx({"mixture": losses[0], "path": losses[1], "difference": losses[1] - losses[0]})
    alpha.mul_(1e6)  # the mixture is the path
    assert abs(Gap().measure(view)["difference"]) < 1e-9 < abs(found["difference"])


def test_skips_are_counted_by_kind(view):
    def measured(space, text, **settings):
        context = SearchContext(None, space, CLASSIFICATION, Plain(), SGDSettings(), 100, 0)
        return SkipConnections(**settings).measure(EpochView(0, space.parse(text), None, None, context, None))

    cell = "|skip_connect~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|none~2|"
    assert measured(SPACE, cell) == {"cell": 3.0, "cell_part": 0.5}
    assert measured(SPACE, cell, operations=["none"]) == {"cell": 2.0, "cell_part": pytest.approx(1 / 3)}
    both = measured(spaces.get("darts-cnn"), "DARTS_V2")
    assert both == {"normal": 2.0, "normal_part": 0.25, "reduce": 3.0, "reduce_part": 0.375}
    assert measured(spaces.get("darts-rnn"), "DARTS_V2")["recurrent"] == 1.0  # `identity`


@pytest.mark.parametrize("name", ["nas-bench-201", "darts-cnn", "darts-rnn"])
def test_depth_is_the_longest_of_all_ways(name):
    """The twin tries every sequence of live edges."""
    space = spaces.get(name)

    def longest(edges, node):
        return max((1 + longest(edges, target) for source, target in edges if source == node), default=0)

    depths = set()
    for seed in range(20):
        architecture = space.sample(np.random.default_rng(seed))
        for kind, where in space.kinds.items():
            edges = {space.ends(choice) for choice, _ in space.live(architecture) if choice in where}
            nodes = range(len(space.node_names(kind)))
            expected = max((longest(edges, node) for node in nodes), default=0)
            assert depth(space, architecture, kind) == expected
            depths.add(expected)
    assert len(depths) > 1


def test_depth_of_known_cells():
    by_hand = {
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|none~1|nor_conv_3x3~2|": 3,
        "|nor_conv_3x3~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|": 1,  # the rest is dead
        "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|": 0,
    }
    for text, edges in by_hand.items():
        assert depth(SPACE, SPACE.parse(text), "cell") == edges
    one_shot = spaces.get("nas-bench-1shot1-1")  # blocks one behind the other: what is read has no operation of its own
    conv = "conv3x3-bn-relu"
    for text, blocks in {
        f"{conv}~0|{conv}~0+1|{conv}~1+2|{conv}~2+3|output~3+4": 4,
        f"{conv}~0|{conv}~0+1|{conv}~1+2|{conv}~2+3|output~0+2": 2,
        f"{conv}~0|{conv}~0+1|{conv}~1+2|{conv}~0+1|output~1+4": 2,
    }.items():
        assert depth(one_shot, one_shot.parse(text), "cell") == blocks


# --- in a search ------------------------------------------------------------------------------------------------------


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def weights(result):
    return (result.folder / "supernet.safetensors").read_bytes()


def test_watching_changes_nothing_and_resumes(tmp_path):
    plain = api.search(config=TOY, out=tmp_path / "plain")
    watched = api.search(config=TOY, watch=EVERYTHING, out=tmp_path / "watched")
    assert weights(watched) == weights(plain)
    assert watched.history == plain.history
    apart = ("seconds", "versions", "files", "digest")
    assert {k: v for k, v in watched.record.items() if k not in apart} == {
        k: v for k, v in plain.record.items() if k not in apart
    }
    names = {
        *("depth.cell", "entropy.cell", "entropy.cell_part", "gap.difference", "gap.mixture", "gap.path"),
        *("hessian.eigenvalue", "hessian.trace", "skips.cell", "skips.cell_part"),
    }
    for one, other in zip(lines(watched.folder), lines(plain.folder), strict=True):
        assert one.keys() - other.keys() == names
        assert all(math.isfinite(one[name]) for name in names)
        assert {k: v for k, v in one.items() if k not in {*names, "seconds"}} == {
            k: v for k, v in other.items() if k != "seconds"
        }
        assert one["gap.difference"] == pytest.approx(one["gap.path"] - one["gap.mixture"])

    def stop(progress, metrics):
        if progress.step == 3:
            search.stop()

    search = api.Search(config=TOY, watch=EVERYTHING, out=tmp_path / "stopped", on_step=stop)
    with pytest.raises(KeyboardInterrupt):
        search.run()
    resumed = api.search(config=TOY, watch=EVERYTHING, out=tmp_path / "stopped", resume=True)
    assert weights(resumed) == weights(plain)
    for one, other in zip(lines(resumed.folder), lines(watched.folder), strict=True):
        assert {**one, "seconds": 0} == {**other, "seconds": 0}
    assert (resumed.folder / "watched.svg").read_bytes() == (watched.folder / "watched.svg").read_bytes()
    assert not (plain.folder / "watched.svg").exists()


def test_a_configuration_keeps_what_is_watched():
    document = {"method": "darts", "watch": {"hessian": {"probes": 3}, "depth": {}}}
    config = resolve_search(document)
    assert config.watch["hessian"] == Hessian(probes=3)
    assert resolve_search(config.document()).watch == config.watch
    assert "watch" not in resolve_search({}).document()  # runs without it are named as before


@pytest.mark.parametrize(
    ("document", "message"),
    [
        *(
            ({"method": method, "watch": {name: {}}}, rf"diagnostic {name} does not go with {method}.*parameters: it ")
            for method, name in itertools.product(("random-nas", "e2nas"), ("hessian", "entropy", "gap"))
        ),
        ({"watch": {"hesian": {}}}, "unknown diagnostic 'hesian'; did you mean 'hessian'"),
        ({"watch": {"skips": {"operations": ["skip_connet"]}}}, "did you mean 'skip_connect'"),
        ({"watch": {"skips": {"operations": ["skip_connect", "foo"]}}}, r"operation \(watch.skips.operations\) 'foo'"),
        ({"watch": {"skips": {"operations": ["identity"]}}}, r"'identity'.*known: .*skip_connect"),
        ({"watch": {"depth": 3}}, "wanted settings"),
        ({"watch": {"skips": {"operations": []}}}, "watch.skips.operations"),
        ({"stopping": {"name": "watched", "quantity": "depth.cell"}}, "depth is not watched; add watch='depth'"),
        (
            {"stopping": {"name": "watched", "quantity": "depth.cel"}, "watch": {"depth": {}}},
            "unknown watched number 'depth.cel'; did you mean 'depth.cell'",
        ),
    ],
)
def test_what_cannot_be_watched_is_refused_in_one_line(document, message):
    with pytest.raises(UserError, match=message) as error:
        resolve_search(document)
    assert "\n" not in str(error.value)


# --- as a stopping rule -----------------------------------------------------------------------------------------------


def answers(rule, values):
    state = rule.init()
    views = (EpochView(n, None, None, None, None, None, {rule.quantity: value}) for n, value in enumerate(values))
    return [rule.check(state, view).answer for view in views]


def test_the_rule_compares_averages_and_quotients():
    value = {"quantity": "depth.cell", "of": "value", "back": 0}
    assert answers(Watched(**value, threshold=2, window=1), [1, 2, 3]) == [None, None, 2]
    assert answers(Watched(**value, threshold=2, window=2), [1, 2, 3]) == [None, None, 2]
    assert answers(Watched(**value, threshold=2, window=2, when="below"), [1, 2, 9]) == [None, 1, None]
    ratio = Watched(window=2, back=2)  # the quotients of R-DARTS's rule, upside down
    assert answers(ratio, [1.0, 1.0, 1.1, 1.0, 1.2, 1.4, 1.6]) == [None, None, None, None, None, None, 4]
    assert answers(Watched(window=1), [1.0, -5.0, 3.0, 9.0]) == [None, None, None, 0]  # no quotient of signs
    assert answers(Watched(window=1, when="below"), [1.0, -5.0, 3.0, 9.0]) == [None] * 4
    rule = Watched(**value, threshold=9, window=1)
    assert rule.check(rule.init(), EpochView(0, None, None, None, None, None, {"depth.cell": 2.0})) == StopDecision(
        {"watched": 2.0}
    )


def test_a_search_that_the_rule_ends(tmp_path):
    rule = {"name": "watched", "quantity": "skips.cell", "of": "value", "threshold": -1, "window": 2, "back": 1}
    result = api.search(config={**TOY, "stopping": rule}, watch=["skips"], out=tmp_path / "run")
    assert result.record["stopped"] == "watched"
    assert (result.record["epochs"], result.record["answer_of_epoch"]) == (2, 0)
    assert (result.folder / "watched.svg").exists()
    assert isinstance(result.architecture, Architecture)

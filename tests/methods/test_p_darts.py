"""P-DARTS: its stages, the dropout of skip connections, and how many of them are left."""

import math

import pytest
import torch

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.methods.p_darts import PDARTS, with_few_skips
from supernas.runs.configuration import merge, resolve_search
from supernas.runs.search import Search
from supernas_pytest.toys import TOY

SPACE = spaces.get("nas-bench-201")


def at(epoch, steps_per_epoch=4, epochs=75):
    return Progress(epoch * steps_per_epoch, epochs * steps_per_epoch, epoch, epochs)


def test_the_published_course_of_75_epochs():
    method = PDARTS()
    for epoch in range(75):
        number, inside = method.within(at(epoch))
        own = epoch % 25
        assert (number, inside.epoch, inside.epochs, inside.step, inside.steps) == (epoch // 25, own, 25, 4 * own, 100)
        start = (0.0, 0.4, 0.7)[number]
        expected = start * (1 - (own + 1) / 25) if own < 10 else start * math.exp(-(own - 10) * 0.2)
        assert method.dropout(at(epoch)) == pytest.approx(expected)
        assert method.alpha_moves(at(epoch)) == (own >= 10)


def test_the_learning_rate_begins_anew_in_each_stage(start, toy_batch):
    method, rates = PDARTS(cells=(1, 1, 1)), []
    state = start(method)
    for epoch in (0, 24, 25, 49, 50):
        method.step(state, toy_batch(0), toy_batch(1), at(epoch, steps_per_epoch=1))
        rates.append(state.trainer.optimiser.sgd.param_groups[0]["lr"])
    assert rates[0] == rates[2] == rates[4] == state.context.weights.lr
    assert rates[1] == rates[3] < 0.1 * rates[0]


def test_entries_of_skip_connections_alone_are_dropped(start, toy_batch):
    method = PDARTS(cells=(1, 1, 1), skip_dropout=(0.5, 0.5, 0.5))
    state = start(method)
    network, batch = state.context.network, toy_batch(0)
    for option, drops in [(1, True), (2, False), (3, False), (4, False)]:
        path = Architecture.of([option] * 6)
        plain = network(batch.inputs, active=path.pairs).prediction
        state.dropping.probability = method.dropout(at(0))
        assert torch.equal(network(batch.inputs, active=path.pairs).prediction, plain) != drops
        state.dropping.probability = 0.0
    network.eval()
    state.dropping.probability = 0.5
    skips = Architecture.of([1] * 6).pairs
    assert torch.equal(network(batch.inputs, active=skips).prediction, network(batch.inputs, active=skips).prediction)


def test_later_stages_are_deeper_and_hold_the_best_options_with_fresh_weights(tmp_path):
    seen = []
    method = {"name": "p-darts", "cells": [1, 2, 3], "keep_options": [4, 2]}
    config = resolve_search(merge(TOY, {"method": method, "search": {"epochs": 6}}))
    search = Search(config, tmp_path, on_step=lambda progress, _: seen.append(snapshot(progress)))

    def snapshot(progress):
        state = search.state.method
        return progress.epoch, state.context.network, state.alpha["cell"].detach().clone(), state

    result = search.run()
    stages = {epoch // 2: network for epoch, network, *_ in seen}
    assert [network.cells for network in stages.values()] == [3, 6, 9]
    assert [len(network.pairs) for network in stages.values()] == [30, 24, 12]
    for stage in (1, 2):
        before = [alpha for epoch, _, alpha, _ in seen if epoch == 2 * stage - 1][-1]
        held = set(stages[stage - 1].pairs)
        ranked = [sorted((o for o in range(5) if (c, o) in held), key=lambda o: -float(before[c, o])) for c in range(6)]
        kept = {(c, o) for c in range(6) for o in ranked[c][: (4, 2)[stage - 1]]}
        assert set(stages[stage].pairs) == kept
    begin = next(alpha for epoch, _, alpha, _ in seen if epoch == 2)
    assert float(begin.abs().max()) < 0.01, "alpha begins anew"
    assert set(result.architecture.pairs) <= set(stages[2].pairs)


def test_the_weakest_skip_connections_lose_their_weight():
    W = torch.full((6, 5), 0.01)
    W[:, 1] = torch.tensor([0.9, 0.5, 0.7, 0.6, 0.8, 0.4])
    W[:, 3] = 0.3
    for most in range(7):
        found = with_few_skips({"cell": W}, SPACE, most)
        strongest = sorted(range(6), key=lambda choice: -float(W[choice, 1]))[:most]
        assert [choice for choice, option in found.pairs if option == 1] == sorted(strongest)
        assert {option for _, option in found.pairs} <= {1, 3}


def test_in_darts_cells_the_normal_one_is_looked_at():
    space = spaces.get("darts-cnn")
    skip = space.choices[0].options.index("skip_connect")
    W = {kind: torch.rand(14, 8, generator=torch.Generator().manual_seed(0)) for kind in space.kinds}
    for matrix in W.values():
        matrix[:, skip] += 1
    found = with_few_skips(W, space, 2)
    counts = {
        kind: sum(choice in where and option == skip for choice, option in found.pairs)
        for kind, where in space.kinds.items()
    }
    assert counts == {"normal": 2, "reduce": 8}


def test_where_nothing_but_skip_connections_is_left_they_stay():
    W = torch.zeros(6, 5)
    W[:, 1] = 1.0
    assert with_few_skips({"cell": W}, SPACE, 0).pairs


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"cells": [1, 0, 2]}, "cells are 1 or more"),
        ({"keep_options": [3, 1]}, "keep_options 2 or more"),
        ({"skip_dropout": [0, 0.5, 1]}, "skip_dropout are probabilities"),
        ({"cells": [1, 2]}, "method.cells"),
    ],
)
def test_settings_that_cannot_be(given, message):
    with pytest.raises(UserError, match=message):
        resolve_search({"method": {"name": "p-darts", **given}})


def test_it_needs_networks_of_cells():
    with pytest.raises(UserError, match=r"p-darts changes supernet.cells on the way"):
        resolve_search({"space": "darts-rnn", "method": "p-darts"})

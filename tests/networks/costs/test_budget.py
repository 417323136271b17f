"""Budgets: costs add up, limits hold for every method, the penalty's gradient, and what cannot be met."""

import json

import numpy as np
import pytest
import torch

import supernas
from alpha_toy import alpha_gradient
from runs_toy import left_behind
from supernas import methods, spaces
from supernas.core.errors import UserError
from supernas.networks.costs.budget import BudgetSettings, CostTable, cheapest, cost_table, make_budget
from supernas.networks.costs.cost import cost
from supernas.networks.costs.limited_space import limited

SIZES = {
    "nas-bench-201": ({"channels": 2, "cells": 1}, (3, 8, 8), torch.float32),
    "darts-cnn": ({"channels": 2, "cells": 3}, (3, 8, 8), torch.float32),
    "darts-rnn": ({"units": 3, "num_classes": 7}, (1,), torch.int64),
    **{f"nas-bench-1shot1-{number}": ({"channels": 2, "cells": 1}, (3, 8, 8), torch.float32) for number in (1, 2, 3)},
}


def budget(name, **limits):
    space = spaces.get(name)
    size, shape, kind = SIZES[name]
    whole = space.network_class(space, form="evaluation", **size)
    return make_budget(whole, BudgetSettings(**limits), shape, kind)


@pytest.mark.parametrize("name", spaces.names())
def test_costs_add_up_exactly(name):
    made = budget(name, max_parameters=1e9, max_flops=1e9)
    space, generator = made.space, np.random.default_rng(9)
    size, shape, kind = SIZES[name]
    for _ in range(10):
        one = space.sample(generator)
        spent = cost(space.build(one, **size), shape, dtype=kind)
        assert made.costs(one) == pytest.approx({"parameters": spent.parameters, "flops": spent.multiply_adds})
        W = {key: torch.from_numpy(matrix) for key, matrix in space.matrices(one).items()}
        assert float(made.tables["flops"].expected(W, made.counts)) == pytest.approx(spent.multiply_adds)


def test_the_cheapest_is_the_cheapest():
    made = budget("nas-bench-201", max_flops=1e9)
    table = made.tables["flops"]
    least = table.of(made.space, cheapest(made.space, lambda one: table.of(made.space, one), table))
    assert least == min(table.of(made.space, one) for one in made.space)


def middle(made):
    """A budget at the median of a cost."""
    (table,) = made.tables.values()
    generator = np.random.default_rng(1)
    return float(np.median([table.of(made.space, made.space.sample(generator)) for _ in range(31)]))


@pytest.mark.parametrize("name", ["nas-bench-201", "darts-cnn"])
def test_nothing_that_a_limited_space_gives_is_over_the_budget(name):
    whole = budget(name, max_parameters=1e9)
    made = budget(name, max_parameters=middle(whole))
    space, inside, generator = made.space, limited(made.space, made), np.random.default_rng(2)
    over = 0
    for _ in range(8):
        one = space.sample(generator)
        weights = {kind: generator.random(shape) for kind, shape in space.shapes.items()}
        over += made.excess(one) > 0
        for given in (
            inside.sample(generator),
            inside.from_genes(space.genes(one)),
            inside.from_graphs(space.to_graphs(one)),
            inside.derive(weights),
            *inside.likeliest(weights, 2),
        ):
            assert space.contains(given)
            assert made.excess(given) == 0
        if not made.excess(one):
            assert inside.from_genes(space.genes(one)) == one
            assert inside.derive(space.matrices(one)) == space.derive(space.matrices(one))
    assert 0 < over < 8
    every = [each.latin(np.random.default_rng(3)) for each in (inside, space)]
    assert every[0] == every[1]  # what only trains weights may cost what it will
    assert limited(space, made).name == space.name


def test_the_penalty_is_the_excess_of_the_expected_cost_and_moves_alpha():
    whole = budget("nas-bench-201", max_flops=1e9)
    limit = middle(whole)
    made = budget("nas-bench-201", max_flops=limit, penalty=2.0)
    alpha = torch.zeros(6, 5, dtype=torch.float64, requires_grad=True)
    W = {"cell": alpha.softmax(-1)}
    uniform = np.mean([made.tables["flops"].of(made.space, one) for one in made.space])
    penalty = made.penalty(W)
    assert float(penalty.detach()) == pytest.approx(2 * max(0.0, uniform / limit - 1))
    tight = budget("nas-bench-201", max_flops=limit * 0.8)
    (gradient,) = torch.autograd.grad(tight.penalty({"cell": alpha.softmax(-1)}), [alpha])
    assert bool((gradient.argmax(-1) == 3).all())  # 3x3 convolutions are pushed down most
    cheap = {"cell": torch.from_numpy(made.space.matrices(made.fallback)["cell"])}
    assert float(made.penalty(cheap)) == 0


@pytest.mark.parametrize("name", methods.names())
def test_every_method_keeps_the_budget(tmp_path, name):
    toy = {"supernet": {"channels": 4 if name == "pc-darts" else 2, "cells": 1}, "data": {"train_size": 96}}
    stages = {"method": {"cells": [1, 1, 1]}} if name == "p-darts" else {}
    config = {
        **toy,
        **stages,
        "search": {"epochs": 3 if stages else 2, "batch_size": 16, "validation_images": 16, "device": "cpu"},
    }
    limit = 40_000 if name == "pc-darts" else 15_000
    result = supernas.search(method=name, config=config, max_flops=limit, out=tmp_path / "run")
    found = [result.architecture, *result.history]
    tables = json.loads((tmp_path / "run" / "budget.json").read_text())["flops"]
    space = spaces.get("nas-bench-201")
    table = CostTable.read(tables)
    assert all(table.of(space, one) <= limit for one in found)
    assert result.record["flops"] <= limit
    some = [table.of(space, space.sample(np.random.default_rng(seed))) for seed in range(20)]
    assert np.mean([one > limit for one in some]) > 0.6


def test_a_random_order_stays_within_the_budget_and_ends():
    made = budget("nas-bench-201", max_flops=60_000)
    within = [one for one in made.space if not made.excess(one)]
    order = list(limited(made.space, made).shuffled(np.random.default_rng(0)))
    assert len(set(order)) == len(order)
    assert set(order) <= set(within)
    assert len(order) > 0.9 * len(within) > 10


def test_milliseconds_are_measured_kept_and_resumed(tmp_path):
    toy = {"supernet": {"channels": 2, "cells": 1}, "data": {"train_size": 96}}
    search = {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"}
    arguments = {"method": "darts", "config": {**toy, "search": search}, "max_latency_ms": 1000.0}
    stopped = supernas.Search(**arguments, out=tmp_path / "parts", on_step=lambda p, _: p.step == 2 and stopped.stop())
    tables = (tmp_path / "parts" / "budget.json").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        stopped.run()
    again = supernas.search(**arguments, out=tmp_path / "parts", resume=True)
    assert (tmp_path / "parts" / "budget.json").read_bytes() == tables
    assert 0 < again.record["latency_ms"] < 1000
    assert again.record["latency_ms_predicted"] > 0
    assert left_behind(again.folder)["weights"]


def test_costs_that_do_not_add_up_are_refused():
    space = spaces.get("nas-bench-201")
    with pytest.raises(UserError, match="a budget needs costs that add up"):
        cost_table(space, lambda one: float(len(set(one.options)) ** 2))


MISTAKES = [
    ({"max_flops": 10}, "budget.max_flops = 10: the cheapest architecture of nas-bench-201 has "),
    ({"max_parameters": -1}, "budget.max_parameters = -1: wanted greater than 0"),
    ({"max_latency_ms": 1e-9}, "budget.max_latency_ms = 1e-09: the cheapest architecture of nas-bench-201 has "),
]


@pytest.mark.parametrize(("limits", "message"), MISTAKES)
def test_what_cannot_be_met_is_said_before_the_search(tmp_path, limits, message):
    toy = {"supernet": {"channels": 2, "cells": 1}, "data": {"train_size": 96}}
    with pytest.raises(UserError) as caught:
        supernas.Search(config=toy, **limits, out=tmp_path)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_another_choice_from_the_supernet_keeps_the_budget(tmp_path):
    toy = {"supernet": {"channels": 2, "cells": 1}, "data": {"train_size": 96}}
    search = {"epochs": 1, "batch_size": 16, "validation_images": 16, "device": "cpu"}
    supernas.search(method="random-nas", config={**toy, "search": search}, max_flops=15_000, out=tmp_path)
    space = spaces.get("nas-bench-201")
    tables = CostTable.read(json.loads((tmp_path / "budget.json").read_text())["flops"])
    for by, options in (("best-sampled", {"candidates": 5}), ("evolution", {"candidates": 8, "population": 3})):
        found = supernas.derive(tmp_path, by=by, images=16, **options)
        assert tables.of(space, found.architecture) <= 15_000
    (tmp_path / "budget.json").unlink()
    with pytest.raises(UserError, match=r"has no budget.json"):
        supernas.derive(tmp_path, by="best-sampled", images=15, candidates=5)


@pytest.mark.parametrize("settings", [{"name": "darts"}, {"name": "darts", "order": 2}])
def test_the_penalty_is_part_of_what_alpha_descends(tmp_path, settings):
    """The gradient of a step is that without a penalty, plus the penalty's own."""
    toy = {"supernet": {"channels": 2, "cells": 1}, "data": {"train_size": 96}, "method": settings}
    config = {**toy, "search": {"epochs": 1, "batch_size": 16, "validation_images": 16, "device": "cpu"}}
    gradients = []
    for penalty in (0.0, 7.0):
        budget = {"max_flops": 15_000, "penalty": penalty}
        search = supernas.Search(config={**config, "budget": budget}, out=tmp_path / str(penalty))
        state, method = search.state.method, search.config.method
        batches = next(search.state.train), next(search.state.valid)
        loss, (gradient,) = alpha_gradient(method, state, *batches, search._progress())
        gradients.append((float(loss), gradient))
    assert gradients[1][0] > gradients[0][0] + 0.1
    difference = gradients[1][1] - gradients[0][1]
    assert float(difference.abs().max()) > 1e-3
    alpha = state.alpha["cell"]
    (own,) = torch.autograd.grad(search.budget.penalty(method.relax(state, {"cell": alpha})), [alpha])
    assert torch.allclose(difference, own, atol=1e-4)

"""The networks of NAS-Bench-1Shot1 against slow twins, and against published sizes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.networks.nas_bench_1shot1 import Cell, Convolution, DividedCell, OneShotNetwork, vertex_channels
from supernas.networks.operations import BatchNorm
from supernas.networks.reading import Reading
from supernas.spaces.one_shot import OPERATIONS, Module

NAMES = [f"nas-bench-1shot1-{number}" for number in (1, 2, 3)]
CONV3, CONV1, POOL = OPERATIONS
EACH = pytest.mark.parametrize("name", NAMES)


def drawn(space, seed):
    return space.sample(np.random.default_rng(seed))


def supernet(name, **settings):
    torch.manual_seed(3)
    return OneShotNetwork(spaces.get(name), **{"channels": 4, "cells": 1, "in_channels": 1, **settings}).double()


def images(side=8):
    return torch.randn(6, 1, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


def weights(space, seed=0):
    """Random positive weights of every option, with a gradient; 0 where a choice has fewer options."""
    held = torch.as_tensor(space.matrices(Architecture(space.pairs))["cell"])
    W = torch.rand(held.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)) * held
    return (W / W.sum(dim=1, keepdim=True)).requires_grad_()


# --- the mixture, set by set ------------------------------------------------------------------------------------------


def slow_cell(cell, x, W, space):
    """Every set of parents by itself: the sum of its nodes times its weight."""
    nodes = []

    def value(node, reader):
        return nodes[node - 1] if node else cell.projections[str(reader)](x)

    def sets_of(reader):
        choice = space.parents_choice(reader)
        sets = space.parent_sets[reader - 1]
        return [(1.0 if choice is None else W[choice, number], one) for number, one in enumerate(sets)]

    for block, options in zip(space.blocks, cell.blocks, strict=True):
        inputs = sum(weight * sum(value(node, block) for node in one) for weight, one in sets_of(block))
        row = W[space.operation_choice(block)]
        made = [torch.relu(options[str(o)].norm(options[str(o)].conv(inputs))) for o in (0, 1)]
        made.append(F.max_pool2d(inputs, 3, 1, 1))
        nodes.append(sum(weight * output for weight, output in zip(row, made, strict=False)))
    last = len(space.parents)
    total = 0
    for weight, one in sets_of(last):
        beside = torch.cat([nodes[b - 1] if b in one else torch.zeros_like(nodes[0]) for b in space.blocks], dim=1)
        total = total + weight * (beside + cell.projections[str(last)](x) if 0 in one else beside)
    return total


@EACH
def test_a_mixture_is_that_of_its_sets(name):
    network, x = supernet(name), images()
    space, W = network.space, weights(network.space)
    slow = network.embed(x)
    for block in network.body:
        slow = slow_cell(block, slow, W, space) if isinstance(block, Cell) else F.max_pool2d(slow, 2)
    slow = network.head.norm(network.head.conv(torch.relu(slow))).mean(dim=(2, 3))
    output = network(x, {"cell": W})
    torch.testing.assert_close(output.features, slow)
    fast_gradient = torch.autograd.grad(output.features.square().sum(), W)[0]
    torch.testing.assert_close(fast_gradient, torch.autograd.grad(slow.square().sum(), W)[0])
    held = space.matrices(Architecture(space.pairs))["cell"] > 0
    assert (fast_gradient[torch.as_tensor(~held)] == 0).all()
    assert fast_gradient[torch.as_tensor(held)].abs().min() > 0


@EACH
def test_each_cell_may_have_weights_of_its_own(name):
    """In the order of the cells, against cells that are run one by one; equal ones are those that all share."""
    network, x = supernet(name), images()
    W = weights(network.space).detach()
    assert network.cell_counts == {"cell": 3}
    shared = network(x, {"cell": W}).prediction
    assert torch.equal(shared, network(x, {"cell": W.expand(3, *W.shape)}).prediction)
    own = torch.stack([weights(network.space, seed).detach() for seed in range(3)]).requires_grad_()
    slow, cells = network.embed(x), iter(own)
    for block in network.body:
        slow = slow_cell(block, slow, next(cells), network.space) if isinstance(block, Cell) else F.max_pool2d(slow, 2)
    slow = network.head.norm(network.head.conv(torch.relu(slow))).mean(dim=(2, 3))
    features = network(x, {"cell": own}).features
    torch.testing.assert_close(features, slow)
    made, expected = (torch.autograd.grad(one.square().sum(), own)[0] for one in (features, slow))
    torch.testing.assert_close(made, expected)
    assert all(part.any() for part in made)


def test_an_options_weights_are_those_that_learn_along_it():
    """The named modules hold all weights of the operations, and no others have a gradient by their option alone."""
    network, x = supernet(NAMES[0]), images()
    named = {}
    for pair, module in network.option_modules():
        named.setdefault(pair, []).extend(module.parameters())
    assert {len(network.space.choices[choice].options) for choice, _ in named} == {len(OPERATIONS)}
    blocks = sum(len(list(cell.blocks.parameters())) for cell in network.cells)
    assert sum(map(len, named.values())) == blocks > 0
    path = drawn(network.space, 2)
    network(x, active=path.pairs).prediction.square().sum().backward()
    ran = {pair for pair, parameters in named.items() if any(w.grad is not None for w in parameters)}
    assert ran
    assert ran <= set(path.pairs)


@EACH
def test_options_that_do_not_run_have_the_gradient_of_the_whole_mixture(name):
    network, x = supernet(name), images()
    space = network.space
    cell = next(one for one in (drawn(space, seed) for seed in range(99)) if space.live(one) == one.pairs)
    hard = torch.as_tensor(space.matrices(cell)["cell"]).double()
    whole, part = hard.clone().requires_grad_(), hard.clone().requires_grad_()
    full = network(x, {"cell": whole}).prediction
    few = network(x, {"cell": part}, active=cell.pairs, unselected="run").prediction
    torch.testing.assert_close(few, full)
    wanted, given = (torch.autograd.grad(p.square().sum(), W)[0] for p, W in ((full, whole), (few, part)))
    torch.testing.assert_close(given, wanted)
    assert int((given != 0).sum()) == len(space.pairs)


def test_bare_scalars_reach_every_entry_once():
    network, x = supernet(NAMES[0]), images()
    cell = drawn(network.space, 1)
    hard = torch.as_tensor(network.space.matrices(cell)["cell"]).double().requires_grad_()
    plain = network(x, active=cell.pairs).prediction
    scalar = network(x, {"cell": hard}, active=cell.pairs, unselected="scalar").prediction
    torch.testing.assert_close(scalar, plain)
    reading = Reading.of(((0, 1), (0, 2)), (0,), (1,), (hard[0, 0], hard[0, 1]))
    value = reading.completed(torch.zeros(2, 2, dtype=torch.float64), lambda node: None, "scalar")
    assert torch.autograd.grad(value.sum(), hard)[0][0, :2].tolist() == [0, 4]


@EACH
def test_a_path_weighs_what_it_reads_by_one(name):
    network, x = supernet(name).eval(), images()
    for seed in range(5):
        cell = drawn(network.space, seed)
        hard = torch.as_tensor(network.space.matrices(cell)["cell"]).double()
        path = network(x, active=cell.pairs).prediction
        torch.testing.assert_close(network(x, {"cell": hard}).prediction, path)
        live = network(x, active=network.space.live(cell)).prediction
        assert torch.equal(live, path)  # what nothing reads cannot matter


def test_blocks_that_nothing_reads_have_no_gradient():
    network = supernet(NAMES[0])
    text = f"{CONV3}~0|{CONV3}~0+1|{CONV3}~0+1|{CONV1}~1+3|output~0+4"
    network(images(), active=network.space.parse(text).pairs).prediction.sum().backward()
    cell = network.body[0]
    with_gradient = [
        block
        for block, options in enumerate(cell.blocks, 1)
        for part in options.values()
        for p in part.parameters()
        if p.grad is not None
    ]
    assert set(with_gradient) == {1, 3, 4}
    assert {name for name, part in cell.projections.items() if part.conv.weight.grad is not None} == {"1", "3", "5"}


def test_a_part_of_the_channels_goes_through_the_operations():
    whole, part = supernet(NAMES[1]), supernet(NAMES[1], partial=2)
    assert part.body[0].blocks[0]["0"].conv.weight.shape[:2] == (2, 2)
    assert whole.body[0].blocks[0]["0"].conv.weight.shape[:2] == (4, 4)
    W = weights(part.space)
    output = part(images(), {"cell": W}).prediction
    assert torch.autograd.grad(output.square().sum(), W)[0].isfinite().all()


@pytest.mark.parametrize("side", [1, 4, 5, 7])
def test_any_sides_go(side):
    network = supernet(NAMES[2])
    assert network(images(side), active=drawn(network.space, 0).pairs).prediction.shape == (6, 10)
    assert network.smallest_batch((1, side, side), None) == (1 if side > 4 else 2)


# --- the benchmark's own networks -------------------------------------------------------------------------------------


def module(matrix, *operations):
    return Module(tuple(map(tuple, matrix)), ("input", *operations, "output")).pruned


PUBLISHED = {
    8_555_530: module(
        [
            [0, 1, 0, 0, 1, 1, 0],
            [0, 0, 1, 0, 0, 0, 0],
            [0, 0, 0, 1, 0, 0, 1],
            [0, 0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 1, 0],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0],
        ],
        *(CONV3, POOL, CONV3, CONV3, CONV1),
    ),
    2_694_282: module(  # like Inception
        [
            [0, 1, 1, 1, 0, 1, 0],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 1, 0, 0],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 1],
            [0, 0, 0, 0, 0, 0, 0],
        ],
        *(CONV1, CONV3, CONV3, CONV3, POOL),
    ),
}


@pytest.mark.parametrize(("parameters", "one"), PUBLISHED.items(), ids=str)
def test_modules_have_their_published_parameters(parameters, one):
    """C=128, three stages of three, 10 classes."""
    with torch.device("meta"):
        parts, before = [Convolution(3, 128, 3, BatchNorm), nn.Linear(512, 10)], 128
        for channels in (128, 256, 512):
            for _ in range(3):
                parts.append(DividedCell(one, before, channels, BatchNorm))
                before = channels
    assert sum(p.numel() for part in parts for p in part.parameters()) == parameters


def test_channels_that_do_not_divide():
    """The first of those that the output reads have one more; others are as wide as what reads them."""
    one = module(
        [[0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1], [0] * 6],
        *(CONV3, CONV3, CONV1, POOL),
    )
    assert vertex_channels(one, 11) == [0, 4, 4, 4, 3, 11]
    assert vertex_channels(one, 12) == [0, 4, 4, 4, 4, 12]
    cell = DividedCell(one, 5, 11, BatchNorm)
    assert cell(torch.randn(3, 5, 6, 6)).shape == (3, 11, 6, 6)


@EACH
@pytest.mark.parametrize("seed", range(4))
def test_a_divided_network_is_the_pruned_module(name, seed):
    space = spaces.get(name)
    cell = drawn(space, seed)
    size = {"channels": 5, "cells": 1, "width": "divided", "in_channels": 1}
    network = space.build(cell, **size).double().eval()
    one = space.module(cell)
    x = images()
    value = network.network.stem(x)
    for block in network.network.body:
        value = slow_module(one, block, value) if isinstance(block, DividedCell) else F.max_pool2d(value, 2)
    slow = network.network.classifier(value.mean(dim=(2, 3)))
    torch.testing.assert_close(network(x), slow)
    same = next((other for other in space.neighbours(cell) if space.module(other) == one), None)
    if same:  # what is pruned is not there
        counts = [sum(p.numel() for p in space.build(a, **size).parameters()) for a in (cell, same)]
        assert counts[0] == counts[1]


def slow_module(one, cell, x):
    """Vertex by vertex along the matrix."""
    values, last = {}, len(one.operations) - 1
    for vertex in range(1, last):
        total = 0
        for source in one.parents(vertex):
            entering = cell.projections[str(vertex)](x) if source == 0 else values[source]
            total = total + entering[:, : cell.widths[vertex]]
        operation = cell.vertices[vertex - 1]
        pools = one.operations[vertex] == POOL
        made = F.max_pool2d(total, 3, 1, 1) if pools else torch.relu(operation.norm(operation.conv(total)))
        values[vertex] = made
    beside = torch.cat([values[v] for v in one.parents(last) if v], dim=1)
    return beside + cell.projections[str(last)](x) if 0 in one.parents(last) else beside


def test_several_architectures_cannot_divide_their_channels():
    space = spaces.get(NAMES[0])
    with pytest.raises(ValueError, match="of one architecture"):
        OneShotNetwork(space, width="divided", form="evaluation")

"""Zero-cost proxies: each against a slow twin, and what all of them must do."""

import itertools
import math
from functools import partial

import numpy as np
import pytest
import torch
from torch.func import functional_call
from torch.nn import functional as F

import supernas
from supernas import proxies, spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.settings import build
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch
from supernas.networks.costs.cost import cost
from supernas.networks.mixture import active_options
from supernas.networks.operations import BatchNorm
from supernas.proxies._ranks import rank_sum
from supernas.proxies._relus import ReLUs
from supernas.proxies.base import weighted_layers
from supernas.proxies.synflow import _norms

CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_1x1~2|"
TWICE = Architecture.of([2, 0, 0, 2, 2, 0])  # two convolutions leave the input and share a ReLU
SIZE = {"channels": 3, "cells": 1, "in_channels": 1, "num_classes": 3}
SPACES = {"nas-bench-201": {"channels": 4, "cells": 1}, "darts-cnn": {"channels": 4, "cells": 3}}
LOSS = CLASSIFICATION.loss


def generator():
    return torch.Generator().manual_seed(5)


def batch_of(images=5, side=8, channels=1, dtype=torch.float64):
    drawn = torch.Generator().manual_seed(1)
    inputs = torch.randn(images, channels, side, side, generator=drawn, dtype=torch.float64)
    return Batch(inputs.to(dtype), torch.randint(3, (images,), generator=drawn))


@pytest.fixture
def network(space):
    """A network in double precision, in training mode."""

    def make(cell=CELL, **size):
        return space.build(cell, **{**SIZE, **size}).double().train()

    return make


def measure(name, network, batch, **settings):
    return np.array(proxies.get(name)(**settings).measure(network, batch, LOSS, generator()))


def score(name, network, batch, **settings):
    """Of a proxy that measures one number."""
    return proxies.get(name)(**settings).scores(measure(name, network, batch, **settings)[None])[0]


def only_weights(network):
    """The convolutions' and linear layer's weights by name: those of normalisations are vectors."""
    return {name: p for name, p in network.named_parameters() if p.ndim > 1}


def loss_of(network, batch):
    return F.cross_entropy(network(batch.inputs), batch.targets)


# --- twins ------------------------------------------------------------------------------------------------------------


def test_snip_by_masks(network):
    """Its definition: the derivative of the loss in a factor 1 of each weight."""
    net, batch = network(), batch_of()
    masks = {name: torch.ones_like(w, requires_grad=True) for name, w in only_weights(net).items()}
    masked = {name: w.detach() * masks[name] for name, w in only_weights(net).items()}
    prediction = functional_call(net, masked, batch.inputs)
    F.cross_entropy(prediction, batch.targets).backward()
    expected = sum(abs(slope) for mask in masks.values() for slope in mask.grad.flatten().tolist())
    assert score("snip", net, batch) == pytest.approx(expected, rel=1e-9)


def test_grad_norm_is_the_gradient_that_training_would_have(network):
    net, batch = network(), batch_of()
    value = score("grad-norm", net, batch)
    loss_of(net, batch).backward()
    lengths = [math.sqrt(sum(one**2 for one in w.grad.flatten().tolist())) for w in only_weights(net).values()]
    assert value == pytest.approx(sum(lengths), rel=1e-9)


def test_grasp_has_the_whole_hessian(network):
    net, batch = network("|nor_conv_1x1~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|", channels=1), batch_of(3, 4)
    value = score("grasp", net, batch)
    untracked(net)
    mine = only_weights(net)
    start = torch.cat([w.detach().flatten() for w in mine.values()])

    def loss(flat):
        parts = flat.split([w.numel() for w in mine.values()])
        values = {name: part.view(w.shape) for (name, w), part in zip(mine.items(), parts, strict=True)}
        return F.cross_entropy(functional_call(net, values, batch.inputs), batch.targets)

    H, g = torch.autograd.functional.hessian(loss, start), torch.autograd.functional.jacobian(loss, start)
    assert value == pytest.approx(float(-(start * (H @ g)).sum()), rel=1e-8)


def untracked(network):
    """The same without running statistics, which no transformed function may change."""
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return network


def test_fisher_image_by_image_and_channel_by_channel(network):
    net, batch = network(), batch_of()
    outputs = []
    handles = [
        layer.register_forward_hook(lambda module, inputs, output: outputs.append((module, output)))
        for layer in weighted_layers(net)
    ]
    loss = loss_of(net, batch)
    for handle in handles:
        handle.remove()
    expected = 0.0
    for module, output in outputs:
        (slope,) = torch.autograd.grad(loss, output, retain_graph=True)
        for channel in range(output.shape[1]):
            delta = 0.0
            for image in range(len(output)):
                delta += float((output[image, channel] * slope[image, channel]).sum().detach()) ** 2
            expected += delta / (2 * len(output)) * module.weight[channel].numel()
    assert score("fisher", net, batch) == pytest.approx(expected, rel=1e-9)


def without_norms(network):
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, BatchNorm):
                setattr(module, name, Passing())
    return network


class Passing(torch.nn.Module):
    def forward(self, x, weight=None):
        return x


def test_synflow_in_the_domain_of_products(network):
    """On |w|, R is the sum over all paths of products of weights; a weight's term is R minus R without it."""
    net = network(channels=1, cells=1)
    expected = score("synflow", net, batch_of())
    plain = without_norms(net)
    ones = torch.ones(1, 1, 8, 8, dtype=torch.float64)
    total = 0.0
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.abs_()
        whole = plain(ones).sum()
        for weight in only_weights(plain).values():
            for place in itertools.product(*map(range, weight.shape)):
                kept = weight[place].clone()
                weight[place] = 0
                total += float(whole - plain(ones).sum())
                weight[place] = kept
    assert expected == pytest.approx(math.log(total), rel=1e-9)


def test_synflow_does_not_overflow(network):
    net = network()
    before = score("synflow", net, batch_of())
    with torch.no_grad():
        net.network.stem[0].weight *= 1e200
        net.network.classifier.weight *= 1e200
    assert score("synflow", net, batch_of()) == pytest.approx(before + 400 * math.log(10), rel=1e-9)


def test_synflow_looks_at_no_data(network):
    net, one = network(), batch_of()
    other = Batch(one.inputs * 3 - 1, one.targets.flip(0))
    assert score("synflow", net, one) == score("synflow", net, other)
    assert score("snip", net, one) != score("snip", net, other)


def test_jacob_cov_by_loops(network):
    net, batch = network(), batch_of()
    images = batch.inputs.clone().requires_grad_()
    net(images).sum().backward()
    rows = images.grad.flatten(1).numpy()
    count = len(rows)
    correlation = np.zeros((count, count))
    for n, m in itertools.product(range(count), repeat=2):
        a, b = rows[n] - rows[n].mean(), rows[m] - rows[m].mean()
        correlation[n, m] = (a * b).sum() / math.sqrt((a * a).sum() * (b * b).sum())
    v = np.linalg.eigvals(correlation).real
    expected = -sum(math.log(one + 1e-5) + 1 / (one + 1e-5) for one in v)
    assert score("jacob-cov", net, batch) == pytest.approx(expected, rel=1e-9)


def published_relus(network, inputs):
    """The input of every ReLU as published: one before each convolution of a cell, others where they stand."""
    seen = []
    real = F.relu
    convolutions = [layer for layer in weighted_layers(network) if isinstance(layer, torch.nn.Conv2d)]
    of_edges = {id(edge.conv) for edge in network.modules() if hasattr(edge, "conv")}
    for layer in convolutions:
        if id(layer) in of_edges:
            layer.register_forward_hook(lambda module, given, output: seen.append(given[0].detach() > 0))
    reductions = [module for module in network.network.body if hasattr(module, "shortcut")]
    for module in reductions:
        for layer in (module.first, module.second):
            layer.register_forward_hook(lambda module, given, output: seen.append(given[0].detach() > 0))
    network.network.head.register_forward_hook(lambda module, given, output: seen.append(real(output).detach() > 0))
    network(inputs)
    return [codes.flatten(1) for codes in seen]


@pytest.mark.parametrize("cell", [CELL, TWICE], ids=["a cell", "a shared ReLU"])
def test_naswot_by_hamming_distances(network, cell):
    net, batch = network(cell), batch_of()
    value = score("naswot", net, batch)
    codes = torch.cat(published_relus(net, batch.inputs), dim=1).tolist()
    units = len(codes[0])
    kernel = [[units - sum(a != b for a, b in zip(c, d, strict=True)) for d in codes] for c in codes]
    assert value == pytest.approx(math.log(abs(np.linalg.det(np.array(kernel, dtype=float)))), rel=1e-9)


def test_equal_images_are_not_told_apart(network):
    batch = batch_of()
    twice = Batch(torch.cat([batch.inputs, batch.inputs]), torch.cat([batch.targets, batch.targets]))
    assert score("naswot", network(), twice) < score("naswot", network(), batch_of(10)) - 30
    assert score("ntk", network(), twice, images=10) == math.inf


@pytest.mark.parametrize("statistics", ["batch", "fixed"])
def test_ntk_has_the_whole_jacobian(network, statistics):
    net, batch = network(), batch_of()
    value = score("ntk", net, batch, statistics=statistics)
    if statistics == "fixed":
        for module in net.modules():
            if isinstance(module, BatchNorm):
                module.momentum = 1.0  # the last batch alone
        net(batch.inputs)
        net.eval()
    else:
        untracked(net)
    mine = only_weights(net)

    def outputs(*values):
        return functional_call(net, dict(zip(mine, values, strict=True)), batch.inputs).sum(1)

    found = torch.autograd.functional.jacobian(outputs, tuple(w.detach() for w in mine.values()))
    J = torch.cat([one.flatten(1) for one in found], dim=1)
    assert value == pytest.approx(float(torch.linalg.cond(J @ J.T)), rel=1e-6)


def test_ntk_where_the_network_ends_in_a_normalisation_and_an_average():
    """All J_n sum to 0 with the batch's statistics, whatever the weights; with fixed ones they do not."""
    space = spaces.get("darts-cnn")
    convolutions = [space.choices[choice].options.index("sep_conv_3x3") for choice in range(len(space.choices))]
    two = {2: (0, 1), 3: (0, 1), 4: (0, 1), 5: (0, 1)}
    pairs = [
        (choice, option)
        for choice, option in enumerate(convolutions)
        if space.ends(choice)[0] in two.get(space.ends(choice)[1], ())
    ]
    architecture = Architecture(tuple(pairs))
    assert space.contains(architecture)
    net = space.build(architecture, channels=2, cells=3, in_channels=1, num_classes=3).double()
    batch = batch_of(side=8)
    assert score("ntk", net, batch) == math.inf
    assert math.isfinite(score("ntk", net, batch, statistics="fixed"))


def test_linear_regions_of_a_network_that_is_known(space):
    """Patterns as a set of tuples; and a cell without ReLUs cuts less."""
    proxy = proxies.get("linear-regions")(repeats=1, dimensions=1, inputs=200)
    net = space.build(CELL, **SIZE)
    torch.manual_seed(0)
    found = proxy.value(net, batch_of(), LOSS, generator())
    torch.manual_seed(0)
    small = space.build(CELL, in_channels=1, channels=1, cells=1).train()
    drawn = generator()
    directions = torch.randn(1, 9, generator=drawn)
    inputs = (torch.randn(200, 1, generator=drawn) @ directions).view(200, 1, 3, 3)
    with torch.no_grad():
        codes = torch.cat(published_relus(small, inputs), dim=1)
    assert found == len({tuple(code) for code in codes.tolist()})
    assert found > score(
        "linear-regions", space.build(Architecture.of([1] * 6), **SIZE), batch_of(), dimensions=1, inputs=200
    )


def test_linear_regions_are_averaged_over_all_draws(space):
    def values(repeats, times):
        torch.manual_seed(0)
        drawn, proxy = generator(), proxies.get("linear-regions")(repeats=repeats, dimensions=1, inputs=50)
        return [proxy.value(net, batch_of(), LOSS, drawn) for _ in range(times)]

    net = space.build(CELL, **SIZE)
    (found,), counts = values(3, 1), values(1, 3)
    assert found == pytest.approx(sum(counts) / 3)
    assert len(set(counts)) > 1


def test_zen_by_its_algorithm(network):
    """One draw, with the weights, inputs and variances written out."""
    net, batch = network(), batch_of(side=8)
    value = score("zen", net, batch, repeats=1, images=4)
    drawn = generator()
    torch.randint(2**62, (), generator=drawn)  # taken for global generators
    for layer in weighted_layers(net):
        layer.weight.data = torch.randn(layer.weight.shape, generator=drawn).double()
    x = torch.randn(4, 1, 8, 8, generator=drawn).double()
    moved = x + 0.01 * torch.randn(4, 1, 8, 8, generator=drawn).double()
    features, variances = [], []
    net.network.head.register_forward_hook(lambda module, given, output: features.append(output.detach()))
    handles = [
        module.register_forward_pre_hook(lambda module, given: variances.append(given[0].detach()))
        for module in net.modules()
        if isinstance(module, BatchNorm)
    ]
    net(x)
    for handle in handles:
        handle.remove()
    net(moved)
    distance = sum(float((a - b).abs().sum()) for a, b in zip(*features, strict=True)) / 4
    expected = math.log(distance)
    for entering in variances:
        mean = sum(float(entering[:, channel].var()) for channel in range(entering.shape[1])) / entering.shape[1]
        expected += math.log(math.sqrt(mean))
    assert value == pytest.approx(expected, rel=1e-5)


def test_zico_weight_by_weight(network):
    """Eq. 15 by loops, of two parts of three and two images."""
    net, batch = network(), batch_of()
    expected = {"published": 0.0, "released": 0.0}
    found = []
    for part in (slice(3), slice(3, None)):
        net.zero_grad()
        F.cross_entropy(net(batch.inputs[part]), batch.targets[part]).backward()
        found.append([w.grad.flatten().tolist() for w in only_weights(net).values()])
    for one, other in zip(*found, strict=True):
        ratios = {"published": 0.0, "released": 0.0}
        for a, b in zip(one, other, strict=True):
            if abs(a) != abs(b):
                ratios["published"] += (abs(a) + abs(b)) / 2 / (abs(abs(a) - abs(b)) / 2)
            if b != 0:  # a, then a + b
                ratios["released"] += (abs(a) + abs(a + b)) / 2 / (abs(b) / 2)
        for form, ratio in ratios.items():
            expected[form] += math.log(ratio) if ratio else 0.0
    for form, value in expected.items():
        assert score("zico", net, batch, form=form) == pytest.approx(value, rel=1e-7)
    assert expected["published"] != pytest.approx(expected["released"], rel=1e-2)


def test_zico_has_no_scale(network):
    """A loss that is multiplied multiplies means and deviations alike."""
    net, batch, proxy = network(), batch_of(), proxies.get("zico")()
    measured = [
        proxy.measure(net, batch, lambda prediction, target, k=k: k * LOSS(prediction, target), generator())
        for k in (1.0, 1000.0)
    ]
    assert measured[0] == pytest.approx(measured[1], rel=1e-9)


def test_zico_where_parts_do_not_differ_or_are_too_many(network):
    batch = batch_of()
    twice = Batch(torch.cat([batch.inputs, batch.inputs]), torch.cat([batch.targets, batch.targets]))
    assert score("zico", network(), twice) == -math.inf
    with pytest.raises(UserError, match=r"zico\.batches = 6: wanted at most the 5 images"):
        score("zico", network(), batch, batches=6)


@pytest.mark.parametrize("regularised", [{}, {"mu": 2.0, "sigma": 3.0}], ids=["plain", "regularised"])
def test_swap_counts_the_columns_of_published_relus(network, regularised):
    net, batch = network(), batch_of(12)
    value = score("swap", net, batch, images=10, repeats=2, **regularised)
    drawn = generator()
    torch.randint(2**62, (), generator=drawn)  # taken for global generators
    counts = []
    for _ in range(2):
        for layer in weighted_layers(net):
            layer.weight.data = torch.randn(layer.weight.shape, generator=drawn).double()
        codes = torch.cat(published_relus(net, batch.inputs[:10]), dim=1)
        counts.append(len({tuple(unit) for unit in codes.T.tolist()}))
    size = sum(p.numel() for p in net.parameters()) / 1000
    factor = math.exp(-((size - 2) ** 2) / 3) if regularised else 1
    assert value == pytest.approx(factor * sum(counts) / 2, rel=1e-9)
    assert 0 < min(counts) <= 2**10


def test_swap_wants_both_of_size_and_width():
    with pytest.raises(UserError, match="mu and sigma belong together"):
        build(proxies.get("swap"), {"mu": 3.0}, "swap")


def test_az_nas_block_by_block(network):
    """Entropies by the singular values of centred features; Jacobians by one gradient a place."""
    net, batch = network(), batch_of(side=8)
    expressivity, progressivity, trainability, complexity = measure("az-nas", net, batch, images=3)
    drawn = generator()
    torch.randint(2**62, (), generator=drawn)  # taken for global generators
    for layer in weighted_layers(net):
        fan_in = math.prod(layer.weight.shape[1:])
        layer.weight.data = torch.randn(layer.weight.shape, generator=drawn).double() * math.sqrt(2 / fan_in)
    x = torch.randn(3, 1, 8, 8, generator=drawn).double()
    features, entropies, terms = [net.network.stem(x)], [], []
    blocks = list(net.network.body)
    which = active_options(net.network.pairs, None)
    run = [
        block if hasattr(block, "shortcut") else partial(block, which=which, rows=None, unselected="skip")
        for block in blocks
    ]
    for block in run:
        features.append(block(features[-1]))
    for feature in features:
        rows = feature.detach().permute(0, 2, 3, 1).reshape(-1, feature.shape[1])
        values = torch.linalg.svdvals(rows - rows.mean(0)) ** 2
        entropies.append(-sum(p * math.log(p + 1e-8) for p in (values / values.sum()).tolist()))
    for block, before, after in list(zip(run, features, features[1:], strict=False))[::-1]:
        signs = (torch.randint(2, after.shape, generator=drawn) * 2 - 1).double()
        leaf = before.detach().requires_grad_()
        (block(leaf) * signs).sum().backward()
        pixels, stride = after[:, 0].numel(), before.shape[-1] // after.shape[-1]
        matrix = np.zeros((before.shape[1] * stride**2, after.shape[1]))
        for image, i, j in itertools.product(range(3), range(after.shape[2]), range(after.shape[3])):
            under = leaf.grad[image, :, i * stride : (i + 1) * stride, j * stride : (j + 1) * stride]
            matrix += np.outer(under.reshape(-1), signs[image, :, i, j]) / pixels
        sigma = np.linalg.norm(matrix, 2)
        terms.append(2 - sigma - 1 / (sigma + 1e-6))
    assert expressivity == pytest.approx(sum(entropies), rel=1e-7)
    assert progressivity == pytest.approx(min(b - a for a, b in itertools.pairwise(entropies)), rel=1e-6)
    assert trainability == pytest.approx(sum(terms) / len(terms), rel=1e-6)
    assert complexity == cost(net, (1, 8, 8), dtype=torch.float64).multiply_adds


def test_az_nas_does_not_trust_a_block_that_is_the_identity(network):
    """It passes every gradient on as it is, which would be the best trainability."""
    identity = "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"
    average = identity.replace("skip_connect", "avg_pool_3x3")
    assert np.isnan(measure("az-nas", network(identity), batch_of(side=8), images=3)[2])
    assert np.isfinite(measure("az-nas", network(average), batch_of(side=8), images=3)[2])


def test_az_nas_of_a_network_without_blocks():
    space = supernas.ModelSpace(Layers, data_kind="images")
    net = space.standalone(space.parse("layer=a"))
    with pytest.raises(UserError, match="az-nas compares blocks of a network that follow one another"):
        measure("az-nas", net, batch_of())


class Layers(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = supernas.Choice("layer", {"a": torch.nn.ReLU(), "b": torch.nn.Tanh()})

    def forward(self, x):
        return self.layer(x).flatten(1)


def test_sums_of_ranks_by_hand():
    """Four candidates; the second column ties, and is not defined for the last two, which share ranks 1 and 2."""
    columns = np.array([[3.0, 5.0], [1.0, 5.0], [2.0, -np.inf], [4.0, np.nan]])
    assert rank_sum(columns, "linear").tolist() == [3 + 3.5, 1 + 3.5, 2 + 1.5, 4 + 1.5]
    logs = [math.log(a / 4) + math.log(b / 4) for a, b in ((3, 3.5), (1, 3.5), (2, 1.5), (4, 1.5))]
    assert rank_sum(columns, "logarithmic") == pytest.approx(logs)
    nothing = np.array([[1.0, 2.0], [np.nan, -np.inf]])
    assert rank_sum(nothing, "linear").tolist() == [4.0, -np.inf]


def test_az_nas_puts_the_even_candidate_above_the_uneven():
    """Both have ranks whose sum is 8; the logarithm asks for no low rank."""
    measured = np.array([[1, 1, 3, 3], [2, 2, 2, 2], [3, 3, 1, 1]], dtype=float)
    scores = proxies.get("az-nas")().scores(measured)
    assert scores == pytest.approx([2 * math.log(1 / 3), 4 * math.log(2 / 3), 2 * math.log(1 / 3)])


def test_an_ensemble_of_one_ranks_as_that_one_and_measures_as_it(network, space):
    net, batch = network(), batch_of(8)
    for name in ("ntk", "zen", "az-nas"):  # low is good; draws; several parts
        assert measure("ensemble", net, batch, of=[name]).tolist() == measure(name, net, batch).tolist()
        member, ensemble = proxies.get(name)(), proxies.get("ensemble")(of=[name])
        assert ensemble.needs == member.needs
        measured = np.random.default_rng(0).normal(size=(5, len(member.parts)))
        own = member.rising(member.scores(measured))
        assert np.argsort(ensemble.scores(measured)).tolist() == np.argsort(own).tolist()


def test_an_ensemble_by_hand():
    """Of parameters (high), ntk (low) and az-nas, whose four parts are one column."""
    ensemble = proxies.get("ensemble")(of=["parameters", "ntk", "az-nas"], ranks="linear")
    assert ensemble.parts == ("parameters", "ntk", *(f"az-nas {part}" for part in proxies.get("az-nas").parts))
    assert (ensemble.needs, ensemble.live_only) == ("images", False)
    measured = np.array([[10, 7, 1, 1, 1, 1], [30, np.nan, 2, 2, 2, 2], [20, 5, 3, 3, 3, 3]])
    assert ensemble.scores(measured).tolist() == [1 + 2 + 1, 3 + 1 + 2, 2 + 3 + 3]


@pytest.mark.parametrize("of", [[], ["synflow", "synflow"], ["ensemble"], ["synflwo"]], ids=str)
def test_what_is_no_ensemble(of):
    with pytest.raises(UserError, match=r"ensemble"):
        build(proxies.get("ensemble"), {"of": of}, "ensemble")


def test_baselines_count_what_show_counts(space):
    net = space.build(CELL, **SIZE)
    spent = cost(net, (1, 8, 8))
    batch = batch_of(dtype=torch.float32)
    assert score("parameters", net, batch) == spent.parameters
    assert score("flops", net, batch) == spent.multiply_adds


# --- directions that are known ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["synflow", "zen", "naswot", "parameters", "flops", "az-nas", "ensemble"])
def test_all_convolutions_beat_all_poolings(space, name):
    batch = batch_of(8, 8, dtype=torch.float32)
    size = {**SIZE, "channels": 4}
    proxy = proxies.get(name)()
    measured = [
        proxies.measure_architecture(proxy, space, Architecture.of([option] * 6), size, batch, LOSS, 0)
        for option in (3, 4)
    ]
    assert proxy.better(*proxy.scores(np.array(measured)))


# --- what most proxies do; what every one must is in `supernas_pytest` ------------------------------------------------


QUICK = {
    "az-nas": {"images": 4},
    "linear-regions": {"inputs": 100, "repeats": 1},
    "ntk": {"images": 4},
    "swap": {"repeats": 1},
    "zen": {"repeats": 2},
}


@pytest.mark.parametrize("name", [name for name in proxies.names() if name not in ("parameters", "flops")])
def test_another_seed_is_another_score(space, name):
    settings = QUICK.get(name, {}) | ({"dimensions": 1} if name == "linear-regions" else {})
    proxy, batch = proxies.get(name)(**settings), batch_of(8, 8, dtype=torch.float32)
    values = {
        proxies.measure_architecture(proxy, space, space.parse(CELL), SIZE, batch, LOSS, seed) for seed in (0, 1, 2)
    }
    assert len(values) > 1


def test_a_relu_counts_for_each_convolution_that_reads_it(network):
    net = network(TWICE)
    with torch.no_grad(), ReLUs() as relus:
        net(batch_of().inputs)
    assert [times for _, times in relus.patterns()].count(2) == 3  # the input's, in each of three cells


def test_the_best_of_many():
    scores = np.array([1.0, 4.0, 1.0, 4.0])
    synflow, ntk = proxies.get("synflow")(), proxies.get("ntk")()
    assert [proxies.place_of_best(one, scores) for one in (synflow, ntk)] == [1, 0]


@pytest.mark.slow
@pytest.mark.parametrize("name", proxies.names())
def test_every_class_of_the_space(space, name):
    proxy, batch = proxies.get(name)(**QUICK.get(name, {})), batch_of(8, 8, 3, torch.float32)
    classes = {}
    for architecture in space:
        classes.setdefault(space.canonical(architecture), architecture)
    assert len(classes) == 6466
    size = {**SPACES["nas-bench-201"], "num_classes": 3}
    for form, architecture in classes.items():
        measured = proxies.measure_architecture(proxy, space, architecture, size, batch, LOSS, 0)
        assert not np.isinf(measured).any(), form


def test_the_relus_and_normalisations_of_a_users_model_are_seen():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2))

        def forward(self, x):
            x = self.layers(x)
            return torch.relu_((x - 1).relu() + F.relu(x) + F.relu(x + 1, inplace=True))

    with torch.no_grad(), ReLUs() as relus:
        Net()(torch.randn(2, 1, 5, 5))
    assert len(list(relus.patterns())) == 4
    assert [name for _, name in _norms(Net())] == ["1"]

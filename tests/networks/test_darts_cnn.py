"""The DARTS networks: published costs, one forward for supernet and stand-alone network, drop path, auxiliary head."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.networks.chance import Chance
from supernas.networks.costs.cost import cost, width_for
from supernas.networks.darts_cnn import AuxiliaryHead
from supernas.networks.depthwise import DepthwiseConv
from supernas.networks.operations import BatchNorm, Node, make
from supernas.spaces.darts.edges import EDGES, NODES, OPERATIONS

SPACE = spaces.get("darts-cnn")
TOY = {"channels": 2, "cells": 3, "num_classes": 3, "in_channels": 1}
NAMED = {name: SPACE.parse(name) for name in SPACE.named}
RANDOM = [SPACE.sample(np.random.default_rng(seed)) for seed in range(2)]
EMPTY = SPACE.parse(  # nothing but `none` enters node 2 of either cell
    "Genotype(normal=[('none', 0), ('none', 1), ('sep_conv_3x3', 0), ('skip_connect', 2), ('max_pool_3x3', 1), "
    "('none', 2), ('dil_conv_5x5', 3), ('skip_connect', 0)], normal_concat=range(2, 6), reduce=[('none', 0), "
    "('none', 1), ('sep_conv_3x3', 0), ('skip_connect', 2), ('max_pool_3x3', 1), ('none', 2), ('dil_conv_5x5', 3), "
    "('skip_connect', 0)], reduce_concat=range(2, 6))"
)
SOME = [NAMED["EENAS"], NAMED["Random_NSAS"], EMPTY, *RANDOM]
IDS = ["EENAS", "Random_NSAS", "empty", "random0", "random1"]


@pytest.fixture
def toy():
    def build(**settings):
        return SPACE.supernet(**{**TOY, **settings}).double()

    return build


@pytest.fixture
def images():
    return torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def zeros_and_ones(architecture):
    return {kind: torch.from_numpy(matrix) for kind, matrix in SPACE.matrices(architecture).items()}


def random_matrices(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {k: torch.rand(s, generator=generator, dtype=torch.float64) + 0.1 for k, s in SPACE.shapes.items()}


# --- published costs ------------------------------------------------------------------------------------------------

PUBLISHED = {  # parameters on CIFAR-10, CIFAR-100, ImageNet; multiply-adds on CIFAR-10, ImageNet
    "DARTS_V1": (3169414, 3221344, 4510432, 500987520, 505864704),
    "DARTS_V2": (3349342, 3401272, 4718752, 528359040, 529911552),
    "PDARTS": (3433798, 3485728, 4944352, 532174464, 542819328),
    "PC_DARTS_cifar": (3634678, 3686608, 5270560, 556670592, 571137408),
    "PC_DARTS_image": (3721510, 3773440, 5342464, 570466944, 581627328),
    "Random_NSAS": (3083014, 3134944, 4484512, 489320064, 498733440),
    "Random_NSAS_C": (3546766, 3598696, 5040352, 552412800, 557778048),
    "EENAS": (3432070, 3484000, 4886752, 542680704, 545415936),
    "EENAS_R": (3726046, 3777976, 5225536, 583516800, 582624576),
}
IMAGENET = {"num_classes": 1000, "channels": 48, "cells": 14, "stem": "imagenet"}


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_parameters_and_multiply_adds(name):
    cifar10, cifar100, imagenet, multiply_adds, of_imagenet = PUBLISHED[name]
    model = SPACE.build(name, auxiliary_weight=0.4)
    found = cost(model, (3, 32, 32))
    assert (found.parameters, found.multiply_adds) == (cifar10, multiply_adds)
    model.network.classifier = torch.nn.Linear(576, 100)
    assert parameters(model) - parameters(model.network.auxiliary) == cifar100
    found = cost(SPACE.build(name, auxiliary_weight=0.4, **IMAGENET), (3, 224, 224))
    assert (found.parameters, found.multiply_adds) == (imagenet, of_imagenet)


def test_published_costs_of_other_sizes():
    found = cost(SPACE.build("PDARTS", num_classes=100), (3, 32, 32))
    assert found.multiply_adds == PUBLISHED["PDARTS"][3] + 51840
    assert parameters(SPACE.build("Random_NSAS", num_classes=100, channels=50)) == 5_875_150
    assert parameters(SPACE.build("Random_NSAS_C", **{**IMAGENET, "channels": 50})) == 5_426_375
    assert parameters(SPACE.supernet(channels=16, cells=8)) == 1_930_618
    assert parameters(SPACE.supernet(channels=16, cells=8, num_classes=100)) == 1_953_748


@pytest.mark.parametrize(
    ("settings", "published"), [({}, 476_426), ({"num_classes": 100}, 545_636), (IMAGENET, 1_260_776)]
)
def test_published_parameters_of_the_auxiliary_head(settings, published):
    with torch.device("meta"):
        model = SPACE.build("DARTS_V2", auxiliary_weight=0.4, **settings)
        without = SPACE.build("DARTS_V2", **settings)
    assert parameters(model.network.auxiliary) == published
    assert parameters(model) - parameters(without) == published


def test_width_for_a_number_of_parameters():
    def build(channels):
        return SPACE.build("PDARTS", channels=channels, cells=3, auxiliary_weight=0.4)

    sizes = [parameters(build(c)) - parameters(build(c).network.auxiliary) for c in range(1, 12)]
    for wanted in (1, sizes[0], sizes[3], sizes[4] + 1, (sizes[6] + 2 * sizes[7]) // 3, (2 * sizes[8] + sizes[9]) // 3):
        nearest = min(range(11), key=lambda number: abs(sizes[number] - wanted))
        assert width_for(wanted, build) == 1 + nearest


# --- a slow, obvious twin -------------------------------------------------------------------------------------------


def norm(x, module):
    return F.batch_norm(x, None, None, module.weight, module.bias, training=True)


def conv(x, module, stride=1, padding=0, dilation=1):
    groups = module.weight.shape[0] if module.weight.shape[1] == 1 and x.shape[1] > 1 else 1
    return F.conv2d(x, module.weight, None, stride, padding, dilation, groups)


def separable(x, module, kernel, stride, dilation=1):
    padding = dilation * (kernel // 2)
    return conv(conv(x, module.depthwise, stride, padding, dilation), module.pointwise)


def factorized(x, module):
    x = F.relu(x)
    shifted = torch.zeros_like(x)
    shifted[:, :, :-1, :-1] = x[:, :, 1:, 1:]
    return norm(torch.cat([conv(x, module.first, 2), conv(shifted, module.second, 2)], 1), module.norm)


def twin_operation(name, module, x, stride):
    kernel = int(name[-1]) if name[-1].isdigit() else 0
    if name == "none":
        return 0 * x[:, :, ::stride, ::stride]
    if name == "skip_connect":
        return x if stride == 1 else factorized(x, module)
    if name == "max_pool_3x3":
        return norm(F.max_pool2d(x, 3, stride, 1), module.norm)
    if name == "avg_pool_3x3":
        return norm(F.avg_pool2d(x, 3, stride, 1, count_include_pad=False), module.norm)
    if name.startswith("dil"):
        return norm(separable(F.relu(x), module.conv, kernel, stride, dilation=2), module.norm)
    middle = norm(separable(F.relu(x), module.first, kernel, stride), module.first_norm)
    return norm(separable(F.relu(middle), module.second, kernel, 1), module.second_norm)


def twin(network, x, W):
    """Every operation of every edge times its entry of W, cell after cell."""
    before = last = norm(conv(x, network.stem[0], padding=1), network.stem[1])
    count = len(network.body)
    reductions = (count // 3, 2 * count // 3)
    for number, cell in enumerate(network.body):
        kind, stride = ("reduce", 2) if number in reductions else ("normal", 1)
        first = factorized(before, cell.before) if number - 1 in reductions else None
        first = norm(conv(F.relu(before), cell.before.conv), cell.before.norm) if first is None else first
        nodes = [first, norm(conv(F.relu(last), cell.last.conv), cell.last.norm)]
        for node in NODES:
            value = 0
            for edge, (to, source) in enumerate(EDGES):
                if to == node:
                    for option, name in enumerate(OPERATIONS):
                        step = stride if source < 2 else 1
                        made = twin_operation(name, cell.edges[edge][str(option)], nodes[source], step)
                        value = value + W[kind][edge, option] * made
            nodes.append(value)
        before, last = last, torch.cat(nodes[2:], 1)
    return network.classifier(last.mean((2, 3)))


@pytest.mark.parametrize(("affine", "layout"), [(False, torch.contiguous_format), (True, torch.channels_last)])
def test_mixture_is_the_sum_of_all_operations_times_their_weights(toy, images, layout, affine):
    network, W = toy(affine=affine, cells=4), random_matrices()
    wanted = [matrix.requires_grad_() for matrix in W.values()]
    for parameter in network.parameters():  # scales and shifts other than 1 and 0
        torch.nn.init.normal_(parameter)
    prediction = network.to(memory_format=layout)(images.to(memory_format=layout), W).prediction
    expected = twin(network, images, W)
    torch.testing.assert_close(prediction, expected, rtol=0, atol=1e-10)
    wanted += list(network.parameters())
    found, explicit = (
        torch.autograd.grad(made.pow(2).sum(), wanted, allow_unused=True) for made in (prediction, expected)
    )
    torch.testing.assert_close(found, explicit, rtol=1e-8, atol=1e-8)


# --- one forward ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("architecture", SOME, ids=IDS)
def test_supernet_under_a_0_1_matrix_is_the_standalone_network(toy, architecture, stem):
    network = toy(stem=stem)
    side = 8 if stem == "cifar" else 32
    x = torch.randn(4, 1, side, side, dtype=torch.float64)
    alone = SPACE.build(architecture, form="search", stem=stem, **TOY).double()
    alone.network.load_state_dict({name: network.state_dict()[name] for name in alone.network.state_dict()})
    expected = alone(x)
    W = zeros_and_ones(architecture)
    for found in (
        network(x, active=architecture.pairs),
        network(x, W, active=architecture.pairs),
        network(x, W, active=architecture.pairs, unselected="run"),
        network(x, W),
    ):
        torch.testing.assert_close(found.prediction, expected, rtol=0, atol=1e-10)
        assert found.features.shape == (4, 4 * 4 * TOY["channels"])
    assert expected.isfinite().all()


@pytest.mark.parametrize("architecture", SOME, ids=IDS)
def test_dead_pairs_change_nothing(toy, images, architecture):
    network = toy()
    whole, live = (network(images, active=pairs).prediction for pairs in (architecture.pairs, SPACE.live(architecture)))
    torch.testing.assert_close(live, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize("architecture", SOME, ids=IDS)
def test_run_gives_the_gradient_of_the_full_mixture(toy, images, architecture):
    network = toy()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)
    gradients = []
    for active, unselected in ((architecture.pairs, "run"), (None, "skip")):
        W = {kind: matrix.requires_grad_() for kind, matrix in zeros_and_ones(architecture).items()}
        loss = network(images, W, active=active, unselected=unselected).prediction.pow(2).sum()
        gradients.append(torch.autograd.grad(loss, list(W.values())))
    torch.testing.assert_close(*gradients, rtol=1e-8, atol=1e-8)
    assert all((gradient != 0).any() for gradient in gradients[0])


def test_scalar_adds_the_bare_entries(toy, images):
    network, W = toy(), {kind: m.requires_grad_() for kind, m in zeros_and_ones(EMPTY).items()}
    output = network(images, W, active=EMPTY.pairs, unselected="scalar")
    torch.testing.assert_close(output.prediction, network(images, active=EMPTY.pairs).prediction, rtol=0, atol=1e-10)
    gradients = torch.autograd.grad(output.prediction.pow(2).sum(), list(W.values()))
    assert all(gradient.isfinite().all() for gradient in gradients)
    assert (gradients[0][0, 1:] != 0).all()  # an edge of the empty node


def test_options_that_did_not_run_have_no_gradient(toy, images):
    network, path = toy(), NAMED["EENAS"]
    network(images, active=path.pairs).prediction.sum().backward()
    for name, parameter in network.named_parameters():
        if ".edges." in name:
            cell, _, edge, option = name.split(".")[1:5]
            choice = int(edge) + 14 * (network.body[int(cell)].kind == "reduce")
            assert (parameter.grad is not None) == ((choice, int(option)) in path.pairs), name


def test_a_network_that_holds_less(toy, images):
    kept = tuple((choice, option) for choice in range(28) for option in (1, 3))
    whole, part = toy(), toy(pairs=kept)
    part.load_state_dict({name: whole.state_dict()[name] for name in part.state_dict()})
    torch.testing.assert_close(part(images).prediction, whole(images, active=kept).prediction, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="does not hold the options"):
        part(images, active=NAMED["EENAS"].pairs)


@pytest.mark.parametrize("side", [7, 9, 13])
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_images_of_odd_sides(toy, side, stem):
    x = torch.randn(3, 1, side, side, dtype=torch.float64)
    assert toy(stem=stem)(x, random_matrices()).prediction.isfinite().all()


def test_noise_stands_in_place_of_the_input():
    space = spaces.get("darts-cnn", {"operations": "S4"})
    torch.manual_seed(0)
    for stride, side in ((1, 5), (2, 3)):
        node = Node(torch.full((200, 3, 5, 5), 100.0))
        drawn = make("noise", 3, BatchNorm, stride)(node, torch.tensor(2.0))
        assert drawn.shape == (200, 3, side, side)
        assert abs(float(drawn.mean())) < 0.1
        assert abs(float(drawn.std()) - 2) < 0.1
    network = space.supernet(**TOY)
    assert network(torch.randn(2, 1, 8, 8)).prediction.isfinite().all()


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [8, 7])
def test_a_dilated_convolution_without_dilation(kernel, stride, side):
    quick = DepthwiseConv(6, kernel, stride, dilation=2).double()
    x = torch.randn(3, 6, side, side, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()
    expected = F.conv2d(x, quick.weight, None, stride, 2 * (kernel // 2), 2, groups=6)
    found, wanted, seed = quick(x), [x, quick.weight], torch.randn_like(expected)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    gradients = (torch.autograd.grad(made, wanted, seed) for made in (found, expected))
    torch.testing.assert_close(*gradients, rtol=0, atol=1e-11)
    torch.testing.assert_close(quick.eval()(x), expected, rtol=0, atol=1e-12)


def first_and_second_derivatives(made, wanted, seed):
    first = torch.autograd.grad(made, wanted, seed, create_graph=True)
    total = sum(g.pow(3).sum() for g in first)
    return *first, *torch.autograd.grad(total, [*wanted, seed], allow_unused=True, materialize_grads=True)


@pytest.mark.parametrize("kernel", [5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("side", [32, 35])
def test_the_gradient_of_a_wide_kernel_in_parts(kernel, stride, side):
    quick = DepthwiseConv(8, kernel, stride).double()
    x = torch.randn(2, 8, side, side, dtype=torch.float64).to(memory_format=torch.channels_last).requires_grad_()
    expected = F.conv2d(x, quick.weight, None, stride, kernel // 2, groups=8)
    found, wanted, seed = quick(x), [x, quick.weight], torch.randn_like(expected).requires_grad_()
    assert "WideKernel" in type(found.grad_fn).__name__
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    made = (first_and_second_derivatives(made, wanted, seed) for made in (found, expected))
    torch.testing.assert_close(*made, rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_normalised_pointwise_convolution_that_is_computed_again(monkeypatch, affine, weighted):
    monkeypatch.setattr("supernas.networks.operations._LARGE", 0)
    conv = torch.nn.Conv2d(3, 4, 1, bias=False).double()
    norms = [BatchNorm(4, affine=affine).double() for _ in range(2)]
    weight = torch.tensor(0.3, dtype=torch.float64, requires_grad=True) if weighted else None
    x = torch.randn(5, 3, 6, 6, dtype=torch.float64, requires_grad=True)
    made = norms[0].after(conv, x, weight), norms[1](conv(x), weight)
    assert "PointwiseNorm" in type(made[0].grad_fn).__name__
    seed, derivatives = torch.randn_like(made[1]).requires_grad_(), []
    for norm, output in zip(norms, made, strict=True):
        wanted = [x, conv.weight, *norm.parameters(), *([weight] if weighted else [])]
        derivatives.append((output, *first_and_second_derivatives(output, wanted, seed)))
    torch.testing.assert_close(*derivatives, rtol=1e-10, atol=1e-9)
    assert all(torch.equal(a, b) for a, b in zip(*(norm.buffers() for norm in norms), strict=True))


def test_dilated_convolutions_of_a_node_share_its_parities():
    node = Node(torch.randn(2, 4, 8, 8, requires_grad=True))
    assert node.parities() is node.parities()
    operation = make("dil_conv_5x5", 4, BatchNorm)
    expected = operation.norm(operation.conv.pointwise(operation.conv.depthwise(F.relu(node.value))))
    torch.testing.assert_close(operation(node), expected, rtol=0, atol=0)


# --- forms ----------------------------------------------------------------------------------------------------------


def test_what_differs_between_the_forms(toy):
    def of(model, part=""):
        return [m for name, m in model.named_modules() if isinstance(m, BatchNorm) and part in name]

    alone = SPACE.build(NAMED["DARTS_V1"], channels=2, cells=4).network
    assert all(n.affine and n.track_running_stats for n in of(alone))
    search = toy()
    assert not any(n.affine or n.track_running_stats for n in of(search, "body"))
    assert all(n.affine for n in of(search, "stem"))
    pools = [name for name, _ in search.named_modules() if name.endswith(("edges.0.1", "edges.0.2"))]
    assert pools
    assert all(search.get_submodule(name).norm is not None for name in pools)
    assert all(op.norm is None for name, op in alone.named_modules() if type(op).__name__ == "Pool")
    affine = toy(affine=True)
    assert not any(affine.get_submodule(name).norm.affine for name in pools)
    assert affine.get_submodule("body.0.last").norm.affine
    assert any("running" in name for name in toy(batch_norm="tracked").state_dict())


@pytest.mark.parametrize("cells", [3, 4, 8, 14, 20])
def test_reduction_cells_stand_at_a_third_and_two_thirds(cells):
    with torch.device("meta"):
        body = SPACE.build("DARTS_V2", channels=4, cells=cells).network.body
    assert [number for number, cell in enumerate(body) if cell.kind == "reduce"] == [cells // 3, 2 * cells // 3]
    assert body[-1].last.conv.out_channels == 16


# --- drop path ------------------------------------------------------------------------------------------------------


def dropping(architecture, **settings):
    return SPACE.build(architecture, drop_path=0.5, **{**TOY, **settings}).double()


def test_drop_path_grows_with_the_epochs_and_is_for_training_only(images):
    model = dropping(NAMED["DARTS_V2"])
    model.network.advance(Progress(30, 100, 3, 10))
    assert model.network.chance.probability == pytest.approx(0.5 * 3 / 10)
    model.network.advance(Progress(0, 100, 0, 10))
    assert model.network.chance.probability == 0
    model.eval()
    expected = model(images)
    model.network.advance(Progress(99, 100, 9, 10))
    assert torch.equal(model(images), expected)
    model.train()
    assert not torch.equal(model(images), model(images))


@pytest.mark.parametrize("name", ["sep_conv_3x3", "max_pool_3x3", "skip_connect"])
@pytest.mark.parametrize("stride", [1, 2])
def test_drop_path_zeroes_whole_images_and_scales_the_others(name, stride):
    from supernas.networks.darts_cnn import _dropping

    torch.manual_seed(1)
    operation = make(name, 4, BatchNorm, stride).double().eval()
    node = Node(torch.randn(4000, 4, 2, 2, dtype=torch.float64) + 3)
    output = operation(node)
    chance = Chance()
    chance.probability = 0.25
    dropped = _dropping(torch.nn.ModuleDict({"0": operation}), chance)["0"](node)
    if name == "skip_connect" and stride == 1:
        assert torch.equal(dropped, output)
        return
    kept = dropped.flatten(1).ne(0).any(1)
    torch.testing.assert_close(dropped[kept], output[kept] / 0.75)
    assert not dropped[~kept].any()
    assert abs(float(kept.double().mean()) - 0.75) < 5 * (0.25 * 0.75 / 4000) ** 0.5


# --- the auxiliary head ---------------------------------------------------------------------------------------------


def test_the_auxiliary_head_is_for_training_only():
    model = SPACE.build(RANDOM[0], auxiliary_weight=0.4, **{**TOY, "cells": 6})
    x = torch.randn(2, 1, 32, 32)
    output = model.output(x)
    assert output.auxiliary.shape == (2, 3)
    gradient = torch.autograd.grad(output.auxiliary.sum(), model.network.body[4].last.conv.weight, retain_graph=True)
    assert gradient[0].any()  # it reads cell 2L // 3
    assert torch.autograd.grad(output.auxiliary.sum(), model.network.body[5].last.conv.weight, allow_unused=True) == (
        None,
    )
    model.eval()
    assert model.output(x).auxiliary is None
    assert SPACE.supernet(**TOY)(x).auxiliary is None


@pytest.mark.parametrize(("stem", "least"), [("cifar", 8), ("imagenet", 7)])
def test_maps_that_are_too_small_for_the_auxiliary_head(stem, least):
    head = AuxiliaryHead(4, 3, stem, BatchNorm)
    for side in (least, least + 9):
        assert head(torch.randn(2, 4, side, side)).shape == (2, 3)
    with pytest.raises(UserError, match=f"needs maps of {least}x{least} .*auxiliary_weight=0"):
        head(torch.randn(2, 4, least - 1, least - 1))
    assert (type(head.spread_norm) is torch.nn.Identity) == (stem == "imagenet")


def test_an_architecture_is_built_from_its_text():
    model = SPACE.build("DARTS_V2", channels=2, cells=3)
    assert model.architecture == NAMED["DARTS_V2"]
    assert isinstance(model.architecture, Architecture)
    with pytest.raises(UserError, match=r"unknown setting 'network\.batch_norm'"):
        SPACE.build("DARTS_V2", batch_norm="tracked")

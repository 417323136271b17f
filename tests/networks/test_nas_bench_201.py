"""The NAS-Bench-201 network: published costs, one forward for supernet and stand-alone, and the gradient of `W`."""

import copy
import itertools

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.networks.costs.cost import Cost, cost
from supernas.networks.nas_bench_201 import Cell, Reduction
from supernas.networks.operations import BatchNorm, Node, make
from supernas.spaces.nas_bench_201 import OPERATIONS
from supernas.steps.optimisers import SGDSettings, WeightsOptimiser

SPACE = spaces.get("nas-bench-201")
RESNET, NONE, ALL_3X3 = SPACE[11472], Architecture.of([0] * 6), SPACE[1462]
CUT = Architecture.of([0, 3, 2, 0, 4, 0])  # node 1 is zero, nothing enters the output but what leaves it
RANDOM = [SPACE.sample(np.random.default_rng(seed)) for seed in range(4)]
LAYOUTS = [torch.contiguous_format, torch.channels_last]


def one_hot(architecture):
    return torch.from_numpy(SPACE.matrices(architecture)["cell"])


def random_matrix(seed=0):
    return torch.rand(6, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.1


# --- a slow, obvious twin: every operation of every edge, times its entry of W ----------------------------------------


def twin_operation(module, name, x):
    if name == "none":
        return 0 * x
    if name == "skip_connect":
        return x
    if name == "avg_pool_3x3":
        return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)
    y = F.conv2d(F.relu(x), module.conv.weight, padding={"nor_conv_1x1": 0, "nor_conv_3x3": 1}[name])
    return F.batch_norm(y, None, None, module.norm.weight, module.norm.bias, training=True)


def twin_cell(cell, x, W, bare=()):
    """Node i is the sum over its edges and options of W[edge, option] * operation; a `bare` pair adds W alone."""
    edges = {(1, 0): 0, (2, 0): 1, (2, 1): 2, (3, 0): 3, (3, 1): 4, (3, 2): 5}
    nodes = [x]
    for to in (1, 2, 3):
        value = torch.zeros_like(x)
        for source in range(to):
            edge = edges[to, source]
            for option, name in enumerate(OPERATIONS):
                if (edge, option) in bare:
                    value = value + W[edge, option]
                else:
                    value = value + W[edge, option] * twin_operation(cell.edges[edge][str(option)], name, nodes[source])
        nodes.append(value)
    return nodes[3]


def twin(network, x, W, bare=()):
    x = network.stem(x)
    for block in network.body:
        x = twin_cell(block, x, W, bare) if isinstance(block, Cell) else block(x)
    return network.classifier(F.relu(network.head(x)).mean((2, 3)))


def loss_of(logits, batch):
    return F.cross_entropy(logits, batch.targets)


def gradients(network, batch, architecture, unselected):
    """Loss, gradient in W, and gradients of the weights by name, of one path with a 0/1 W."""
    network.zero_grad()
    W = one_hot(architecture).requires_grad_()
    active = None if unselected == "mixture" else architecture.pairs
    how = "skip" if unselected == "mixture" else unselected
    loss = loss_of(network(batch.inputs, {"cell": W}, active=active, unselected=how).prediction, batch)
    loss.backward()
    return loss.detach(), W.grad, {name: p.grad for name, p in network.named_parameters()}


# --- published costs ------------------------------------------------------------------------------------------------

PUBLISHED = {  # cell: (parameters, multiply-adds) on CIFAR-10, CIFAR-100, ImageNet16-120
    "none": ((73306, 7783050), (79156, 7788900), (80456, 1953400)),
    "1835": ((73306, 7783050), (79156, 7788900), (80456, 1953400)),
    "7581": ((73306, 7783050), (79156, 7788900), (80456, 1953400)),
    "4317": ((241306, 31376010), (247156, 31381860), (248456, 7851640)),
    "1462": ((1531546, 220119690), (1537396, 220125540), (1538696, 55037560)),
    "11472": ((559386, 78561930), (565236, 78567780), (566536, 19648120)),
    "0": ((129306, 15647370), (135156, 15653220), (136456, 3919480)),
    "1": ((802426, 113951370), (808276, 113957220), (809576, 28495480)),
    "2581": ((1073466, 153272970), (1079316, 153278820), (1080616, 38325880)),
    "6111": ((1073466, 153272970), (1079316, 153278820), (1080616, 38325880)),
    "9930": ((1288506, 184730250), (1294356, 184736100), (1295656, 46190200)),
    "857": ((858426, 121815690), (864276, 121821540), (865576, 30461560)),
}


@pytest.mark.parametrize("cell", PUBLISHED)
def test_published_parameters_and_multiply_adds(cell):
    architecture = NONE if cell == "none" else SPACE.parse(cell)
    for classes, side, published in zip((10, 100, 120), (32, 32, 16), PUBLISHED[cell], strict=True):
        found = cost(SPACE.build(architecture, num_classes=classes, channels=16, cells=5), (3, side, side))
        assert (found.parameters, found.multiply_adds) == published


@pytest.mark.parametrize("cell", RANDOM[:2])
def test_cost_counts_convolutions_wherever_they_are(cell):
    a, b = cell.options.count(2), cell.options.count(3)
    name = SPACE.cost_convention.name
    expected = Cost(73306 + 28000 * a + 243040 * b, 7783050 + 3932160 * a + 35389440 * b, name)
    assert cost(SPACE.build(cell), (3, 32, 32)) == expected
    classifier = 64 * 10 + 10
    half = cost(SPACE.build(cell), (3, 16, 32))
    assert half == Cost(expected.parameters, (expected.multiply_adds - classifier) // 2 + classifier, name)


def test_cost_leaves_the_model_as_it_was():
    model = SPACE.build(RESNET, channels=2, cells=1)
    model.network.head.eval()
    modes, before = [m.training for m in model.modules()], {k: v.clone() for k, v in model.state_dict().items()}
    cost(model, (3, 8, 8))
    assert [m.training for m in model.modules()] == modes
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())


# --- one forward ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("architecture", [RESNET, NONE, CUT, *RANDOM], ids=str)
def test_supernet_under_a_0_1_matrix_is_the_standalone_network(toy_network, toy_batch, architecture):
    network, x = toy_network(), toy_batch().inputs
    alone = SPACE.build(architecture, form="search", channels=2, cells=1, num_classes=3, in_channels=1).double()
    alone.network.load_state_dict({name: network.state_dict()[name] for name in alone.network.state_dict()})
    expected = alone(x)
    W = {"cell": one_hot(architecture)}
    for found in (
        network(x, active=architecture.pairs),
        network(x, W, active=architecture.pairs),
        network(x, W, active=architecture.pairs, unselected="run"),
        network(x, W),
    ):
        torch.testing.assert_close(found.prediction, expected, rtol=0, atol=1e-10)
    for cell in (block for block in alone.network.body if isinstance(block, Cell)):
        assert [(c, int(o)) for c, edge in enumerate(cell.edges) for o in edge] == list(architecture.pairs)


def test_a_network_that_holds_less_computes_the_same_and_refuses_what_it_does_not_hold(toy_network, toy_batch):
    pairs = tuple((c, o) for c in range(6) for o in (1, 3))
    whole, part, x = toy_network(), toy_network(pairs=pairs), toy_batch().inputs
    part.load_state_dict({name: whole.state_dict()[name] for name in part.state_dict()})
    path = ALL_3X3.pairs
    torch.testing.assert_close(part(x, active=path), whole(x, active=path), rtol=0, atol=1e-12)
    torch.testing.assert_close(part(x), whole(x, active=pairs), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match=r"does not hold the options \[\(0, 2\)\]"):
        part(x, active=((0, 2), *path[1:]))


@pytest.mark.parametrize("architecture", [CUT, *RANDOM, Architecture.of([3, 0, 0, 1, 0, 3])], ids=str)
def test_dead_pairs_change_nothing(toy_network, toy_batch, architecture):
    network, x = toy_network(), toy_batch().inputs
    whole, live = (network(x, active=pairs).prediction for pairs in (architecture.pairs, SPACE.live(architecture)))
    torch.testing.assert_close(live, whole, rtol=0, atol=1e-12)


def test_the_output_has_logits_and_the_embedding_before_them(toy_network, toy_batch):
    network = toy_network()
    output = network(toy_batch().inputs)
    assert output.features.shape == (6, 8)
    torch.testing.assert_close(network.classifier(output.features), output.prediction)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("affine", [False, True])
def test_mixture_is_the_sum_of_all_operations_times_their_weights(toy_network, toy_batch, layout, affine):
    network, batch, W = toy_network(affine=affine), toy_batch(), random_matrix().requires_grad_()
    for parameter in network.parameters():  # scales and shifts other than 1 and 0
        torch.nn.init.normal_(parameter)
    logits = network.to(memory_format=layout)(batch.inputs.to(memory_format=layout), {"cell": W}).prediction
    expected = twin(network, batch.inputs, W)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-10)
    wanted = [W, *network.parameters()]
    found, explicit = (torch.autograd.grad(loss_of(made, batch), wanted) for made in (logits, expected))
    torch.testing.assert_close(found, explicit, rtol=0, atol=1e-9)


def test_gradient_of_the_network_in_its_matrix(toy_network, toy_batch):
    network, x = toy_network(), toy_batch(size=4, side=4).inputs
    assert torch.autograd.gradcheck(lambda W: network(x, {"cell": W}).prediction, (random_matrix().requires_grad_(),))


# --- options that were not selected ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("architecture", [RESNET, NONE, CUT, *RANDOM], ids=str)
def test_run_gives_the_gradient_of_the_full_mixture(toy_network, toy_batch, architecture, layout):
    network, batch = toy_network(channels=3).to(memory_format=layout), toy_batch()
    for parameter in network.parameters():  # shifts other than 0: a cell that is cut has a gradient behind it too
        torch.nn.init.normal_(parameter)
    batch = batch._replace(inputs=batch.inputs.to(memory_format=layout))
    loss, gradient, weights = gradients(network, batch, architecture, "run")
    mixture_loss, mixture_gradient, mixture_weights = gradients(network, batch, architecture, "mixture")
    torch.testing.assert_close(loss, mixture_loss, rtol=0, atol=1e-10)
    torch.testing.assert_close(gradient, mixture_gradient, rtol=0, atol=1e-8)
    assert gradient[one_hot(architecture) == 0].abs().sum() > 0
    for name, found in weights.items():
        expected = mixture_weights[name]
        if found is None:
            assert not expected.any()  # a mixture gives zero where `run` gives none
        else:
            torch.testing.assert_close(found, expected, rtol=0, atol=1e-8)


def test_a_reduction_has_two_parts_of_which_a_supernet_may_keep_one():
    def norm(channels):
        return BatchNorm(channels, affine=True, track_running_stats=False)

    kinds = ("residual", "convolutions", "shortcut")
    both, *parts = (Reduction(3, 5, norm, kind) for kind in kinds)
    for part in parts:
        part.load_state_dict({name: both.state_dict()[name] for name in part.state_dict()})
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(both(x), parts[0](x) + parts[1](x))
    assert len(both.state_dict()) == sum(len(part.state_dict()) for part in parts)
    held = [SPACE.supernet(channels=2, cells=1, reduction=kind) for kind in kinds]
    assert [sum("first" in name for name, _ in one.named_parameters()) > 0 for one in held] == [True, True, False]
    assert [sum("shortcut" in name for name, _ in one.named_parameters()) > 0 for one in held] == [True, False, True]


@pytest.mark.parametrize("architecture", [RESNET, CUT, *RANDOM[:2]], ids=str)
def test_skip_gives_the_selected_their_gradient_and_the_others_none(toy_network, toy_batch, architecture):
    network, batch = toy_network(), toy_batch()
    _, gradient, _ = gradients(network, batch, architecture, "skip")
    _, whole, _ = gradients(network, batch, architecture, "mixture")
    torch.testing.assert_close(gradient, whole * one_hot(architecture), rtol=0, atol=1e-10)


@pytest.mark.parametrize("architecture", [RESNET, NONE, CUT, *RANDOM[:2]], ids=str)
def test_scalar_adds_the_bare_entries_as_the_released_gdas_does(toy_network, toy_batch, architecture):
    network, batch = toy_network(), toy_batch()
    loss, gradient, _ = gradients(network, batch, architecture, "scalar")
    W = one_hot(architecture).requires_grad_()
    bare = set(itertools.product(range(6), range(5))) - set(architecture.pairs)
    expected = loss_of(twin(network, batch.inputs, W, bare), batch)
    torch.testing.assert_close(loss, expected.detach(), rtol=0, atol=1e-10)
    torch.testing.assert_close(gradient, torch.autograd.grad(expected, W)[0], rtol=0, atol=1e-9)


def test_options_that_did_not_run_have_no_gradient(toy_network, toy_batch):
    network, batch = toy_network(), toy_batch()
    for unselected in ("skip", "scalar", "run"):
        _, _, weights = gradients(network, batch, RESNET, unselected)
        for name, gradient in weights.items():
            ran = ".edges." not in name or any(f".edges.{c}.{o}." in name for c, o in RESNET.pairs)
            assert (gradient is not None) == ran, name


@pytest.mark.parametrize("idle", ["none", "momentum"])
def test_idle_options_move_only_by_momentum(toy_network, toy_batch, idle):
    network, batch = toy_network(), toy_batch()
    optimiser = WeightsOptimiser(network, SGDSettings(idle=idle))
    idle_weights = network.body[0].edges[0]["3"].conv.weight
    other = ALL_3X3.options[1:]

    def step(path):
        optimiser.zero_grad()
        loss_of(network(batch.inputs, active=path.pairs).prediction, batch).backward()
        optimiser.step(Progress(0, 10, 0, 1))
        return idle_weights.detach().clone()

    before = step(Architecture.of([2, *other]))  # never ran: nothing to move it in either mode
    ran = step(ALL_3X3)
    after = step(Architecture.of([2, *other]))
    assert not torch.equal(before, ran)
    assert torch.equal(ran, after) == (idle == "none")


# --- normalisation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_a_weight_in_the_scale_of_a_normalisation_is_a_product(affine, tracked, training, layout):
    norm = BatchNorm(3, affine=affine, track_running_stats=tracked).double()
    if affine:
        torch.nn.init.normal_(norm.weight), torch.nn.init.normal_(norm.bias)
    norm(torch.randn(8, 3, 4, 4, dtype=torch.float64) * 2 + 1)  # running statistics other than 0 and 1
    norm.train(training)
    x = torch.randn(5, 3, 4, 4, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    weight = torch.tensor(0.37, dtype=torch.float64, requires_grad=True)
    twin = copy.deepcopy(norm)
    riding, explicit = norm(x, weight), twin(x) * weight
    torch.testing.assert_close(riding, explicit, rtol=0, atol=1e-12)
    seed = torch.randn_like(x)
    found = torch.autograd.grad(riding, [x, weight, *norm.parameters()], seed)
    torch.testing.assert_close(found, torch.autograd.grad(explicit, [x, weight, *twin.parameters()], seed))
    for name in ("running_mean", "running_var") if tracked else ():
        torch.testing.assert_close(norm.state_dict()[name], twin.state_dict()[name])


def test_statistics_of_the_batch_or_tracked_ones(toy_network, toy_batch):
    x = toy_batch(size=8).inputs
    for policy in ("batch", "tracked"):
        network = toy_network(batch_norm=policy)
        network(x, active=RESNET.pairs)
        network.eval()
        alone = network(x[:2], active=RESNET.pairs).prediction
        among = network(x, active=RESNET.pairs).prediction[:2]
        assert torch.allclose(alone, among, atol=1e-12) == (policy == "tracked")
        assert any("running" in name for name in network.state_dict()) == (policy == "tracked")


def test_the_published_form_learns_scales_and_shifts_and_tracks_statistics(toy_network):
    def norms(model):
        return [m for m in model.modules() if isinstance(m, BatchNorm)]

    assert all(n.affine and n.track_running_stats for n in norms(SPACE.build(ALL_3X3, channels=2, cells=1)))
    edges = [n for block in toy_network().body if isinstance(block, Cell) for n in norms(block)]
    assert edges
    assert not any(n.affine or n.track_running_stats for n in edges)


def test_edges_that_leave_a_node_share_relu_and_pooling_even_if_first_run_without_a_graph():
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64, requires_grad=True)
    node = Node(x)
    pool, conv = make("avg_pool_3x3", 3, BatchNorm), make("nor_conv_1x1", 3, BatchNorm).double()
    with torch.no_grad():
        pool(node), conv(node)
    shared = torch.autograd.grad(pool(node).sum() + conv(node).pow(3).sum(), x)[0]
    y = F.batch_norm(F.conv2d(F.relu(x), conv.conv.weight), None, None, conv.norm.weight, conv.norm.bias, True)
    explicit = F.avg_pool2d(x, 3, 1, 1, count_include_pad=False).sum() + y.pow(3).sum()
    torch.testing.assert_close(shared, torch.autograd.grad(explicit, x)[0])
    assert node.relu is node.relu

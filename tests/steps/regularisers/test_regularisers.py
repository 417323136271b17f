"""Each term against its equation written out, and what it moves."""

import copy
import itertools
from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.methods.darts import DARTS
from supernas.methods.drnas import DrNAS
from supernas.methods.gdas import GDAS
from supernas.methods.pc_darts import PCDARTS
from supernas.networks.base import Mixture
from supernas.runs.configuration import resolve_search
from supernas.steps.regularisers.alignment import Alignment, aligned
from supernas.steps.regularisers.beta import Beta
from supernas.steps.regularisers.oles import OLES, cosine

AT = Progress(30, 100, 3, 10)  # three of ten epochs are done


@pytest.fixture
def begin(start):
    """The state of a method's search with a regulariser, its alpha where something was learnt."""

    def make(method, regulariser=None, **settings):
        state = start(method, **settings)
        state.context = replace(state.context, regulariser=regulariser)
        state.trainer.context = state.context
        state.regulariser = regulariser and regulariser.init(state.context)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(5)
            state.alpha["cell"].copy_(torch.randn(6, 5, generator=generator))
        return state

    return make


def alpha_moved_along(method, state, train, valid):
    """The gradient that alpha's optimiser sees in a step."""
    seen = []
    method.step_alpha(state, train, valid, AT, lambda gradients: seen.extend(gradients) or gradients)
    return seen


def weights_moved_along(method, state, train, valid):
    """The gradients that the weights' optimiser sees in a step."""
    seen, optimiser = [], state.trainer.optimiser
    real = optimiser.step
    gradients = (None if w.grad is None else w.grad.clone() for w in optimiser.parameters)
    optimiser.step = lambda *rest: seen.extend(gradients) or {}
    method.step(state, train, valid, AT)
    optimiser.step = real
    return seen


# --- Beta -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [DARTS(), DrNAS(), GDAS(), PCDARTS()], ids=lambda method: type(method).__name__)
def test_beta_adds_the_gradient_of_the_mean_smooth_maximum(begin, toy_batch, method):
    plain, state = begin(method), begin(method, Beta(weight=7.0))
    before = alpha_moved_along(method, plain, toy_batch(0), toy_batch(1))
    after = alpha_moved_along(method, state, toy_batch(0), toy_batch(1))
    fresh = begin(method).alpha["cell"]  # before it moved
    term = 0.3 * 7.0 * torch.logsumexp(fresh, dim=-1).mean()
    (expected,) = torch.autograd.grad(term, fresh)
    torch.testing.assert_close(after[0] - before[0], expected, rtol=1e-8, atol=1e-12)
    assert float(expected.abs().max()) > 0.1
    assert all(torch.equal(one, other) for one, other in zip(before[1:], after[1:], strict=True)), "edges"


def test_beta_leaves_the_weights_alone_and_begins_with_nothing(begin, toy_batch):
    method = DARTS()
    gradients = [
        weights_moved_along(method, begin(method, one), toy_batch(0), toy_batch(1)) for one in (None, Beta(weight=9.0))
    ]
    assert all(torch.equal(one, other) for one, other in zip(*gradients, strict=True))
    state = begin(method, Beta())
    seen = []
    method.step_alpha(state, toy_batch(0), toy_batch(1), Progress(2, 100, 0, 10), lambda g: seen.extend(g) or g)
    plain = alpha_moved_along(method, begin(method), toy_batch(0), toy_batch(1))
    assert torch.equal(seen[0], plain[0])


def test_beta_leaves_out_options_that_are_not_held(begin, toy_batch):
    method, pairs = DARTS(), tuple((choice, option) for choice in range(6) for option in (1, 3))
    state = begin(method, Beta(), pairs=pairs)
    plain = alpha_moved_along(method, begin(method, pairs=pairs), toy_batch(0), toy_batch(1))[0]
    added = alpha_moved_along(method, state, toy_batch(0), toy_batch(1))[0] - plain
    assert torch.equal(added[:, [0, 2, 4]], torch.zeros(6, 3, dtype=added.dtype))
    torch.testing.assert_close(added.sum(1), torch.full((6,), 0.3 * 50 / 6, dtype=added.dtype))


# --- the alignment of cells -----------------------------------------------------------------------------------------


def alignment_of(state, batch, W):
    """Lambda with a graph to the weights, pair by pair; each cell with a copy of W of its own."""
    copies = [W.detach().clone().requires_grad_() for _ in range(state.context.network.cells)]
    loss = F.cross_entropy(state.context.network(batch.inputs, {"cell": torch.stack(copies)}).prediction, batch.targets)
    g = torch.autograd.grad(loss, copies, create_graph=True)
    pairs = list(itertools.combinations(range(len(copies)), 2))
    return sum((g[a] * g[b]).sum() / (g[a].norm() * g[b].norm()) for a, b in pairs) / len(pairs), g


def test_a_matrix_for_each_cell_is_the_same_forward_and_the_sum_of_its_gradients(begin, toy_batch):
    state, batch = begin(DARTS(), cells=2), toy_batch(0)
    W = state.alpha["cell"].softmax(-1)
    network = state.context.network
    shared = network(batch.inputs, {"cell": W}).prediction
    assert torch.equal(shared, network(batch.inputs, {"cell": W.expand(6, 6, 5)}).prediction)
    _, g = alignment_of(state, batch, W)
    leaf = W.detach().requires_grad_()
    loss = F.cross_entropy(network(batch.inputs, {"cell": leaf}).prediction, batch.targets)
    torch.testing.assert_close(torch.autograd.grad(loss, leaf)[0], torch.stack(g).sum(0).detach())


def test_in_darts_cells_each_kind_has_its_own(space):
    import supernas

    torch.manual_seed(0)
    network = supernas.spaces.get("darts-cnn").supernet(channels=2, cells=5, num_classes=3, in_channels=1).double()
    assert network.cell_counts == {"normal": 3, "reduce": 2}
    x = torch.randn(4, 1, 8, 8, dtype=torch.float64)
    W = {kind: torch.randn(14, 8, dtype=torch.float64).softmax(-1) for kind in ("normal", "reduce")}
    many = {kind: matrix.expand(network.cell_counts[kind], 14, 8).clone() for kind, matrix in W.items()}
    assert torch.equal(network(x, W).prediction, network(x, many).prediction)
    many["reduce"][1] = many["reduce"][1].flip(-1)
    other = network(x, many).prediction
    many["reduce"] = many["reduce"].flip(0)
    assert not torch.equal(other, network(x, many).prediction), "which of the cells it is of"


def test_the_derivative_of_the_alignment():
    g = torch.randn(4, 6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    u = (g.flatten(1).T / g.flatten(1).norm(dim=1)).T
    slow = sum(u[a] @ u[b] for a, b in itertools.combinations(range(4), 2)) / 6
    found, direction = aligned(g.detach())
    torch.testing.assert_close(found, slow.detach())
    torch.testing.assert_close(direction, torch.autograd.grad(slow, g)[0])
    silent = g.detach().clone()
    silent[1] = 0
    assert torch.isfinite(aligned(silent)[1]).all()
    assert not aligned(silent)[1][1].any()


def test_the_weights_descend_the_loss_minus_the_alignment(begin, toy_batch):
    """Against the mixed derivative by a backward pass through a backward pass."""
    method = DARTS()
    state = begin(method, Alignment(weight=2.0, radius=1e-7))
    slow, _ = alignment_of(state, toy_batch(0), state.alpha["cell"].softmax(-1))
    weights = state.trainer.optimiser.parameters
    expected = torch.autograd.grad(-0.3 * 2.0 * slow, weights, allow_unused=True, materialize_grads=True)
    plain = weights_moved_along(method, begin(method), toy_batch(0), toy_batch(1))
    found = weights_moved_along(method, state, toy_batch(0), toy_batch(1))
    assert float(state.regulariser.alignment) == pytest.approx(float(slow.detach()), rel=1e-9)
    difference = torch.cat([(one - other).flatten() for one, other in zip(found, plain, strict=True)])
    twin = torch.cat([one.flatten() for one in expected])
    assert float((difference - twin).norm()) < 1e-3 * float(twin.norm())
    assert float(twin.norm()) > 1e-3


def test_the_alignment_rises_under_its_own_weight(begin, toy_batch):
    reached = []
    for weight in (0.0, 20.0):
        method = DARTS(alpha_warmup=0.99)
        state = begin(method, Alignment(weight=weight, radius=1e-6))
        for _ in range(12):
            method.step(state, toy_batch(0), toy_batch(1), AT)
        reached.append(float(alignment_of(state, toy_batch(0), state.alpha["cell"].softmax(-1))[0].detach()))
    assert reached[1] > reached[0] + 0.05


# --- operations that stop learning ----------------------------------------------------------------------------------


def operation_gradients(state, batch, mixture):
    """(weights of each operation, their gradients), by names of the network's parameters."""
    network = state.context.network
    named = dict(network.named_parameters())
    loss = F.cross_entropy(network(batch.inputs, mixture.W, mixture.active).prediction, batch.targets)
    gradients = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    operations = {}
    for name, gradient in zip(named, gradients, strict=True):
        if ".edges." in name:
            operations.setdefault(name.split(".edges.")[0] + "/" + ".".join(name.split(".")[3:5]), []).append(gradient)
    return operations


def test_operations_are_frozen_by_the_cosine_of_their_two_gradients(begin, toy_batch):
    method = DARTS()
    reference = begin(method)
    W = {"cell": reference.alpha["cell"].softmax(-1).detach()}
    train, valid = (operation_gradients(reference, toy_batch(one), Mixture(W)) for one in (0, 1))
    cosines = {
        name: float(
            F.cosine_similarity(*(torch.cat([g.flatten() for g in one[name]]) for one in (train, valid)), dim=0)
        )
        for name in train
    }
    threshold = sorted(cosines.values())[len(cosines) // 2]
    state = begin(method, OLES(threshold=threshold, window=1))
    seen = weights_moved_along(method, state, toy_batch(0), toy_batch(1))
    names = list(dict(state.context.network.named_parameters()))
    frozen = {name for name, gradient in zip(names, seen, strict=True) if gradient is None}
    expected = {name for name, value in cosines.items() if value < threshold}
    assert {name.split(".edges.")[0] + "/" + ".".join(name.split(".")[3:5]) for name in frozen} == expected
    assert 0 < len(expected) < len(cosines)
    assert all(".edges." in name for name in frozen), "stem, reductions and head go on learning"


def test_what_is_frozen_stays_and_is_judged_after_a_window(begin, toy_batch):
    method = DARTS()
    state = begin(method, OLES(threshold=1.0, window=3))  # nothing agrees wholly
    for step in range(5):
        before = copy.deepcopy(state.context.network.state_dict())
        metrics = method.step(state, toy_batch(step), toy_batch(step + 1), AT)
        moved = {n for n, w in state.context.network.named_parameters() if not torch.equal(w, before[n])}
        assert any(".edges." in name for name in moved) == (step < 2)
        assert float(metrics["frozen"]) == float(step >= 2)
        assert moved


def test_paths_judge_what_ran(begin, toy_batch):
    method = GDAS()
    state = begin(method, OLES(threshold=1.0, window=1))
    method.step(state, toy_batch(0), toy_batch(1), AT)
    ran = state.trainer.last
    frozen = sum(state.regulariser.frozen)
    convolutions = sum(option in (2, 3) for option in ran.options)
    assert frozen == convolutions * state.context.network.cells


def test_a_look_at_other_images_leaves_no_trace(begin, toy_batch):
    """Running averages and the weights are those of the search without it, where nothing is frozen."""
    method, states = DARTS(), []
    for regulariser in (None, OLES(threshold=-1.0, window=2), Alignment(weight=0.0)):
        state = begin(method, regulariser, batch_norm="tracked")
        for step in range(3):
            method.step(state, toy_batch(step), toy_batch(step + 1), AT)
        states.append(state.context.network.state_dict())
    for name, tensor in states[0].items():
        assert all(torch.equal(tensor, other[name]) for other in states[1:]), name


def test_the_cosine_of_nothing_is_nothing():
    assert float(cosine([torch.zeros(3)], [torch.ones(3)])) == 0.0


# --- what goes together ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"method": "random-nas", "regulariser": "beta"}, "regulariser beta does not go with random-nas.*take"),
        ({"method": "gdas", "regulariser": "alignment"}, "alignment does not go with gdas, whose weight step trains"),
        ({"method": "tetlo", "regulariser": "beta"}, "beta does not go with tetlo"),
        ({"space": "darts-rnn", "method": "darts", "regulariser": "alignment"}, "whose networks repeat no cell"),
        (
            {"space": "darts-rnn", "method": "darts", "regulariser": "oles"},
            "networks name no weights of single options",
        ),
        ({"method": "darts", "regulariser": "btea"}, "unknown regulariser 'btea'; did you mean 'beta'"),
        ({"method": "darts", "regulariser": {"name": "beta", "weight": -1}}, "regulariser.weight = -1"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(document, message):
    with pytest.raises(UserError, match=message):
        resolve_search(document)

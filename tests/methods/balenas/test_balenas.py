"""BaLeNAS: the gradients of its draws against brute force, what it costs, and what is drawn from it."""

import copy

import pytest
import torch
from torch.nn import functional as F

from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import build
from supernas.methods.balenas.balenas import BaLeNAS
from supernas.methods.balenas.vadam import PosteriorSettings, VAdam
from supernas.methods.pc_darts import PCDARTS
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Search
from supernas.steps.contracts import Differentiable, Distribution
from supernas.steps.curvature import gradient_and_diagonal

HALF = Progress(50, 100, 0, 1)
NARROW = PosteriorSettings(initial_precision=4.0)
PLACES = [(0, 3), (2, 1), (5, 4)]


def loss_at(state, batch, theta, network=None):
    """The loss of a mixture of logits."""
    output = (network or state.context.network)(batch.inputs, {"cell": theta.softmax(-1)})
    return F.cross_entropy(output.prediction, batch.targets)


def noises(state, count):
    generator = copy.deepcopy(state.generator)
    return [state.alpha_optimiser.noise(generator) for _ in range(count)]


def slope(function, at, place, nudge=1e-5):
    """The central difference of a function of a matrix in one entry."""
    values = []
    for sign in (1, -1):
        moved = at.clone()
        moved[place] += sign * nudge
        values.append(float(function(moved)))
    return (values[0] - values[1]) / (2 * nudge)


# --- first order ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1, 2])
def test_order_2_moves_alpha_before_the_weights_that_it_looks_ahead_at(start, toy_batch, monkeypatch, order):
    calls, method = [], BaLeNAS(order=order)
    monkeypatch.setattr(BaLeNAS, "train_weights", lambda *rest: calls.append("weights") or {})
    monkeypatch.setattr(BaLeNAS, "step_alpha", lambda *rest: calls.append("alpha") or {})
    method.step(start(method), toy_batch(0), toy_batch(1), HALF)
    assert calls == (["alpha", "weights"] if order == 2 else ["weights", "alpha"])  # else as the space is published


def seen_by(split, batch, draws):
    """What each draw looks at."""
    if not split:
        return [batch] * draws
    size = len(batch.targets) // draws
    return [
        batch._replace(inputs=batch.inputs[at : at + size], targets=batch.targets[at : at + size])
        for at in range(0, draws * size, size)
    ]


@pytest.mark.parametrize("split", [False, True])
def test_each_draw_gives_the_slopes_of_the_validation_loss_there(start, toy_batch, split):
    method = BaLeNAS(adam=NARROW, split_batch=split)
    state = start(method)
    made, mu = noises(state, 3), state.alpha["cell"].detach()
    thetas = [mu + 0.5 * noise[0] for noise in made]
    found = method.drawn(state, made, toy_batch(0), toy_batch(1), HALF)
    for theta, seen, (loss, drawn) in zip(thetas, seen_by(split, toy_batch(1), 3), found, strict=True):
        with torch.no_grad():
            assert float(loss) == pytest.approx(float(loss_at(state, seen, theta)), rel=1e-12)
            for place in PLACES:
                brute = slope(lambda at, seen=seen: loss_at(state, seen, at), theta, place)
                assert float(drawn.gradient[0][place]) == pytest.approx(brute, rel=1e-5, abs=1e-9)


def test_a_step_is_vadams_along_the_average_over_the_draws(start, toy_batch):
    """That average is the slope in mu of the averaged loss, with the noise held."""
    method = BaLeNAS(adam=NARROW)
    state = start(method)
    made, mu = noises(state, 3), state.alpha["cell"].detach().clone()
    twin = VAdam([mu.clone()], NARROW, 100, 25_000)
    with torch.no_grad():
        averaged = sum(loss_at(state, toy_batch(1), mu + 0.5 * noise[0]) for noise in made) / 3

        def objective(at):
            return sum(loss_at(state, toy_batch(1), at + 0.5 * noise[0]) for noise in made) / 3

        brute = [slope(objective, mu, place) for place in PLACES]
    draws = [drawn for _, drawn in method.drawn(state, made, toy_batch(0), toy_batch(1), HALF)]
    mean = torch.stack([drawn.gradient[0] for drawn in draws]).mean(0)
    assert [float(mean[place]) for place in PLACES] == pytest.approx(brute, rel=1e-5, abs=1e-9)
    metrics = method.update_alpha(state, toy_batch(0), toy_batch(1), HALF)
    assert float(metrics["valid_loss"]) == pytest.approx(float(averaged), rel=1e-12)
    twin.step(draws)
    torch.testing.assert_close(state.alpha["cell"].detach(), twin.mean[0], rtol=1e-12, atol=0)
    torch.testing.assert_close(state.alpha_optimiser.deviations()[0], twin.deviations()[0], rtol=1e-12, atol=0)
    assert float(metrics["deviation"]) == pytest.approx(float(twin.deviations()[0].mean()))


def test_the_weights_are_trained_at_the_mean(start, toy_batch):
    state = start(BaLeNAS())
    expected = float(loss_at(state, toy_batch(0), state.alpha["cell"]).detach())
    assert float(BaLeNAS().train_weights(state, toy_batch(0), HALF)["loss"]) == pytest.approx(expected, rel=1e-12)


def test_exact_curvature_is_the_hessians_diagonal_at_each_draw(start, toy_batch):
    method = BaLeNAS(adam=PosteriorSettings(initial_precision=4.0, curvature="exact", sqrt=False), samples=1)
    state = start(method)
    (noise,) = noises(state, 1)
    theta = state.alpha["cell"].detach() + 0.5 * noise[0]
    ((_, drawn),) = method.drawn(state, [noise], toy_batch(0), toy_batch(1), HALF)

    def gradient(at):
        at = at.clone().requires_grad_()
        return torch.autograd.grad(loss_at(state, toy_batch(1), at), at)[0]

    for place in PLACES:
        brute = slope(lambda at, place=place: gradient(at)[place], theta, place, 1e-6)
        assert float(drawn.curvature[0][place]) == pytest.approx(brute, rel=1e-4, abs=1e-8)
    method.update_alpha(state, toy_batch(0), toy_batch(1), HALF)
    expected = 0.9 * 3 / 25_000 + 0.1 * drawn.curvature[0].clamp_min(0)
    torch.testing.assert_close(state.alpha_optimiser.curvature[0], expected)


def test_sampling_adds_half_the_variance_times_the_trace_of_the_hessian(start, toy_batch):
    """Eq. 19. The expectation is a cubature of third degree: 2 n points mu +- sigma sqrt(n) e_i."""
    state = start(BaLeNAS())
    mu, sigma = torch.randn(6, 5, dtype=torch.float64), 1e-5
    leaf = mu.clone().requires_grad_()
    middle = loss_at(state, toy_batch(1), leaf)
    _, (diagonal,) = gradient_and_diagonal(middle, [leaf])
    n = mu.numel()
    with torch.no_grad():
        nudges = sigma * n**0.5 * torch.eye(n, dtype=torch.float64).view(n, 6, 5)
        points = [loss_at(state, toy_batch(1), mu + sign * one) for one in nudges for sign in (1, -1)]
        added = float(torch.stack(points).sub(middle).mean())
    assert added == pytest.approx(sigma**2 / 2 * float(diagonal.sum()), rel=1e-3)


@pytest.mark.parametrize(("order", "name"), [(1, "validation_loss"), (2, "validation_loss_at")])
def test_all_draws_start_from_the_same_hidden_state(start, toy_batch, monkeypatch, order, name):
    method, seen = BaLeNAS(order=order), []
    state = start(method)
    state.trainer.valid_carry = (torch.zeros(1),)
    original = getattr(type(state.trainer), name)

    def recurrent(self, *rest):
        seen.append(float(self.valid_carry[0]))
        loss = original(self, *rest)
        self.valid_carry = (torch.full((1,), float(len(seen))),)
        return loss

    monkeypatch.setattr(type(state.trainer), name, recurrent)
    method.update_alpha(state, toy_batch(0), toy_batch(1), HALF)
    assert seen == [0.0, 0.0, 0.0]
    assert float(state.trainer.valid_carry[0]) == 3.0


# --- second order ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unroll", "form", "split"),
    [
        ("once", "exact", False),
        ("once", "finite-difference", True),
        ("each", "exact", True),
        ("each", "finite-difference", False),
    ],
)
def test_second_order_is_the_slope_through_a_real_step(start, toy_batch, unroll, form, split):
    """In mu, with the noise held: the step is made at mu (`once`) or at the draw (`each`)."""
    near = {"radius": 1e-6} if form == "finite-difference" else {}
    method = BaLeNAS(adam=NARROW, order=2, unroll=unroll, hypergradient=form, samples=2, split_batch=split, **near)
    state = start(method)
    method.step(state, toy_batch(2), toy_batch(3), HALF)  # momentum buffers
    made, mu, sigma = noises(state, 2), state.alpha["cell"].detach().clone(), state.alpha_optimiser.deviations()[0]
    network, optimiser = state.context.network, state.trainer.optimiser

    def after_the_step(at, noise, seen):
        twin = copy.deepcopy(network)
        sgd = torch.optim.SGD(
            twin.parameters(), lr=optimiser.learning_rate(HALF), momentum=0.9, weight_decay=5e-4, foreach=False
        )
        for mine, theirs in zip(twin.parameters(), network.parameters(), strict=True):
            buffer = optimiser.momentum(theirs)
            if buffer is not None:
                sgd.state[mine]["momentum_buffer"] = buffer.clone()
        theta = at + sigma * noise
        sgd.zero_grad()
        loss_at(state, toy_batch(0), at if unroll == "once" else theta, twin).backward()
        sgd.step()
        return loss_at(state, seen, theta, twin).detach()

    found = method.drawn(state, made, toy_batch(0), toy_batch(1), HALF)
    for noise, seen, (_, drawn) in zip(made, seen_by(split, toy_batch(1), 2), found, strict=True):
        theta = (mu + sigma * noise[0]).requires_grad_()
        (first,) = torch.autograd.grad(loss_at(state, seen, theta), theta)
        assert (drawn.gradient[0] - first).norm() > 1e-3 * first.norm()
        for place in PLACES[:2]:
            brute = slope(lambda at, noise=noise, seen=seen: after_the_step(at, noise[0], seen), mu, place)
            assert float(drawn.gradient[0][place]) == pytest.approx(brute, rel=2e-3, abs=1e-8)


@pytest.mark.parametrize("samples", [1, 3])
def test_passes_through_the_network(start, toy_batch, samples):
    for settings, passes in [
        ({"order": 1}, samples + 1),
        ({"order": 2, "unroll": "once"}, 3 * samples + 2),
        ({"order": 2, "unroll": "each"}, 4 * samples + 1),
    ]:
        method, count = BaLeNAS(samples=samples, **settings), []
        state = start(method)
        state.context.network.register_forward_hook(lambda *rest, count=count: count.append(1))
        method.step(state, toy_batch(0), toy_batch(1), HALF)
        assert len(count) == passes


# --- inference, base, settings --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{"order": 2}, {"inference": "backprop"}, {"base": "pc-darts"}, {"adam": {"sqrt": False}}]
)
def test_every_kind_goes_on_where_it_was(start, toy_batch, settings):
    method, channels = build(BaLeNAS, settings, "method"), {"channels": 8}
    one, other = start(method, **channels), start(method, seed=1, **channels)
    method.step(one, toy_batch(0), toy_batch(1), HALF)
    other.load(one.tree())
    other.context.network.load_state_dict(one.context.network.state_dict())
    for state in (one, other):
        method.step(state, toy_batch(2), toy_batch(3), HALF)
    for mine, theirs in zip(
        one.alpha_optimiser.mean + one.alpha_optimiser.deviations(),
        other.alpha_optimiser.mean + other.alpha_optimiser.deviations(),
        strict=True,
    ):
        assert torch.equal(mine, theirs)
    assert all(torch.equal(one.alpha[name], other.alpha[name]) for name in one.alpha)


def test_the_examples_of_the_likelihood_are_the_published_ones_unless_given(start):
    assert start(BaLeNAS()).alpha_optimiser.examples == 25_000
    assert start(BaLeNAS(train_set_size=300)).alpha_optimiser.examples == 300
    assert start(BaLeNAS(alpha_warmup=0.5)).alpha_optimiser.lr == pytest.approx(5.9 / 50)


@pytest.mark.parametrize(
    ("space", "data", "count"),
    [
        ("nas-bench-201", {"source": "digits", "train_size": 96}, 48),
        ("darts-rnn", {"train_words": 100, "valid_words": 80, "bptt": 8}, 80),
    ],
)
def test_a_search_without_a_given_size_counts_images_or_words(tmp_path, space, data, count):
    size = {"units": 3} if space == "darts-rnn" else {"channels": 2, "cells": 1}
    search = {"epochs": 1, "batch_size": 4, "device": "cpu"}
    document = {"space": space, "supernet": size, "data": data, "search": search}
    document["method"] = {"name": "balenas", "train_set_size": None}
    assert Search(resolve_search(document), tmp_path / "run").state.method.alpha_optimiser.examples == count


def test_the_base_makes_the_mixture(start, toy_batch):
    method = BaLeNAS(base="pc-darts", adam=NARROW)
    assert isinstance(method, Differentiable)
    state, base = start(method, channels=8), PCDARTS()
    assert method.stages() == base.stages()
    W, expected = method.relax(state, state.alpha), base.relax(state, state.alpha)
    assert torch.equal(W["cell"], expected["cell"])
    (noise,) = noises(state, 1)
    ((loss, drawn),) = method.drawn(state, [noise], toy_batch(0), toy_batch(1), HALF)
    theta = {name: one + 0.5 * eps for (name, one), eps in zip(state.alpha.items(), noise, strict=True)}
    found = state.context.network(toy_batch(1).inputs, base.relax(state, theta))
    expected = F.cross_entropy(found.prediction, toy_batch(1).targets)
    assert float(loss) == pytest.approx(float(expected.detach()), rel=1e-12)
    for one, other in zip(drawn.gradient, torch.autograd.grad(expected, list(state.alpha.values())), strict=True):
        torch.testing.assert_close(one, other)
        assert other.any()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"base": "drnas"}, "drnas, which draws by itself"),
        ({"base": "gdas"}, "gdas, which draws by itself"),
        ({"base": "balenas"}, "balenas, which draws by itself"),
        ({"base": "setn"}, "trains single paths"),
        ({"base": "nao"}, "no architecture parameters"),
        ({"base": "tetlo"}, "tetlo, which has no architecture parameters of its own"),
        ({"base": "pcdarts"}, "did you mean 'pc-darts'"),
        ({"order": 2, "adam": {"curvature": "exact", "sqrt": False}}, "third derivatives"),
        ({"inference": "backprop", "adam": {"sqrt": False}}, r"no adam\.sqrt"),
        ({"samples": 1, "split_batch": True}, "samples=1"),
    ],
)
def test_what_does_not_go_together_is_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        build(BaLeNAS, wrong, "method")


def test_a_batch_with_too_few_images_for_the_draws_is_refused(start, toy_batch):
    method = BaLeNAS(samples=4, split_batch=True)
    with pytest.raises(UserError, match=r"6 images has no 2 for each of 4 draws; give a larger search\.batch_size"):
        method.step(start(method), toy_batch(0), toy_batch(1), HALF)


def test_texts_are_not_shared_out():
    with pytest.raises(UserError, match=r"splits no batch of text.*leave method\.split_batch out"):
        resolve_search({"space": "darts-rnn", "method": {"name": "balenas", "split_batch": True}})


# --- draws of architectures -----------------------------------------------------------------------------------------


def test_architectures_are_drawn_from_the_gaussian(start):
    """Of two options far above the others, mu_1 - mu_0 apart, the first is drawn with Phi(-(mu_1 - mu_0) / (sigma
    sqrt 2)).
    """
    method = BaLeNAS(adam=NARROW)
    assert isinstance(method, Distribution)
    state, generator = start(method), torch.Generator().manual_seed(1)
    with torch.no_grad():
        state.alpha["cell"].copy_(torch.tensor([0.0, 0.4, -9.0, -9.0, -9.0]))
    before = state.generator.get_state()
    drawn = [method.draw_architecture(state, generator) for _ in range(400)]
    assert torch.equal(state.generator.get_state(), before)
    first = torch.tensor([one.options for one in drawn]).eq(0).double().mean()
    expected = torch.special.ndtr(torch.tensor(-0.4 / (0.5 * 2**0.5)))
    assert float(first) == pytest.approx(float(expected), abs=0.03)
    assert len(set(drawn)) > 20
    assert method.derive(state, None).options == (1,) * 6

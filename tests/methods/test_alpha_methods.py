"""Methods with logits at each choice: every step against its equation written out, and their known relations."""

import copy
import itertools

import numpy as np
import pytest
import torch
from scipy.special import betainc
from torch.distributions import Dirichlet, kl_divergence
from torch.nn import functional as F

from alpha_toy import alpha_gradient
from supernas import methods, spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.methods.base import Alternating
from supernas.methods.darts import DARTS
from supernas.methods.drnas import DrNAS, divergence
from supernas.methods.e2nas.e2nas import E2NAS
from supernas.methods.gdas import GDAS
from supernas.methods.pc_darts import PCDARTS
from supernas.methods.setn import SETN
from supernas.methods.snas import SNAS
from supernas.networks.base import Mixture
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Search
from supernas.steps.contracts import Differentiable, Distribution, SearchContext, stage_starts
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import AdamSettings, SGDSettings
from supernas.steps.relaxations import dirichlet, gumbel

SPACE = spaces.get("nas-bench-201")
HALF = Progress(50, 100, 0, 1)
ALL = [methods.get(name) for name in methods.names() if issubclass(methods.get(name), Alternating)]


def loss_at(state, batch, W, **options):
    output = state.context.network(batch.inputs, {"cell": W}, **options)
    return F.cross_entropy(output.prediction, batch.targets)


def snapshot(state):
    alpha = {name: one.detach().clone() for name, one in state.alpha.items()}
    weights = {name: w.detach().clone() for name, w in state.context.network.named_parameters()}
    return alpha, weights


# --- what all have in common ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cls", ALL)
def test_a_step_moves_weights_on_one_batch_and_alpha_on_the_other(start, toy_batch, cls):
    method, data = cls(), [toy_batch(number) for number in range(3)]

    def after(train, valid):
        state = start(method)
        method.step(state, data[train], data[valid], HALF)
        return *snapshot(state), state

    alpha, weights, state = after(0, 1)
    other_valid, other_train = after(0, 2), after(2, 1)
    begin_alpha, begin_weights = snapshot(start(method))
    for name, one in alpha.items():
        assert not torch.equal(one, begin_alpha[name])
        assert not torch.equal(one, other_valid[0][name])
    moved = [name for name, w in weights.items() if not torch.equal(w, begin_weights[name])]
    assert moved
    if not method.alpha_first(state):  # the valid batch trains nothing; weights on a draw follow alpha
        assert all(torch.equal(weights[name], other_valid[1][name]) for name in weights)
    assert any(not torch.equal(weights[name], other_train[1][name]) for name in moved)
    assert (state.trainer.last is not None) == cls.trains_paths


@pytest.mark.parametrize("cls", ALL)
def test_alpha_waits_for_its_time(start, toy_batch, cls):
    method = cls(alpha_warmup=0.6)
    state = start(method)
    before, _ = snapshot(state)
    method.step(state, toy_batch(0), toy_batch(1), Progress(59, 100, 0, 1))
    assert all(torch.equal(one, before[name]) for name, one in state.alpha.items())
    method.step(state, toy_batch(0), toy_batch(1), Progress(60, 100, 0, 1))
    assert all(not torch.equal(one, before[name]) for name, one in state.alpha.items())


@pytest.mark.parametrize(("settings", "waits"), [({}, 0), ({"alpha_warmup": 0.0}, 0), ({"alpha_warmup": 0.4}, 20)])
def test_progressive_drnas_waits_for_a_fifth_of_each_stage_unless_told(start, settings, waits):
    whole, stages = DrNAS(**settings), DrNAS(progressive=True, **settings)
    assert whole.alpha_moves(Progress(0, 100, 0, 1)) == (settings.get("alpha_warmup", 0) == 0)
    waits = waits if settings else 10
    for begin in (0, 50):
        moving = [stages.alpha_moves(Progress(begin + step, 100, 0, 2)) for step in range(50)]
        assert moving == [False] * waits + [True] * (50 - waits)
    assert start(stages, channels=8).alpha_optimiser.param_groups[0]["lr"] == pytest.approx(11.7 / 100)


def test_drnas_moves_alpha_first(start, toy_batch):
    """The first step of alpha is along the gradient at the weights as they were."""
    moved = []
    for method in (DrNAS(), DrNAS(weights_on="mean")):
        state = start(method)
        expected, _ = snapshot(state)
        method.step(state, toy_batch(0), toy_batch(1), HALF)
        moved.append(state.alpha["cell"].detach() - expected["cell"])
    assert torch.equal(*moved), "what the weights were trained on came in between"


@pytest.mark.parametrize("cls", ALL)
def test_the_derived_architecture_has_the_largest_entries_of_the_mean(start, cls):
    method = cls()
    assert isinstance(method, Differentiable)
    state = start(method)
    with torch.no_grad():
        state.alpha["cell"].copy_(torch.randn(6, 5))
    best = state.alpha["cell"].argmax(-1).tolist()
    assert method.derive(state, None) == Architecture.of(best)
    W = method.relax(state, method.alpha(state))["cell"]
    assert (W.argmax(-1).tolist(), W.requires_grad) == (best, True)


@pytest.mark.parametrize("name", ["beta-darts", "sdarts", "robust-darts", "p-darts"])
def test_what_does_more_in_a_step_than_its_parts_say_carries_no_other_method(name):
    """Which would leave that out."""
    with pytest.raises(
        UserError, match=f"base is {name}, which does more in a step.*wanted balenas, darts, drnas, gdas"
    ):
        resolve_search({"method": {"name": "tetlo", "base": name}})
    with pytest.raises(UserError, match=f"base is {name}, which does more in a step.*wanted darts or pc-darts"):
        resolve_search({"method": {"name": "balenas", "base": name}})


# --- the updates ----------------------------------------------------------------------------------------------------


def sampled(state, which):
    """What a method draws next, from a copy of its generator."""
    generator = copy.deepcopy(state.generator)
    if which == "snas":
        return gumbel(state.alpha, state.support.option_mask, 5.5, generator)["cell"]  # half-way from 10 to 1
    return dirichlet({"cell": F.elu(state.alpha["cell"]) + 1}, state.support.option_mask, generator)["cell"]


@pytest.mark.parametrize("name", ["darts", "snas", "drnas", "pc-darts", "setn"])
def test_the_gradient_of_alpha_is_that_of_the_validation_loss_through_the_relaxation(start, toy_batch, name):
    method = methods.get(name)()
    state = start(method)
    alpha = state.alpha["cell"]
    W = sampled(state, name) if name in ("snas", "drnas") else alpha.softmax(-1)
    if name == "pc-darts":
        beta = state.alpha["cell edges"]
        groups = [[0], [1, 2], [3, 4, 5]]
        W = W * torch.cat([beta[group].softmax(0) for group in groups])[:, None]
    expected = torch.autograd.grad(loss_at(state, toy_batch(1), W), list(state.alpha.values()))
    _, found = alpha_gradient(method, state, toy_batch(0), toy_batch(1), HALF)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        assert float(one.abs().max()) > 1e-6


@pytest.mark.parametrize("form", ["exact", "finite-difference"])
def test_second_order_looks_through_the_step_that_follows(start, toy_batch, form):
    method = DARTS(order=2, hypergradient=form, **({"radius": 1e-6} if form == "finite-difference" else {}))
    state = start(method)
    method.step(state, toy_batch(2), toy_batch(3), HALF)  # momentum buffers
    network, optimiser = state.context.network, state.trainer.optimiser
    first = torch.autograd.grad(loss_at(state, toy_batch(1), state.alpha["cell"].softmax(-1)), state.alpha["cell"])[0]
    (found,) = alpha_gradient(method, state, toy_batch(0), toy_batch(1), HALF)[1]

    def after_the_step(alpha):
        """The validation loss after a real step of SGD, without Nesterov and clipping."""
        twin = copy.deepcopy(network)
        sgd = torch.optim.SGD(
            twin.parameters(), lr=optimiser.learning_rate(HALF), momentum=0.9, weight_decay=5e-4, foreach=False
        )
        for mine, theirs in zip(twin.parameters(), network.parameters(), strict=True):
            buffer = optimiser.momentum(theirs)
            if buffer is not None:
                sgd.state[mine]["momentum_buffer"] = buffer.clone()
        W = {"cell": alpha.softmax(-1)}
        sgd.zero_grad()
        F.cross_entropy(twin(toy_batch(0).inputs, W).prediction, toy_batch(0).targets).backward()
        sgd.step()
        return float(F.cross_entropy(twin(toy_batch(1).inputs, W).prediction, toy_batch(1).targets).detach())

    alpha = state.alpha["cell"].detach()
    for place in [(0, 3), (2, 1), (5, 4)]:
        nudge = torch.zeros_like(alpha)
        nudge[place] = 1e-5
        slope = (after_the_step(alpha + nudge) - after_the_step(alpha - nudge)) / 2e-5
        assert slope == pytest.approx(float(found[place]), rel=1e-3, abs=1e-8)
    assert (found - first).norm() > 1e-3 * first.norm()


def test_the_order_of_the_two_steps(start, toy_batch, monkeypatch):
    for method, first in [(DARTS(), "weights"), (DARTS(order=2), "alpha")]:
        calls, state = [], start(method)
        monkeypatch.setattr(DARTS, "train_weights", lambda self, *rest, calls=calls: calls.append("weights") or {})
        monkeypatch.setattr(DARTS, "step_alpha", lambda self, *rest, calls=calls: calls.append("alpha") or {})
        method.step(state, toy_batch(0), toy_batch(1), HALF)
        monkeypatch.undo()
        assert calls[0] == first


def test_every_step_of_a_mixture_has_a_gradient_of_its_own(start, toy_batch):
    """Three steps, by hand; the second is computed apart from the step along it."""
    method = DARTS()
    state = start(method)
    network, W = state.context.network, method.relax(state, state.alpha)
    twin = copy.deepcopy(network)
    sgd = torch.optim.SGD(twin.parameters(), lr=0.013, momentum=0.9, nesterov=True, weight_decay=5e-4)
    for step, prepares in ((50, False), (50, True), (50, False)):
        batch = toy_batch(step + prepares)
        sgd.zero_grad()
        F.cross_entropy(twin(batch.inputs, {"cell": W["cell"].detach()}).prediction, batch.targets).backward()
        torch.nn.utils.clip_grad_norm_(twin.parameters(), 5.0)
        sgd.step()
        where, trainer, mixture = Progress(step, 100, 0, 1), state.trainer, Mixture(W)
        if prepares:
            trainer.apply(trainer.compute(batch, mixture), batch, where)
        else:
            trainer.step(batch, mixture, where)
    for mine, theirs in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)


def test_mixtures_train_the_weights_on_what_they_say(start, toy_batch):
    for method, which in [(SNAS(), "snas"), (SNAS(weights_on="mean"), ""), (DrNAS(), "drnas")]:
        state = start(method)
        W = sampled(state, which).detach() if which else state.alpha["cell"].softmax(-1).detach()
        loss = loss_at(state, toy_batch(0), W)
        assert float(method.train_weights(state, toy_batch(0), HALF)["loss"]) == pytest.approx(
            float(loss.detach()), rel=1e-12
        )


# --- draws of architectures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gdas", "snas", "drnas"])
def test_architectures_are_drawn_as_the_method_draws_its_mixtures(start, name):
    """Gumbel noise makes the softmax of alpha; of Gamma(3) and Gamma(2) the first is larger where Beta(3, 2) is above
    a half.
    """
    method = methods.get(name)()
    assert isinstance(method, Distribution)
    state, generator = start(method), torch.Generator().manual_seed(1)
    with torch.no_grad():
        state.alpha["cell"].copy_(torch.tensor([2.0, 1.0, -12.0, -12.0, -12.0]))
    before = state.generator.get_state()
    drawn = [method.draw_architecture(state, generator) for _ in range(400)]
    assert torch.equal(state.generator.get_state(), before)
    first = np.mean([[option == 0 for option in one.options] for one in drawn])
    expected = betainc(2.0, 3.0, 0.5) if name == "drnas" else 1 / (1 + np.exp(-1.0))  # Beta(3, 2) above a half
    assert first == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("name", ["snas", "drnas"])
def test_architectures_are_drawn_as_at_the_end(start, monkeypatch, name):
    """Where a temperature has fallen as far as it does."""
    method, seen = methods.get(name)(), []
    kind = type(method.relaxation)
    draw = kind.draw

    def recorded(self, alpha, support, progress, generator):
        seen.append(progress.fraction)
        return draw(self, alpha, support, progress, generator)

    monkeypatch.setattr(kind, "draw", recorded)
    method.draw_architecture(start(method), torch.Generator())
    assert seen == [1.0]


# --- GDAS -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["run", "scalar", "skip"])
def test_codings_of_the_straight_through_gradient(start, toy_batch, coding):
    """Against a mixture of all options at the 0/1 W: `run` is its gradient, `skip` that of the sampled entries, and
    `scalar` gives the others the sum over all elements of the node's gradient.
    """
    method = GDAS(unselected=coding)
    state = start(method)
    alpha = state.alpha["cell"]
    P = gumbel(state.alpha, state.support.option_mask, 10 - 9.9 * 0.5, copy.deepcopy(state.generator))["cell"]
    hard = F.one_hot(P.argmax(-1), 5).to(P)
    W = hard.clone().requires_grad_()
    (G,) = torch.autograd.grad(loss_at(state, toy_batch(1), W), W)
    (found,) = alpha_gradient(method, state, toy_batch(0), toy_batch(1), HALF)[1]
    if coding == "scalar":
        W = hard.clone().requires_grad_()
        path = Architecture.of(hard.argmax(-1).tolist())
        loss = loss_at(state, toy_batch(1), W, active=path.pairs, unselected="scalar")
        (scalar,) = torch.autograd.grad(loss, W)
        torch.testing.assert_close(scalar[hard > 0], G[hard > 0])
        assert all(len(set(row[keep].tolist())) == 1 for row, keep in zip(scalar, hard == 0, strict=True))
        G = scalar
    if coding == "skip":
        G = G * hard
    (expected,) = torch.autograd.grad((P * G).sum(), alpha)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12)


def test_e2nas_without_exploration_and_complementation_on_logits_is_gdas_a(start, toy_batch):
    """Step for step: GDAS without noise at temperature 1, whose alpha starts where E2NAS's does."""
    gdas = GDAS(noise=0, temperature=1.0, temperature_end=1.0, unselected="run", start=1.0)
    e2nas = E2NAS(gamma=0.0, relaxation="softmax", choose="last", warmup=0)
    one, other = start(gdas), start(e2nas)
    assert torch.equal(one.alpha["cell"].flatten(), other.alpha[0])
    for step in range(12):
        progress = Progress(step, 100, 0, 1)
        a = gdas.step(one, toy_batch(2 * step), toy_batch(2 * step + 1), progress)
        b = e2nas.step(other, toy_batch(2 * step), toy_batch(2 * step + 1), progress)
        assert one.trainer.last == other.trainer.last
        assert float(a["loss"]) == float(b["loss"])
        torch.testing.assert_close(one.alpha["cell"].flatten(), other.alpha[0], rtol=0, atol=1e-12)
    for mine, theirs in zip(one.context.network.parameters(), other.context.network.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    assert gdas.derive(one, None) == e2nas.derive(other, None)
    fewer = start(GDAS(start=1.0))  # with noise other paths are trained
    paths = set()
    for _ in range(12):
        GDAS(start=1.0).train_weights(fewer, toy_batch(0), Progress(0, 100, 0, 1))
        paths.add(fewer.trainer.last)
    assert len(paths) > 3


def test_temperature_falls_linearly(start, monkeypatch):
    import supernas.methods.gdas as module

    seen = []
    monkeypatch.setattr(
        module, "gumbel", lambda alpha, mask, tau, *rest: seen.append(tau) or {"cell": alpha["cell"].softmax(-1)}
    )
    state = start(GDAS())
    for step in (0, 50, 100):
        GDAS().alpha_forward(state, Progress(step, 100, 0, 1), state.generator)
    assert seen == pytest.approx([10.0, 5.05, 0.1])


# --- SETN -----------------------------------------------------------------------------------------------------------


def test_the_likeliest_architectures_are_found_without_listing_the_space():
    generator = np.random.default_rng(0)
    P = generator.dirichlet(np.ones(5), size=6)
    P[2, 1] = 0.0
    products = {SPACE[i]: np.prod([P[e, o] for e, o in SPACE[i].pairs]) for i in range(len(SPACE))}
    expected = sorted(products, key=products.get, reverse=True)[:200]
    found = SPACE.likeliest({"cell": P}, 200)
    assert len(set(found)) == 200
    np.testing.assert_allclose([products[a] for a in found], [products[a] for a in expected])
    few = np.zeros((6, 5))
    few[:, 3] = 1.0
    few[0, 1] = 1.0
    assert len(SPACE.likeliest({"cell": few}, 10)) == 2


def test_setn_trains_uniform_paths_and_answers_with_the_best_of_the_likeliest(start, toy_batch):
    method = SETN(candidates=20, candidate_images=7)
    state = start(method)
    with torch.no_grad():
        state.alpha["cell"].copy_(torch.randn(6, 5) * 3)
    paths = set()
    for _ in range(20):
        method.train_weights(state, toy_batch(0), HALF)
        paths.add(state.trainer.last)
    assert len(paths) > 15  # alpha would have repeated a few
    asked = []

    def validate(architecture, images=None, part=0):
        asked.append((architecture, images))
        return float(SPACE.index(architecture))

    likeliest = SPACE.likeliest({"cell": state.alpha["cell"].detach().softmax(-1).numpy()}, 20)
    assert method.final(state, validate) == max(likeliest, key=SPACE.index)
    assert asked == [(architecture, 7) for architecture in likeliest]


# --- PC-DARTS and DrNAS ---------------------------------------------------------------------------------------------


def test_edge_weights_sum_to_1_at_each_node_and_scale_what_passes_by(start, toy_batch):
    method = PCDARTS(start=1.0)
    state = start(method, channels=8)
    sums = method.relax(state, state.alpha)["cell"].detach().sum(-1)
    for group in ([0], [1, 2], [3, 4, 5]):
        assert float(sums[group].sum()) == pytest.approx(1.0)
    assert not torch.allclose(sums[3:], sums[3:].mean())
    without = PCDARTS(edge_normalisation=False)
    torch.testing.assert_close(without.relax(state, state.alpha)["cell"].sum(-1), torch.ones(6, dtype=torch.float64))
    _, found = alpha_gradient(method, state, toy_batch(0), toy_batch(1), HALF)
    assert float(found[1].abs().max()) > 1e-6
    with torch.no_grad():  # a strong edge wins although its best option is weaker
        state.alpha["cell"].zero_()
        state.alpha["cell"][4, 2] = 5.0
        state.alpha["cell"][5, 3] = 1.0
        state.alpha["cell edges"][5] = 4.0
    W = method.relax(state, state.alpha)["cell"].detach()
    assert float(W[5, 3]) > float(W[4, 2])


def test_the_divergence_is_that_of_the_distributions_and_reaches_alpha(start, toy_batch):
    method = DrNAS(kl=1.0, start=0.5)
    state = start(method)
    beta = F.elu(state.alpha["cell"]) + 1
    expected = kl_divergence(Dirichlet(beta), Dirichlet(torch.ones_like(beta))).sum()
    torch.testing.assert_close(divergence(state), expected)
    generator = state.generator.get_state()
    found = alpha_gradient(method, state, toy_batch(0), toy_batch(1), HALF)[1][0]
    state.generator.set_state(generator)
    without = alpha_gradient(DrNAS(start=0.5), state, toy_batch(0), toy_batch(1), HALF)[1][0]
    torch.testing.assert_close(found - without, torch.autograd.grad(expected, state.alpha["cell"])[0])


def test_the_second_stage_keeps_the_best_options_and_the_trained_weights(start, toy_batch):
    method = DrNAS(progressive=True, keep_options=2)
    old = start(method, channels=8)
    for step in range(3):
        method.step(old, toy_batch(step), toy_batch(step + 3), Progress(step + 40, 100, 0, 1))
    pairs = method.keep(old, 1)
    kept = {choice: [o for c, o in pairs if c == choice] for choice in range(6)}
    alpha = old.alpha["cell"]
    for choice, options in kept.items():
        assert sorted(options) == sorted(alpha[choice].topk(2).indices.tolist())
    network = SPACE.supernet(channels=8, cells=1, num_classes=3, in_channels=1, pairs=pairs, partial=2).double()
    context = SearchContext(network, SPACE, CLASSIFICATION, Plain(), SGDSettings(), 100, 0)
    new = method.carry_over(old, method.init(context))
    assert torch.equal(new.alpha["cell"], alpha.to(new.alpha["cell"]))
    remembered = [next(iter(state.alpha_optimiser.state.values())) for state in (old, new)]
    assert remembered[0]["step"] == 3
    assert remembered[0]["exp_avg_sq"].any()
    for name, tensor in remembered[0].items():
        assert torch.equal(tensor.to(remembered[1][name]), remembered[1][name])
    before, after = old.context.network.state_dict(), network.state_dict()
    widened = 0
    for name, tensor in after.items():
        corner = tuple(slice(0, size) for size in before[name].shape)
        assert torch.equal(tensor[corner], before[name])
        if tensor.shape != before[name].shape:
            widened += 1
            for channel in tensor:
                narrow = channel[: before[name].shape[1]]
                assert any(torch.equal(narrow, there) for there in before[name])
    assert widened > 0
    W = method.relax(new, new.alpha)["cell"]
    assert {(c, o) for c, o in itertools.product(range(6), range(5)) if W[c, o] > 0} == set(pairs)
    drawn = method.relaxation.draw(new.alpha, new.support, HALF, new.generator).W["cell"]
    assert {(c, o) for c, o in itertools.product(range(6), range(5)) if drawn[c, o] > 0} == set(pairs)


def test_the_second_stage_keeps_none_that_a_choice_does_not_offer(tmp_path):
    """Where choices have different numbers of options, a row of alpha is longer than some."""
    config = resolve_search({
        "space": "nas-bench-1shot1-2",
        "method": {"name": "drnas", "progressive": True, "keep_options": 3},
        "supernet": {"channels": 4, "cells": 1},
        "data": {"source": "digits", "train_size": 96},
        "search": {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"},
    })  # fmt: skip
    search = Search(config, tmp_path)
    alpha = search.state.method.alpha["cell"]
    with torch.no_grad():
        alpha[:, 3:] = 9.0  # the largest where they are offered, and nothing elsewhere
    pairs = config.method.keep(search.state.method, 1)
    kept = [sum(choice == at for at, _ in pairs) for choice in range(len(config.space.choices))]
    assert kept == [min(3, len(choice.options)) for choice in config.space.choices]
    assert set(pairs) <= set(config.space.pairs)
    assert all(option >= 3 for choice, option in pairs if config.space.choices[choice].name == "output reads")


def test_movement_is_the_learning_rate_times_the_steps(start):
    for waits, rate in [(0.0, 0.03), (0.6, 0.075)]:
        state = start(GDAS(adam=AdamSettings(lr_times_steps=3.0), alpha_warmup=waits))
        assert state.alpha_optimiser.param_groups[0]["lr"] == pytest.approx(rate)


@pytest.mark.parametrize("epochs", [2, 3, 5, 7])
def test_a_warm_up_begins_where_its_stage_does(epochs):
    """Stages begin with whole epochs, also where their shares do not."""
    method = DrNAS(progressive=True)
    starts = [*stage_starts(method.stages(), epochs), epochs]
    for begin, end in itertools.pairwise(starts):
        moving = [method.alpha_moves(Progress(step, 100 * epochs, 0, epochs)) for step in range(100 * begin, 100 * end)]
        waits = moving.index(True)
        assert waits == pytest.approx(20 * (end - begin), abs=1)
        assert all(moving[waits:])


def test_stages_without_an_epoch_are_refused(tmp_path):
    document = {"method": {"name": "drnas", "progressive": True}, "supernet": {"channels": 4}, "search": {"epochs": 1}}
    with pytest.raises(UserError, match=r"search.epochs = 1: drnas takes 2 epochs at least; give epochs=2 or more"):
        Search(resolve_search(document), tmp_path)

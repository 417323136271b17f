"""E2NAS: every term of the architecture's update against the equation written out, and its ablations."""

import copy
import io
import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import build
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch
from supernas.methods.e2nas.e2nas import E2NAS, participation_ratio
from supernas.methods.e2nas.novelty import Novelty, NoveltySettings
from supernas.networks.model import Choice
from supernas.networks.model_space import ModelSpace
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Search
from supernas.steps.contracts import ALL_IMAGES, SearchContext
from supernas.steps.objectives.complementation import Complementation
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import AdamSettings, SGDSettings

SPACE = spaces.get("nas-bench-201")
SMALL = {
    "archive_size": 12,
    "archive_stride": 1,
    "warmup": 0,
    "novelty": NoveltySettings(decoder_every=1, refit_every=1),
}
"""An archive that is soon full, and a density that is computed anew at every step."""


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def start(toy_network):
    """(state, step) of a search of 100 steps that has just begun; `step(train, valid)` counts its steps."""

    def make(method, objective=None, steps=100, seed=0, space=SPACE, network=None):
        problem = SearchContext(
            network or toy_network(), space, CLASSIFICATION, objective or Plain(), SGDSettings(), steps, seed
        )
        state, done = method.init(problem), iter(range(steps))

        def step(train, valid):
            return method.step(state, train, valid, Progress(next(done), steps, 0, 1))

        return state, step

    return make


def fill(state, spread=0.3):
    """Fills the archive with codes around alpha."""
    for _ in range(state.archive.maxlen):
        state.archive.append(state.alpha.detach() + spread * torch.randn_like(state.alpha))


def validation_gradient(state, alpha, batch, everything=True):
    """<dL/dW, P(alpha)> differentiated: L of a mixture of all options at the 0/1 W of the likeliest ones."""
    alpha = alpha.clone().requires_grad_()
    P = state.autoencoder.probabilities(alpha)[0]
    hard = F.one_hot(P.argmax(1), 5).to(P)
    W = hard.clone().requires_grad_()
    loss = F.cross_entropy(state.context.network(batch.inputs, {"cell": W}).prediction, batch.targets)
    G = torch.autograd.grad(loss, W)[0]
    G = G if everything else G * hard
    return torch.autograd.grad((G * P).sum(), alpha)[0], G


def novelty_gradient(state, alpha, settings):
    """The gradient of log p_A of a density fitted to the archive as it stands."""
    density = Novelty(lambda z: state.autoencoder.probabilities(z).flatten(-2), (5,) * 6, 16, settings)
    density.fit(torch.cat(list(state.archive)))
    return density.gradient(alpha[0])[0][None]


# --- the update -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["all", "selected"])
def test_the_validation_gradient_reaches_alpha_through_the_decoder(start, toy_batch, which):
    state, step = start(E2NAS(gamma=0.0, alpha_gradient=which, warmup=0))
    before = state.alpha.detach().clone()
    step(toy_batch(0), toy_batch(1))
    found = state.alpha.grad
    expected, G = validation_gradient(state, before, toy_batch(1), which == "all")
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)
    other, _ = validation_gradient(state, before, toy_batch(1), which != "all")
    assert (found - other).norm() > 0.1 * other.norm()
    with torch.no_grad():  # the same by finite differences of <G, P(z)>
        for dimension in range(16):
            nudge = 1e-5 * F.one_hot(torch.tensor([dimension]), 16)
            P = [state.autoencoder.probabilities(before + sign * nudge)[0] for sign in (1, -1)]
            difference = float((G * (P[0] - P[1])).sum()) / 2e-5
            assert difference == pytest.approx(float(found[0, dimension]), abs=1e-7)
    assert not torch.equal(state.alpha, before)


@pytest.mark.parametrize("draws", [2, 4, 9])
def test_the_gradient_is_averaged_over_draws_around_alpha_on_parts_of_the_batch(start, toy_batch, draws):
    """Of six images nine draws leave six parts; every image is seen once."""
    state, step = start(E2NAS(gamma=0.0, draws=draws, noise=0.8, warmup=0), seed=3)
    before, generator = state.alpha.detach().clone(), torch.Generator()
    generator.set_state(state.generator.get_state())
    train, valid, seen = toy_batch(0), toy_batch(1), []
    state.context.network.register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    loss = float(step(train, valid)["valid_loss"])
    found, after, gradients, losses = state.alpha.grad, seen[:], [], []
    for x, y in zip(valid.inputs.tensor_split(draws), valid.targets.tensor_split(draws), strict=True):
        if len(y):
            code = before + 0.8 * torch.randn(1, 16, generator=generator)
            gradients.append(len(y) / 6 * validation_gradient(state, code, Batch(x, y))[0])
            W = {"cell": F.one_hot(state.autoencoder.probabilities(code)[0].argmax(1), 5).double()}
            losses.append(len(y) / 6 * F.cross_entropy(state.context.network(x, W).prediction, y).item())
    torch.testing.assert_close(found, sum(gradients), rtol=0, atol=1e-10)
    assert loss == pytest.approx(sum(losses))
    assert sum(after) == 6
    assert (found - validation_gradient(state, before, valid)[0]).norm() > 0.1 * found.norm()


def test_draws_that_would_have_no_effect_are_refused():
    for values, said in [
        ({"noise": 0.3}, "draws=1 has no noise"),
        ({"relaxation": "softmax", "gamma": 0, "draws": 2}, "relaxation=softmax has no draws"),
    ]:
        with pytest.raises(UserError, match=said):
            build(E2NAS, values, "method")
    with pytest.raises(UserError, match=r"e2nas splits no batch of text over draws.*give .*method.draws=1"):
        resolve_search({"space": "darts-rnn", "method": {"name": "e2nas", "draws": 2}})


@pytest.mark.parametrize("gamma", [1.0, 0.3])
@pytest.mark.parametrize(("balance", "region"), [("none", "ball"), ("norm", "ball"), ("none", "prior")])
def test_novelty_reaches_alpha_with_weight_gamma(start, toy_batch, gamma, balance, region):
    method = E2NAS(gamma=gamma, balance=balance, region=region, **SMALL)
    state, step = start(method)
    fill(state)
    norms = []
    for t in range(3):
        before = state.alpha.detach().clone()
        metrics = step(toy_batch(2 * t), toy_batch(2 * t + 1))
        valid, _ = validation_gradient(state, before, toy_batch(2 * t + 1))
        norms.append(float(valid.norm()))
        novelty = novelty_gradient(state, before, method.novelty)
        assert novelty.norm() > 1e-3
        if balance == "norm":  # scaled to the running norm of the validation gradient
            weights = [0.999 ** (t - i) for i in range(t + 1)]
            running = sum(w * n for w, n in zip(weights, norms, strict=True)) / sum(weights)
            novelty = novelty * running / novelty.norm()
        if region == "prior":
            novelty = novelty + before
        torch.testing.assert_close(state.alpha.grad, (1 - gamma) * valid + gamma * novelty, rtol=1e-7, atol=1e-9)
        assert not torch.equal(state.alpha, before)
        assert {"log_p_jacobian", "log_p_latent", "log_p_radial"} <= set(metrics)


@pytest.mark.parametrize("archive", ["visits", "distinct"])
@pytest.mark.parametrize("gamma", [0.0, 0.25])
@pytest.mark.parametrize(("steps", "warmup", "random"), [(100, 0.2, 20), (100, 0.3, 30), (6, 0.5, 3)])
def test_alpha_is_drawn_anew_at_first_and_then_moves_whatever_the_archive_and_gamma(
    start, toy_batch, archive, gamma, steps, warmup, random
):
    state, step = start(E2NAS(gamma=gamma, archive=archive, archive_stride=7, warmup=warmup), steps=steps)
    generator = torch.Generator().manual_seed(0)
    for _ in range(random):
        metrics = step(toy_batch(0), toy_batch(1))
        drawn = torch.randn(1, 16, generator=generator)
        torch.testing.assert_close(state.alpha.detach(), drawn * min(1.0, 4 / float(drawn.norm())))
        assert "log_p_latent" not in metrics
    assert len(state.archive) == (random if archive == "visits" else len(set(state.archived)))
    assert len(torch.cat(list(state.archive)).unique(dim=0)) == len(state.archive) > 1
    before = state.alpha.detach().clone()
    assert ("log_p_latent" in step(toy_batch(0), toy_batch(1))) == (gamma > 0)
    assert not torch.equal(state.alpha, before)
    assert state.alpha_optimiser.param_groups[0]["lr"] == pytest.approx(29.3 / (steps - random))


def test_an_interval_of_alpha(start, toy_batch):
    """Every third step from the warm-up's end on, as far in all as with every step."""
    state, step = start(E2NAS(gamma=0.0, warmup=0.1, alpha_interval=3), steps=20)
    moved = []
    for visit in range(20):
        before = state.alpha.detach().clone()
        metrics = step(toy_batch(visit), toy_batch(-visit))
        moved.append(not torch.equal(state.alpha, before))
        assert ("valid_loss" in metrics) == (visit < 2 or visit % 3 == 2)
    assert moved[2:] == [visit % 3 == 2 for visit in range(2, 20)]
    assert state.alpha_optimiser.param_groups[0]["lr"] == pytest.approx(29.3 / 6)


def test_the_first_density_is_not_one_of_copies(start, toy_batch):
    """Where the decoder is asked about a code of the prior, no term is astronomical."""
    _, step = start(E2NAS(gamma=1.0, warmup=0.2))
    for _ in range(21):
        metrics = step(toy_batch(0), toy_batch(1))
    assert all(abs(float(metrics[f"log_p_{term}"])) < 200 for term in ("jacobian", "latent", "radial"))


def test_weight_decay_pulls_alpha_towards_zero(start, toy_batch):
    method = E2NAS(gamma=0.0, adam=AdamSettings(weight_decay=1e6, lr_times_steps=1.0), region="free", warmup=0)
    state, step = start(method)
    before = state.alpha.detach().clone()
    step(toy_batch(0), toy_batch(1))
    torch.testing.assert_close(state.alpha.detach(), before - 0.01 * before.sign(), rtol=0, atol=1e-6)


def test_repeated_steps_leave_a_crowded_region_of_the_trained_decoder(start, toy_batch):
    state, step = start(E2NAS(gamma=1.0, region="free", **{**SMALL, "archive_stride": 10**6}))
    fill(state)
    centre = torch.cat(list(state.archive)).mean(0)
    distances = []
    for _ in range(16):
        step(toy_batch(0), toy_batch(1))
        distances.append(float((state.alpha[0] - centre).detach().norm()))
    assert distances[3] < distances[7] < distances[15]
    assert distances[15] > 2 * distances[0]


@pytest.mark.parametrize("region", ["ball", "free"])
def test_alpha_is_kept_in_the_ball(start, toy_batch, region):
    """From the start, while it is drawn, and as it moves."""
    state, step = start(
        E2NAS(gamma=0.0, region=region, radius=0.5, warmup=0.02, adam=AdamSettings(lr_times_steps=100.0))
    )
    for _ in range(4):
        inside = float(state.alpha.detach().norm()) <= 0.5 * math.sqrt(16) + 1e-9
        assert inside == (region == "ball")
        step(toy_batch(0), toy_batch(1))


# --- ablations ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["all", "selected"])
@pytest.mark.parametrize("objective", [Plain(), Complementation(epsilon=0.0)], ids=["plain", "epsilon 0"])
def test_without_latent_space_novelty_and_complement_it_is_gdas_a(start, toy_batch, which, objective):
    steps = 3
    method = E2NAS(gamma=0, relaxation="softmax", alpha_gradient=which, warmup=0)
    state, step = start(method, objective, steps)
    network = copy.deepcopy(state.context.network)
    alpha = state.alpha.detach().clone().view(6, 5).requires_grad_()
    sgd = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=5e-4)
    adam = torch.optim.Adam([alpha], lr=29.3 / steps, betas=(0.5, 0.9), weight_decay=1e-3)
    paths = set()
    for t in range(steps):
        train, valid = toy_batch(2 * t), toy_batch(2 * t + 1)
        path = Architecture.of(alpha.argmax(1).tolist())
        paths.add(path)

        sgd.zero_grad()
        F.cross_entropy(network(train.inputs, active=path.pairs).prediction, train.targets).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        sgd.param_groups[0]["lr"] = 0.001 + (0.025 - 0.001) * (1 + math.cos(math.pi * t / steps)) / 2
        sgd.step()

        p = alpha.softmax(1)
        hard = F.one_hot(p.argmax(1), 5)
        W = hard + p - p.detach()
        W = W if which == "all" else W * hard
        loss = F.cross_entropy(network(valid.inputs, {"cell": W}).prediction, valid.targets)
        (alpha.grad,) = torch.autograd.grad(loss, alpha)
        adam.step()

        metrics = step(train, valid)
        assert float(metrics["valid_loss"]) == pytest.approx(loss.item())
        torch.testing.assert_close(state.alpha.detach(), alpha.detach().view(1, 30), rtol=0, atol=1e-8)
    assert len(paths) > 1
    for found, expected in zip(state.context.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-9)
    assert method.derive(state, None) == Architecture.of(alpha.argmax(1).tolist())


@pytest.mark.parametrize(
    ("gamma", "start_half_end"),
    [("sig(10)", (0.99995, 0.5, 0.00005)), ("sig(1)", (0.7311, 0.5, 0.2689)), (0.2, (0.2, 0.2, 0.2))],
)
@pytest.mark.parametrize(("warmup", "visits"), [(0.0, (0, 500, 1000)), (0.5, (500, 750, 1000))])
def test_schedule_of_gamma_is_over_the_steps_in_which_alpha_moves(start, gamma, start_half_end, warmup, visits):
    method = E2NAS(gamma=gamma, warmup=warmup)
    state, _ = start(method, steps=1000)
    found = []
    for state.visits in visits:
        found.append(float(method.epoch(state, None, Progress(0, 1000, 0, 1))["gamma"]))
    assert found == pytest.approx(start_half_end, abs=5e-5)


@pytest.mark.parametrize("values", [{"gamma": "sig"}, {"gamma": -0.1}, {"gamma": 1.5}, {"gamma": "nan"}])
def test_another_gamma_is_refused(values):
    with pytest.raises(UserError, match=r"^method: gamma = .* wanted a number from 0 to 1, or sig\(r\)"):
        build(E2NAS, values, "method")


def test_novelty_needs_a_latent_space():
    with pytest.raises(UserError, match=r"relaxation='softmax' needs .*method\.gamma=0"):
        build(E2NAS, {"relaxation": "softmax"}, "method")


# --- what it remembers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("archive", "stride", "held"), [("visits", 1, 5), ("visits", 2, 3), ("distinct", 1, 1)])
def test_archive_of_visits_or_of_distinct_architectures(start, toy_batch, archive, stride, held):
    state, step = start(
        E2NAS(
            gamma=0.0,
            archive=archive,
            archive_stride=stride,
            warmup=0,
            adam=AdamSettings(lr_times_steps=1e-6),
        )
    )
    before = state.alpha.detach().clone()
    for _ in range(5):
        step(toy_batch(0), toy_batch(1))
    assert len(state.archive) == held
    assert torch.equal(state.archive[0], before)
    assert len(state.visited) == len(state.this_epoch) == 1


def test_archive_holds_the_latest(start, toy_batch):
    state, step = start(E2NAS(gamma=0.0, archive_size=2, archive_stride=1, warmup=0))
    codes = []
    for _ in range(4):
        codes.append(state.alpha.detach().clone())
        step(toy_batch(0), toy_batch(1))
    assert torch.equal(torch.stack(list(state.archive)), torch.stack(codes[-2:]))


def test_choice_of_the_last_or_the_best_visited(start, toy_batch):
    methods = {
        choose: E2NAS(gamma=0.0, choose=choose, warmup=0, adam=AdamSettings(lr_times_steps=300.0))
        for choose in ("last", "best-visited")
    }
    state, step = start(methods["last"])
    while len(state.visited) < 4:
        step(toy_batch(0), toy_batch(1))
    last = methods["last"].derive(state, None)
    best = next(one for one in state.visited if one != last)

    asked = []

    def validate(architecture, images=None):
        asked.append(images)
        return 90.0 if architecture == best else 10.0

    assert methods["last"].final(state, validate) == last
    assert asked == []
    assert methods["best-visited"].final(state, validate) == best
    assert E2NAS(gamma=0.0, candidate_images=300).final(state, validate) == best
    assert asked == [ALL_IMAGES] * len(state.visited) + [300] * len(state.visited)
    with pytest.raises(UserError, match="choose=last has no candidate_images: leave it out"):
        build(E2NAS, {"choose": "last", "candidate_images": 300}, "method")
    with pytest.raises(UserError, match="choose=best-visited has no ridge: leave it out"):
        build(E2NAS, {"ridge": 2.0}, "method")


def test_the_fitted_choice_is_made_of_what_is_good_on_average(start):
    """One cell without a good option is judged far too well; the fit does not believe it."""
    method = E2NAS(gamma=0.0, choose="fitted", candidates=60)
    state, _ = start(method)
    space, generator = state.context.space, np.random.default_rng(0)
    state.visited.extend(space.sample(generator) for _ in range(60))
    worth = generator.normal(size=(6, 5))
    truth = {one: float(worth[range(6), list(one.options)].sum()) for one in state.visited}
    lucky = min(truth, key=truth.__getitem__)

    def validate(architecture, images=None):
        return 99.0 if architecture == lucky else truth[architecture]

    assert E2NAS(gamma=0.0).final(state, validate) == lucky
    assert method.final(state, validate) in sorted(truth, key=truth.__getitem__)[-3:]


def test_the_whole_validation_part_is_what_a_search_asks(tmp_path):
    """More images than there are: all of them, once."""
    torch.set_default_dtype(torch.float32)
    search = {"epochs": 1, "batch_size": 16, "validation_images": 16}
    size, data = {"channels": 2, "cells": 1}, {"source": "digits", "train_size": 96}
    document = {"method": "random-nas", "supernet": size, "data": data, "search": search}
    search = Search(resolve_search(document), tmp_path / "run")
    architecture = Architecture.of([3] * 6)
    few, everything = search.validate(architecture, 16), search.validate(architecture, ALL_IMAGES)
    assert everything == search.validate(architecture, 48) != few


def test_starts_are_seeded(start):
    one, again, other = (start(E2NAS(gamma=0.0), seed=seed)[0].alpha.detach() for seed in (3, 3, 4))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    free, narrow = (start(E2NAS(gamma=0.0, start=width, region="free"), seed=3)[0] for width in (1.0, 0.5))
    torch.testing.assert_close(narrow.alpha.detach(), free.alpha.detach() / 2)


def test_a_saved_state_goes_on_bit_for_bit_in_the_midst_of_novelty(start, toy_batch):
    method = E2NAS(gamma=0.5, archive_size=3, archive_stride=1, warmup=0.04)
    state, step = start(method, Complementation())
    for _ in range(
        7
    ):  # four random ones, and an odd number of gradients: the decoder's terms are kept for the next step
        step(toy_batch(0), toy_batch(1))
    file = io.BytesIO()
    torch.save({"network": state.context.network.state_dict(), "method": state.tree()}, file)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    again, _ = start(method, Complementation(), seed=5)
    again.context.network.load_state_dict(saved["network"])
    again.load(saved["method"])
    for t in range(7, 10):
        for one in (state, again):
            method.step(one, toy_batch(t), toy_batch(-t), Progress(t, 100, 0, 1))
    assert torch.equal(state.alpha, again.alpha)
    assert list(state.visited) == list(again.visited)
    for one, other in zip(state.context.network.parameters(), again.context.network.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_state_saved_while_alpha_is_drawn_draws_the_same(start, toy_batch):
    method = E2NAS(gamma=0.0)
    state, step = start(method)
    step(toy_batch(0), toy_batch(1))
    file = io.BytesIO()
    torch.save(state.tree(), file)
    file.seek(0)
    again, _ = start(method, seed=5)
    again.load(torch.load(file, weights_only=True))
    for one in (state, again):
        method.step(one, toy_batch(0), toy_batch(1), Progress(1, 100, 0, 1))
    assert torch.equal(state.alpha, again.alpha)


# --- several kinds of cell, choices of unequal size ------------------------------------------------------------------


class Unequal(torch.nn.Module):
    """Choices of 2 and of 3 options."""

    def __init__(self):
        super().__init__()
        self.first = Choice("first", {"wide": torch.nn.Linear(4, 3), "plain": torch.nn.Linear(4, 3, bias=False)})
        self.second = Choice("second", {"relu": torch.nn.ReLU(), "tanh": torch.nn.Tanh(), "none": torch.nn.Identity()})

    def forward(self, x):
        return self.second(self.first(x))


def test_logits_of_choices_of_unequal_size(start):
    """Every option is reached and none that is not there; what fills up a row of logits stays 0."""
    space = ModelSpace(Unequal)
    method = E2NAS(gamma=0.0, relaxation="softmax", warmup=0.5)
    state, step = start(method, steps=60, space=space, network=space.supernet())
    generator = torch.Generator().manual_seed(0)
    batch = Batch(torch.randn(12, 4, generator=generator), torch.randint(3, (12,), generator=generator))
    visited = set()
    for _ in range(35):
        visited.add(method.derive(state, None))
        before = state.alpha.detach().clone()
        step(batch, batch)
    assert visited == set(space)
    assert not torch.equal(state.alpha, before)
    moved = int((state.alpha != before).sum())
    assert moved == int((state.alpha != 0).sum()) == 5


def test_novelty_is_balanced_in_each_kind_of_cell(start, toy_batch, monkeypatch):
    """A kind whose loss says little is not moved by the other's."""
    method = E2NAS(gamma=1.0, balance="norm", region="free")
    state, _ = start(method)
    state.alpha = torch.randn(2, 16)
    state.archive.append(torch.randn(2, 16))
    state.novelty = [method._density(state.autoencoder) for _ in range(2)]
    state.visits, state.gradient_norm = 1, torch.zeros(2, 1)
    method._measure(state, torch.tensor([[3.0, 4.0], [0.03, 0.04]]))
    exploration, metrics = method._exploration(state)
    torch.testing.assert_close(exploration.norm(dim=1), torch.tensor([5.0, 0.05]))
    assert 1 <= float(metrics["novelty_dimensions"]) <= 16


def test_participation_ratio_counts_the_coordinates_that_share_a_vector():
    vectors = torch.tensor([[0.0, -3.0, 0.0, 0.0], [1.0, -1.0, 1.0, 1.0], [2.0, 0.0, 2.0, 0.0]])
    assert participation_ratio(vectors).tolist() == [1, 4, 2]

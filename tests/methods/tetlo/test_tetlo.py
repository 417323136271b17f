"""TETLO: what the transfer adds to its base, on every base and in every form; and the auxiliary beside it."""

import copy
import dataclasses
import json

import numpy as np
import pytest
import torch
from torch import nn

import supernas
from supernas import methods
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import build
from supernas.methods.tetlo.auxiliary import AuxiliaryModel, AuxiliarySettings
from supernas.methods.tetlo.quadruples import QRSSettings
from supernas.methods.tetlo.reward import Moments
from supernas.methods.tetlo.tetlo import TETLO, _Now
from supernas.methods.tetlo.transfer import TransferSettings
from supernas.networks.resnet import ResNet
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Search
from supernas.steps.optimisers import SGDSettings

HALF = Progress(50, 100, 0, 2)
NEAR = 1e-6  # no ReLU switches
BASES = {
    "darts": {},
    "darts second order": {"base_settings": {"order": 2}},
    "gdas": {},
    "drnas": {},
    "snas": {},
    "setn": {},
    "pc-darts": {},
    "balenas": {"base_settings": {"samples": 2}},
}


class Tiny(nn.Module):
    """A user's auxiliary: smooth, and quick."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(in_channels, 4, 3, padding=1), nn.Linear(4, num_classes)

    def forward(self, x):
        features = torch.tanh(self.first(x)).mean(dim=(2, 3))
        return self.last(features), features


UNCLIPPED = {"clip": 0}  # the factor that clipping takes counts as a number, which brute force does not know
TINY = AuxiliarySettings(network=Tiny, weights=UNCLIPPED)


def over(name, **settings):
    """TETLO over a base of `BASES`."""
    return TETLO(**{"base": name.split()[0], "auxiliary": TINY, **BASES[name], **settings})


def size_of(name):
    return {"channels": 8} if name == "pc-darts" else {}


def lesson_of(method, state, batches):
    """The lesson that a step would give now, and the gradient in alpha; nothing is changed."""
    before = state.draws.get_state()
    found = _Now(method, state, *batches, HALF).teach()
    state.draws.set_state(before)
    return found


def relative(found, expected):
    found, expected = (torch.cat([one.flatten() for one in many]) for many in (found, expected))
    return float((found - expected).norm() / expected.norm())


def learnt(state):
    """All that a base has learnt."""
    return state.trainer.tree(), state.alpha, state.alpha_optimiser.state_dict(), state.generator.get_state()


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    return one == other


@pytest.fixture
def batches(toy_batch):
    return toy_batch(0, size=10), toy_batch(1, size=10)


# --- the base -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BASES)
def test_without_transfer_it_is_the_base(start, batches, name):
    method = over(name, transfer_weight=0.0)
    base = build(methods.get(method.base), method.base_settings, "method")
    mine, alone = start(method, **size_of(name)), start(base, **size_of(name))
    inner = mine.main
    random = torch.get_rng_state()
    for step in range(48, 52):
        where = Progress(step, 100, 0, 2)
        mine_said, alone_said = (one.step(state, *batches, where) for one, state in ((method, mine), (base, alone)))
        assert all(torch.equal(value, mine_said[key]) for key, value in alone_said.items())
    assert torch.equal(torch.get_rng_state(), random)
    assert equal(learnt(inner), learnt(alone))
    assert equal(inner.context.network.state_dict(), alone.context.network.state_dict())
    assert method.derive(mine, None) == base.derive(alone, None)
    told = over(name)
    told.step(mine, *batches, HALF)
    base.step(alone, *batches, HALF)
    assert not equal(list(inner.alpha.values()), list(alone.alpha.values()))


def test_a_search_without_transfer_is_the_bases(tmp_path):
    def run(folder, method):
        toy = {"data": {"source": "digits", "train_size": 96}, "supernet": {"channels": 2, "cells": 1}}
        sizes = {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"}
        search = Search(resolve_search({"method": method, "search": sizes, **toy}), tmp_path / folder)
        result = search.run()
        alpha = search.config.method.alpha(search.state.method)
        return result.history, (result.folder / "supernet.safetensors").read_bytes(), alpha

    base = run("base", "gdas")
    assert equal(base, run("tetlo", {"name": "tetlo", "base": "gdas", "transfer_weight": 0}))


def test_gamma_weighs_the_bases_gradient_and_the_transfer_is_added(start, batches):
    def gradient(**settings):
        method = over("darts", **settings)
        state = start(method)
        method.step(state, *batches, HALF)
        return state.main.alpha["cell"].grad

    both, transfer, own = gradient(), gradient(gamma=0.0), gradient(transfer_weight=0.0)
    assert min(one.norm() for one in (transfer, own)) > 1e-6
    torch.testing.assert_close(both, own + transfer)
    torch.testing.assert_close(gradient(gamma=0.5), 0.5 * own + transfer)
    assert relative([gradient(gamma=0.0, transfer_weight=2.0)], [transfer]) > 0.1


# --- the gradient ---------------------------------------------------------------------------------------------------

FORMS = {
    "sampled": TransferSettings(),
    "hard": TransferSettings(qrs=QRSSettings(quadruples="hard", count=30)),
    "all, dot": TransferSettings(qrs=QRSSettings(quadruples="all", similarity="dot")),
    "pairs": TransferSettings(form="pairs"),
    "logits": TransferSettings(form="logits", softening=2.0),
}


@pytest.mark.parametrize("name", BASES)
def test_both_forms_agree_over_every_base(start, batches, name):
    exact, near = (over(name, hypergradient=form, **more) for form, more in (("exact", {}), FINITE))
    state = start(exact, **size_of(name))
    with torch.no_grad():
        for one in state.main.alpha.values():
            one.normal_()
    lesson, expected = lesson_of(exact, state, batches)
    same, found = lesson_of(near, state, batches)
    assert max(one.abs().max() for one in expected) > 1e-7
    assert relative(found, expected) < 1e-3
    assert float(same.validation_loss) == pytest.approx(float(lesson.validation_loss), rel=1e-12)


FINITE = ("finite-difference", {"radius": NEAR})


@pytest.mark.parametrize("auxiliary", ["tiny", "searched"])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_knowledge_gives_the_slope_of_the_third_level(start, batches, form, auxiliary):
    """Brute force: alpha is nudged and the whole lesson given anew."""
    options = TINY if auxiliary == "tiny" else AuxiliarySettings(network="searched", weights=UNCLIPPED)
    exact = over("darts", hypergradient="exact", transfer=FORMS[form], auxiliary=options)
    state = start(exact)
    lesson, (gradient,) = lesson_of(exact, state, batches)
    near = over("darts", radius=NEAR, transfer=FORMS[form], auxiliary=options)
    other, (found,) = lesson_of(near, state, batches)
    assert relative([found], [gradient]) < 1e-3
    assert equal([*lesson.own], [*other.own]) or relative(other.own, lesson.own) < 1e-9
    assert bool(lesson.own) == (auxiliary == "searched")
    for place in [(0, 3), (4, 2)]:
        values = []
        for nudge in (1e-5, -2e-5):
            with torch.no_grad():
                state.main.alpha["cell"][place] += nudge
            values.append(float(lesson_of(exact, state, batches)[0].validation_loss))
        with torch.no_grad():
            state.main.alpha["cell"][place] += 1e-5
        assert (values[0] - values[1]) / 2e-5 == pytest.approx(float(gradient[place]), rel=1e-3, abs=1e-9)


def test_a_lesson_takes_four_passes_of_the_main_model(start, batches):
    """And the auxiliary's step none besides them."""
    method = over("darts")
    state = start(method)
    passes = {"main": 0, "auxiliary": 0}
    state.context.network.register_forward_hook(lambda *_: passes.__setitem__("main", passes["main"] + 1))
    state.auxiliary.network.register_forward_hook(lambda *_: passes.__setitem__("auxiliary", passes["auxiliary"] + 1))
    method.step(state, *batches, HALF)
    # two of the base: the weights' step goes past the hook through `embed` and `after_stem` in path methods only
    # one is the base's step of the weights, which level 1 looks through
    assert passes == {"main": 4 + 2 - 1, "auxiliary": 4}


@pytest.mark.parametrize("name", ["darts", "darts second order", "pc-darts", "balenas"])
def test_the_step_that_was_looked_through_is_the_bases_own(start, batches, name, monkeypatch):
    """Computed once or twice, every number is the same."""
    states = []
    for shares in (True, False):
        method = over(name)
        if not shares:
            monkeypatch.setattr(TETLO, "trains_what_it_judges", lambda *_: False)
        states.append(start(method, **size_of(name)))
        for step in (50, 51):
            method.step(states[-1], *batches, Progress(step, 100, 0, 2))
    assert equal(learnt(states[0].main), learnt(states[1].main))
    assert equal(*(state.context.network.state_dict() for state in states))
    assert equal(*(state.auxiliary.network.state_dict() for state in states))


def test_both_forms_see_what_the_auxiliary_drops(start, batches):
    """Both sides of a finite difference have the masks of the step that is looked through."""

    class Dropping(Tiny):
        def forward(self, x):
            _, features = super().forward(x)
            return self.last(nn.functional.dropout(features, 0.5)), nn.functional.dropout(features, 0.5)

    found = []
    for form, more in (("exact", {}), FINITE):
        auxiliary = AuxiliarySettings(network=Dropping, weights=UNCLIPPED)
        method = over("darts", auxiliary=auxiliary, hypergradient=form, **more)
        state = start(method)
        torch.manual_seed(3)
        found.append(lesson_of(method, state, batches)[1])
    assert relative(found[1], found[0]) < 1e-3


def test_a_balanced_transfer_has_the_norm_of_the_bases_gradient(start, batches):
    def gradient(**settings):
        method = over("darts", **settings)
        state = start(method)
        method.step(state, *batches, HALF)
        return state.main.alpha["cell"].grad

    transfer, own = gradient(gamma=0.0), gradient(transfer_weight=0.0)
    expected = 0.5 * own + transfer * (own.norm() / transfer.norm())
    torch.testing.assert_close(gradient(gamma=0.5, balance="norm"), expected)


def test_the_significance_of_an_epochs_transfer():
    """The mean of vectors in its standard errors."""
    drawn = torch.randn(40, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64) + 0.3
    moments = Moments()
    for vector in drawn:
        moments.add([vector[:3], vector[3:]])
    error = (drawn.var(0).sum() / 40).sqrt()
    torch.testing.assert_close(moments.significance(), drawn.mean(0).norm() / error)
    assert Moments().significance() is None


def test_a_budgets_penalty_is_not_gammas(start, batches):
    def gradient(penalty=None, **settings):
        method = over("darts", transfer_weight=0.0, **settings)
        state = start(method)
        state.context = state.main.context = dataclasses.replace(state.context, penalty=penalty)
        state.trainer.context = state.main.context
        method.step(state, *batches, HALF)
        return state.main.alpha["cell"].grad

    def penalty(W):
        return W["cell"][:, 3].square().sum()

    added = gradient(penalty) - gradient()
    assert added.abs().max() > 1e-3
    for gamma in (0.0, 0.5):
        torch.testing.assert_close(gradient(penalty, gamma=gamma), gamma * gradient() + added)


def test_its_draws_are_not_the_bases(start):
    state = start(over("gdas"))
    streams = [torch.rand(200, generator=one) for one in (state.draws, state.main.generator)]
    assert not np.isin(*streams).any()


def test_looking_ahead_leaves_running_averages_alone(start, batches):
    def buffers(**settings):
        method = over("pc-darts", **settings)
        state = start(method, channels=8, batch_norm="tracked")
        for step in (20, 30):  # alpha waits, alpha moves
            method.step(state, *batches, Progress(step, 100, 0, 2))
        return {name: one for name, one in state.context.network.named_buffers() if name.startswith("stem")}

    taught, alone = buffers(), buffers(transfer_weight=0.0)
    assert any(bool(one.any()) for one in alone.values())
    assert equal(taught, alone)


def test_it_draws_from_the_bases_distribution_and_chooses_as_the_base(start):
    method = over("gdas")
    state = start(method)
    draws = [
        one.draw_architecture(of, torch.Generator().manual_seed(1))
        for one, of in ((method, state), (method.main_method, state.main))
    ]
    assert draws[0] == draws[1]
    with pytest.raises(UserError, match="tetlo over darts ends with one architecture"):
        over("darts").draw_architecture(state, torch.Generator())
    setn = over("setn")  # it returns the best of its likeliest, which need not be the likeliest
    state = start(setn)
    ranks = {architecture: rank for rank, architecture in enumerate(reversed(list(state.context.space)))}
    best = setn.final(state, lambda architecture, images: ranks[architecture])
    assert best == setn.main_method.final(state.main, lambda architecture, images: ranks[architecture])
    assert best != setn.derive(state, None)


# --- the auxiliary --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", [0.0, 1.0])
def test_the_auxiliary_makes_the_step_that_was_looked_through(start, batches, transfer):
    plain = {"nesterov": False, "clip": 0.5}
    method = over("darts", transfer_weight=transfer, auxiliary=AuxiliarySettings(network=Tiny, weights=plain))
    state = start(method)
    method.step(state, *batches, HALF)  # from here on there is momentum
    twin = copy.deepcopy(state)
    now = _Now(method, twin, *batches, HALF)
    lesson = now.teach()[0] if transfer else now.learn(True)
    expected = twin.auxiliary.next_step(HALF, 1.0).after(lesson.auxiliary)
    method.step(state, *batches, HALF)
    for name, weight in state.auxiliary.network.named_parameters():
        torch.testing.assert_close(weight.detach(), expected[name])


def test_while_alpha_waits_the_auxiliary_learns_from_the_main_model(start, batches):
    method = over("pc-darts")  # alpha waits for the first 30 %
    early = Progress(10, 100, 0, 2)

    def after(method):
        state = start(method, channels=8)
        alpha = {name: one.detach().clone() for name, one in state.main.alpha.items()}
        said = method.step(state, *batches, early)
        assert equal(list(alpha.values()), [one.detach() for one in state.main.alpha.values()])
        return state, said

    (taught, said), (alone, silent) = after(method), after(over("pc-darts", transfer_weight=0.0))
    assert "transfer_loss" in said
    assert not {"transfer_loss", "transfer_gradient"} & {*silent, *(set(said) - {"transfer_loss"})}
    assert equal(taught.context.network.state_dict(), alone.context.network.state_dict())
    assert not equal(taught.auxiliary.network.state_dict(), alone.auxiliary.network.state_dict())


def test_what_is_recorded_of_the_auxiliary(start, batches):
    method, (train, valid) = over("darts"), batches
    state = start(method)
    lesson, reward = lesson_of(method, state, batches)
    network = copy.deepcopy(state.auxiliary.network)
    loss = nn.functional.cross_entropy(network(train.inputs)[0], train.targets)
    moved = state.auxiliary.next_step(HALF, 1.0).after(lesson.auxiliary)
    network.load_state_dict(moved)
    prediction = network(valid.inputs)[0]
    said = method.step(state, train, valid, HALF)
    assert said["auxiliary_train_loss"] == pytest.approx(loss.item())
    assert said["auxiliary_valid_loss"] == pytest.approx(nn.functional.cross_entropy(prediction, valid.targets).item())
    right = (prediction.argmax(1) == valid.targets).double().mean() * 100
    assert said["auxiliary_valid_metric"] == pytest.approx(right.item())
    assert said["transfer_gradient"] == pytest.approx(reward[0].norm().item())


def test_settings_of_its_weights_change_those_of_the_supernets(start):
    problem = dataclasses.replace(start(over("darts")).context, weights=SGDSettings(nesterov=False))
    made = AuxiliaryModel.make(problem, AuxiliarySettings(network=Tiny, weights={"lr": 0.5}), {}, 10)
    assert made.optimiser.options == SGDSettings(lr=0.5, nesterov=False)


def test_another_seed_is_another_auxiliary(start):
    first, again, other = (start(over("darts"), seed=seed).auxiliary.network.state_dict() for seed in (0, 0, 1))
    assert equal(first, again)
    assert not equal(first, other)


def test_a_searched_auxiliary_moves_its_own_alpha(start, batches):
    method = over("darts", auxiliary=AuxiliarySettings(network="searched"))
    state = start(method)
    assert not equal(state.auxiliary.network.state_dict(), state.context.network.state_dict())
    before = state.auxiliary.alpha["cell"].detach().clone()
    (slope,) = lesson_of(method, state, batches)[0].own
    method.step(state, *batches, HALF)
    moved = state.auxiliary.alpha["cell"].detach() - before
    assert state.auxiliary.alpha_optimiser.param_groups[0]["lr"] == pytest.approx(5.9 / 100)
    assert (moved.sign() == -slope.sign())[slope.abs() > 1e-6].all()
    assert moved.abs().max() > 1e-3
    waiting = start(over("pc-darts", auxiliary=AuxiliarySettings(network="searched")), channels=8)
    assert waiting.auxiliary.alpha_optimiser.param_groups[0]["lr"] == pytest.approx(5.9 / 70)
    assert not torch.equal(state.auxiliary.alpha["cell"], state.main.alpha["cell"])


def test_a_restart_gives_other_weights_and_no_momentum(start, batches):
    method = over("darts", auxiliary=AuxiliarySettings(network=Tiny, restart=2))
    state = start(method)
    first = copy.deepcopy(state.auxiliary.network.state_dict())
    method.step(state, *batches, HALF)
    trained = copy.deepcopy(state.auxiliary.network.state_dict())
    for epoch, renewed in ((0, False), (1, True), (5, False)):  # nothing is left to learn after the last epoch
        method.epoch(state, None, Progress(50, 100, epoch, 6))
        assert equal(state.auxiliary.network.state_dict(), trained) != renewed
        trained = copy.deepcopy(state.auxiliary.network.state_dict())
    assert not equal(state.auxiliary.network.state_dict(), first)
    assert not state.auxiliary.optimiser.sgd.state
    twin = start(method)
    twin.auxiliary.restart()
    assert equal(twin.auxiliary.network.state_dict(), state.auxiliary.network.state_dict())


def test_draws_go_on_through_stages(start):
    method = over("drnas")
    old, new = start(method), start(method)
    assert method.carry_over(old, new).draws is old.draws


@pytest.mark.parametrize("network", ["resnet-8", "searched"])
def test_the_auxiliary_through_stages_and_interruptions(tmp_path, network):
    """A fixed one goes on where the supernet changes; a searched one is another network then, and keeps its alpha."""
    progressive = {"name": "tetlo", "base": "drnas", "base_settings": {"progressive": True}}
    document = {
        "method": {**progressive, "auxiliary": {"network": network, "restart": 1}},
        "data": {"source": "digits", "train_size": 96},
        "supernet": {"channels": 4, "cells": 1},
        "search": {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"},
    }
    config = resolve_search(document)
    assert resolve_search(config.document()) == config

    def run(search):
        result = search.run()
        lines = [json.loads(line) for line in (result.folder / "metrics.jsonl").read_text().splitlines()]
        return search.state.method.tree(), [{**line, "seconds": 0} for line in lines]

    whole = run(Search(config, tmp_path / "whole"))
    said = {"auxiliary_train_loss", "auxiliary_valid_loss", "auxiliary_valid_metric", "transfer_loss"}
    assert said <= set(whole[1][0])
    assert whole[0]["auxiliary"]["restarts"] == int(network == "resnet-8")
    broken = Search(config, tmp_path / "stopped", on_step=lambda at, _: at.step == 3 and broken.stop())
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    torch.manual_seed(5)
    assert equal(run(Search(config, tmp_path / "stopped", resume=True)), whole)


def test_the_networks_by_name():
    sizes = {name: AuxiliarySettings(network=name) for name in ("resnet-8", "resnet-18")}
    assert all(one.network == name for name, one in sizes.items())
    count = {widths: sum(p.numel() for p in ResNet(widths, blocks).parameters()) for widths, blocks in WIDTHS}
    assert list(count.values()) == [78_042, 11_173_962]
    prediction, features = ResNet((2, 4), num_classes=5, in_channels=1)(torch.randn(3, 1, 8, 8))
    assert (prediction.shape, features.shape) == ((3, 5), (3, 4))
    assert features.min() >= 0  # a block ends in a ReLU


WIDTHS = [((16, 32, 64), 1), ((64, 128, 256, 512), 2)]


# --- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"transfer": {"qrs": {"targets": "hard"}}}, "hard targets have no derivative in the main model"),
        ({"base": "nao"}, "no relaxation to look through; wanted balenas, darts"),
        ({"base": "dart"}, "did you mean 'darts'"),
        ({"base_settings": {"ordre": 2}}, "did you mean 'method.base_settings.order'"),
        ({"base": "balenas", "base_settings": {"adam": {"curvature": "exact", "sqrt": False}}}, "no curvature"),
        ({"base": "gdas", "base_settings": {"unselected": "run"}, "hypergradient": "exact"}, "without a graph"),
        ({"hypergradient": "exact", "radius": 0.1}, "has no radius"),
        ({"transfer": {"form": "logits", "qrs": {"similarity": "dot"}}}, "form=logits has no qrs.similarity"),
        ({"transfer": {"form": "pairs", "qrs": {"count": 3}}}, "form=pairs has no qrs.count"),
        ({"transfer": {"softening": 3}}, "has no softening"),
        ({"auxiliary": {"network": "resnet8"}}, "did you mean 'resnet-8'"),
        ({"auxiliary": {"adam": {"lr_times_steps": 3}}}, "a fixed auxiliary has no adam"),
        ({"auxiliary": {"weights": {"rl": 3}}}, "did you mean 'weights.lr'"),
        ({"auxiliary": {"network": nn.Identity()}}, "wanted what makes one"),
        ({"transfer_weight": 0, "transfer": {"form": "logits"}}, "transfer_weight=0 has no transfer"),
        ({"transfer_weight": 0, "hypergradient": "exact"}, "transfer_weight=0 has no hypergradient"),
        ({"base_settings": {"radius": 0.1}}, "order=1 has no radius"),
    ],
)
def test_what_does_not_go_together(settings, reason):
    with pytest.raises(UserError, match=reason) as caught:
        resolve_search({"method": {"name": "tetlo", **settings}})
    assert "\n" not in str(caught.value)


def test_texts_are_refused():
    with pytest.raises(UserError, match="cannot search the space darts-rnn: its auxiliary model keeps no hidden state"):
        resolve_search({"space": "darts-rnn", "method": "tetlo"})


def test_an_auxiliary_must_give_its_features(start, batches):
    method = over("darts", auxiliary=AuxiliarySettings(network=lambda: nn.Sequential(nn.Flatten(), nn.Linear(64, 3))))
    state = start(method)
    with pytest.raises(UserError, match=r"returns Tensor; wanted \(logits, features\)"):
        method.step(state, *batches, HALF)
    with pytest.raises(UserError, match="cannot be made: missing a required argument: 'width'"):
        start(over("darts", auxiliary=AuxiliarySettings(network=lambda width: None)))
    named = AuxiliarySettings()
    state.context.data_shape.clear()
    with pytest.raises(UserError, match="what makes a module that fits them"):
        type(state.auxiliary).make(state.context, named, {}, 10)


def test_a_users_model_is_searched(tmp_path):
    """Whatever the data are, with an auxiliary that reads them."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = supernas.Choice("layer", {"relu": nn.ReLU(), "tanh": nn.Tanh()})
            self.first, self.last = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x):
            features = self.layer(self.first(x))
            return self.last(features), features

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = nn.Linear(4, 3), nn.Linear(3, 2)

        def forward(self, x):
            return self.last(self.first(x)), self.first(x)

    inputs = torch.randn(64, 4)
    found = supernas.search(
        space=supernas.ModelSpace(Net),
        method="tetlo",
        config={"method": {"auxiliary": {"network": Small}}, "search": {"batch_size": 16}},
        data=(inputs, (inputs[:, 0] > 0).long()),
        epochs=1,
        device="cpu",
        out=tmp_path / "run",
    )
    saved = json.loads((tmp_path / "run" / "config.json").read_text())
    assert saved["method"]["auxiliary"]["network"] == "python:Small"
    with pytest.raises(UserError, match="Small was given in Python; give it again there"):
        Search(resolve_search({"method": saved["method"], "data": {"source": "digits"}}), tmp_path / "again").run()
    assert found.text in ("layer=relu", "layer=tanh")

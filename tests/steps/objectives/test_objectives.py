"""Objectives: which paths they run, with which weights, and that every one of them reaches the gradient."""

import copy
import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import supernas
from runs_toy import SEARCH, left_behind
from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Search
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.complementation import Complementation
from supernas.steps.objectives.nsas import NSAS
from supernas.steps.objectives.plain import Plain
from supernas.steps.objectives.wpl import WPL, squared_gradients
from supernas.steps.optimisers import SGDSettings
from supernas.steps.weights import PathTrainer

SPACE = spaces.get("nas-bench-201")
A, B, C = (Architecture.of(options) for options in ([3, 1, 2, 1, 3, 4], [2, 1, 2, 3, 3, 1], [1, 3, 2, 4, 2, 3]))

SKIPS = Architecture.of([1] * 6)


class Bench:
    """A network, a batch, and an objective with its state; records which paths are run."""

    def __init__(self, network, batch, objective):
        self.network, self.batch, self.objective = network, batch, objective
        self.state = objective.init(network, SPACE, seed=0)
        self.paths = []

    def loss(self, path):
        output = self.network(self.batch.inputs, active=path.pairs)
        return F.cross_entropy(output.prediction, self.batch.targets), output

    def step(self, architecture):
        """The paths of one step, its metrics and the weights' gradient; weights do not move."""
        self.network.zero_grad()
        self.paths = []

        def forward(path):
            self.paths.append(path)
            return self.loss(path)

        metrics, output = self.objective.backward(self.state, architecture, forward)
        torch.testing.assert_close(output.prediction, self.loss(architecture)[1].prediction)
        return self.paths, metrics, {name: p.grad for name, p in self.network.named_parameters()}

    def weighted(self, weights):
        """Loss and gradient of a weighted sum of paths' losses, one path at a time, added up by hand."""
        total, gradient = 0.0, {}
        for path, weight in weights.items():
            loss, _ = self.loss(path)
            total += weight * loss.item()
            found = torch.autograd.grad(loss, list(self.network.parameters()), allow_unused=True)
            for (name, _), one in zip(self.network.named_parameters(), found, strict=True):
                if one is not None:
                    gradient[name] = gradient.get(name, 0.0) + weight * one
        return total, gradient


@pytest.fixture
def bench(toy_network, toy_batch):
    return lambda objective: Bench(toy_network(), toy_batch(), objective)


def assert_gradient(found, expected):
    assert {name for name, gradient in found.items() if gradient is not None} == set(expected)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=0, atol=1e-12)


WEIGHTS = [  # epsilon, weighting, normalise -> weights of current, previous and complement
    (0.5, "paper", False, (0.5, 0.5, 0.5)),
    (0.5, "paper", True, (1 / 3, 1 / 3, 1 / 3)),
    (0.2, "paper", False, (0.8, 0.2, 0.2)),
    (0.2, "released", False, (0.8, 0.1, 0.1)),
    (0.2, "released", True, (0.8, 0.1, 0.1)),
    (0.2, "paper", True, (0.8 / 1.2, 0.2 / 1.2, 0.2 / 1.2)),
]


@pytest.mark.parametrize(("epsilon", "weighting", "normalise", "weights"), WEIGHTS)
def test_complementation_is_the_weighted_sum_of_three_paths(bench, epsilon, weighting, normalise, weights):
    one = bench(Complementation(epsilon=epsilon, weighting=weighting, normalise=normalise))
    one.step(A)
    paths, metrics, gradient = one.step(B)
    assert paths[:2] == [B, A]
    assert len(paths) == 3
    assert not set(paths[2].pairs) & set(A.pairs)
    assert set(B.pairs) <= set(A.pairs) | set(paths[2].pairs)
    loss, expected = one.weighted(dict(zip(paths, weights, strict=True)))
    assert_gradient(gradient, expected)
    assert float(metrics["loss"]) == pytest.approx(loss)
    for name, path in zip(("current", "previous", "complement"), paths, strict=True):
        assert float(metrics[f"loss_{name}"]) == pytest.approx(one.loss(path)[0].item())


def test_complementation_gives_what_plain_does_not(bench):
    one, plain = bench(Complementation()), bench(Plain())
    plain.network.load_state_dict(one.network.state_dict())
    for each in (one, plain):
        each.step(SKIPS)
    (_, _, found), (_, _, without) = one.step(SKIPS), plain.step(SKIPS)
    extra = [f"body.0.edges.{c}.{o}.conv.weight" for c, o in one.paths[1].pairs if o in (2, 3)]
    assert all(found[name] is not None and without[name] is None for name in extra)
    assert any(found[name].abs().max() > 0 for name in extra)
    assert all(not torch.equal(found[name], gradient) for name, gradient in without.items() if gradient is not None)


@pytest.mark.parametrize("first", [True, False], ids=["first step", "epsilon 0"])
def test_one_path_is_bit_for_bit_the_plain_objective_and_draws_nothing(bench, first):
    one, plain = bench(Complementation(epsilon=0.5 if first else 0.0)), bench(Plain())
    plain.network.load_state_dict(one.network.state_dict())
    before, everything = copy.deepcopy(one.state.generator.bit_generator.state), torch.get_rng_state()
    for architecture in (A,) if first else (A, B, B):
        paths, metrics, found = one.step(architecture)
        _, plain_metrics, expected = plain.step(architecture)
        assert paths == [architecture]
        assert torch.equal(metrics["loss"], plain_metrics["loss"])
        for name, gradient in found.items():
            assert (gradient is None) == (expected[name] is None)
            assert gradient is None or torch.equal(gradient, expected[name])
    assert one.state.generator.bit_generator.state == before
    assert torch.equal(torch.get_rng_state(), everything)


def test_previous_path_of_the_step_before_or_the_last_that_differs(bench):
    visits = [A, A, B, B, B, C]
    before = {"step": [None, A, A, B, B, B], "distinct": [None, None, A, A, A, B]}
    for previous, expected in before.items():
        one = bench(Complementation(previous=previous))
        for now, earlier in zip(visits, expected, strict=True):
            paths, _, _ = one.step(now)
            if earlier is None:
                assert paths == [now]
            elif earlier == now:  # two paths: the current one stands for both
                assert len(paths) == 2
                assert SPACE.distance(paths[1], now) == 6
            else:
                assert paths[:2] == [now, earlier]


def test_a_path_that_is_current_and_previous_has_both_weights(bench):
    one = bench(Complementation(epsilon=0.2, normalise=False))
    one.step(A)
    paths, _, gradient = one.step(A)
    _, expected = one.weighted({A: 1.0, paths[1]: 0.2})
    assert_gradient(gradient, expected)


def test_epsilon_1_does_not_leave_the_current_path_out_of_the_report(bench):
    one = bench(Complementation(epsilon=1.0))
    one.step(A)
    paths, metrics, gradient = one.step(B)
    assert paths[0] == B  # run for its output
    _, expected = one.weighted({paths[1]: 0.5, paths[2]: 0.5})
    assert float(metrics["loss_current"]) == pytest.approx(one.loss(B)[0].item())
    assert_gradient(gradient, expected)


def test_complements_are_seeded(bench):
    def complements(seed):
        one = bench(Complementation())
        one.state = one.objective.init(one.network, SPACE, seed)
        return [one.step(A)[0][-1] for _ in range(5)]

    assert complements(1) == complements(1) != complements(2)


@pytest.mark.parametrize(("weighting", "extra"), [("paper", 0.2), ("released", 0.1)])
def test_all_complements_take_what_the_previous_path_leaves_out_with_the_weight_of_one(bench, weighting, extra):
    one = bench(Complementation(epsilon=0.2, weighting=weighting, complements="all", normalise=False))
    one.step(A)
    paths, metrics, gradient = one.step(B)
    assert paths[:2] == [B, A]
    complements = paths[2:]
    assert len(complements) == 4
    together = Counter(pair for path in (A, *complements) for pair in path.pairs)
    assert together == dict.fromkeys(SPACE.pairs, 1)
    loss, expected = one.weighted({B: 0.8, A: extra, **dict.fromkeys(complements, extra / 4)})
    assert_gradient(gradient, expected)
    assert float(metrics["loss"]) == pytest.approx(loss)
    mean = np.mean([one.loss(path)[0].item() for path in complements])
    assert float(metrics["loss_complement"]) == pytest.approx(mean)


class Twos(nn.Module):
    """Every choice has two options."""

    def __init__(self):
        super().__init__()
        self.choices = nn.ModuleList(
            supernas.Choice(str(place), {"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)}) for place in range(4)
        )

    def forward(self, x):
        for choice in self.choices:
            x = torch.tanh(choice(x))
        return x


def test_all_complements_are_the_one_of_eq_7_where_choices_have_two_options():
    space = supernas.ModelSpace(Twos)
    network = space.supernet().double()
    x, y = torch.randn(5, 3, dtype=torch.float64), torch.tensor([0, 1, 2, 1, 0])
    generator = np.random.default_rng(0)
    visits = [space.sample(generator) for _ in range(6)]
    found = {}
    for complements in (1, "all"):
        objective, paths, gradients = Complementation(complements=complements), [], []
        state = objective.init(network, space, 0)
        for current in visits:
            network.zero_grad()

            def run(path, paths=paths):
                paths.append(path)
                output = network(x, active=path.pairs)
                return F.cross_entropy(output.prediction, y), output

            objective.backward(state, current, run)
            gradients += [p.grad for p in network.parameters() if p.grad is not None]
        found[complements] = paths, gradients
    assert found[1][0] == found["all"][0]
    assert len(found[1][0]) > len(visits) + 5
    assert all(torch.equal(a, b) for a, b in zip(found[1][1], found["all"][1], strict=True))


# --- NSAS -----------------------------------------------------------------------------------------------------------


def draws(count, seed=0):
    generator = np.random.default_rng(seed)
    return [SPACE.sample(generator) for _ in range(count)]


@pytest.mark.parametrize("normalise", [True, False])
def test_nsas_is_the_weighted_sum_over_current_and_archive(bench, normalise):
    one = bench(NSAS(beta=0.3, members=4, normalise=normalise, draws=5))
    for number, architecture in enumerate(draws(9)):
        paths, metrics, gradient = one.step(architecture)
        if number < 4:
            assert paths == [architecture]  # fills
            continue
        members = one.state.constraints
        assert len(members) == 4
        total = 1 + 0.3 * 4 if normalise else 1.0
        weights = {architecture: 1 / total}
        for member in members:
            weights[member] = weights.get(member, 0.0) + 0.3 / total
        assert set(paths) == set(weights)
        loss, expected = one.weighted(weights)
        assert_gradient(gradient, expected)
        assert float(metrics["loss"]) == pytest.approx(loss)
        plain = one.weighted({architecture: 1.0})[1]
        assert any(name not in plain or not torch.allclose(plain[name], g) for name, g in expected.items())


def brute_force_novelty(architecture, members, k):
    """Eq. 7 over all subsets: the k nearest are the k with the smallest mean distance."""
    distances = [sum(a != b for a, b in zip(architecture.options, m.options, strict=True)) for m in members]
    return min(np.mean(chosen) for chosen in itertools.combinations(distances, min(k, len(members))))


def test_novelty_is_the_mean_distance_to_the_nearest(bench):
    state = bench(NSAS()).state
    for seed in range(20):
        architecture, *members = draws(7, seed)
        for k in (1, 3, 6, 10):
            found = state.novelty("cell", architecture, members, k)
            assert found == pytest.approx(brute_force_novelty(architecture, members, k))


def test_greedy_selection_is_algorithm_1(bench):
    """Against the algorithm written out, on the same random numbers."""
    one = bench(NSAS(members=5, recent=8, draws=6))
    members, recent, replaced = [], [], 0
    for current in draws(60):
        generator = copy.deepcopy(one.state.generator)
        one.step(current)
        if len(members) < 5:
            members = [*members, current]
        else:
            nearest = min(SPACE.distance(m, current) for m in members)
            place = [SPACE.distance(m, current) for m in members].index(nearest)  # the oldest of equals
            m, rest = members[place], members[:place] + members[place + 1 :]
            for number in generator.integers(len(recent), size=6):
                r = recent[number]
                if brute_force_novelty(r, rest, 4) > brute_force_novelty(m, rest, 4):
                    m = r
            replaced += m != members[place]
            members = [*rest, m] if m != members[place] else members
        recent = [*recent, current][-8:]
        assert one.state.members == {"cell": members}
        assert list(one.state.recent) == recent
    assert replaced >= 3


@pytest.mark.parametrize(("drawn", "improves"), [([1, 1, 1, 1, 0, 0], True), ([1, 1, 0, 0, 0, 0], False)])
def test_a_member_and_what_may_replace_it_are_compared_by_the_same_others(bench, drawn, improves):
    """What is drawn is as like the member as can be; the archive is more diverse with it, or less."""
    one = bench(NSAS(members=2))
    stays, goes, drawn = (Architecture.of(options) for options in ([0] * 6, [1, 1, 1, 0, 0, 0], drawn))
    one.state.members["cell"] = [stays, goes]
    one.state.recent.append(drawn)
    assert (SPACE.distance(drawn, stays) > SPACE.distance(goes, stays)) == improves
    assert one.objective._replaced(one.state, "cell", goes) == [stays, drawn if improves else goes]


def test_the_archive_grows_diverse(bench):
    def spread(members):
        return np.mean([SPACE.distance(a, b) for a, b in itertools.combinations(members, 2)])

    one = bench(NSAS())
    visits = draws(8)
    for architecture in visits:
        one.step(architecture)
    assert one.state.constraints == visits  # filled by the current ones
    for architecture in draws(60, seed=1):
        one.state.members["cell"] = one.objective._replaced(one.state, "cell", architecture)
        one.state.recent.append(architecture)
    assert spread(one.state.constraints) > spread(visits) + 0.3
    filled = NSAS(fill="random").init(one.network, SPACE, 0).constraints
    assert len(filled) == 8
    assert spread(filled) > spread(draws(8, seed=2))


def test_each_kind_of_cell_has_an_archive_of_its_own():
    """Against an archive over one kind alone: what the other kind is does not matter."""
    space = spaces.get("darts-cnn")
    generator = np.random.default_rng(0)
    drawn = [space.sample(generator) for _ in range(30)]
    fixed = space.sample(generator)
    states = []
    for current in (drawn, [space.combined({"normal": one, "reduce": fixed}) for one in drawn]):
        objective = NSAS(members=3, recent=6, draws=4)
        state = objective.init(None, space, 0)
        for architecture in current:
            state.generator = np.random.default_rng(5)
            objective.backward(state, architecture, lambda _: (torch.ones((), requires_grad=True), "output"))
            assert all(space.contains(one) for one in state.constraints)
        states.append(state)
    whole, alone = ([space.combined({"normal": m, "reduce": fixed}) for m in s.members["normal"]] for s in states)
    assert whole == alone != drawn[:3]
    one, other = drawn[:2]
    parts = [space.distance_in(kind, one, other) for kind in space.kinds]
    assert sum(parts) == space.distance(one, other)
    assert parts[0] == space.distance(one, space.combined({"normal": other, "reduce": one}))
    assert len({tuple(p for p in m.pairs if p[0] >= 14) for m in states[0].members["normal"]}) > 1  # not read


def test_replay_trains_drawn_members_with_the_weight_of_all(bench):
    one = bench(NSAS(beta=0.25, members=4, constraint="replay", replays=2, normalise=False))
    for architecture in draws(4):
        one.step(architecture)
    (current,) = draws(1, seed=5)
    paths, _, gradient = one.step(current)
    assert 2 <= len(paths) <= 3
    weight = 0.25 * 4 / (len(paths) - 1)
    _, expected = one.weighted({current: 1.0} | dict.fromkeys(paths[1:], weight))
    assert_gradient(gradient, expected)


OFF = [
    ("nsas", {"beta": 0.0}),
    ("complementation", {"epsilon": 0.0}),
    ("wpl", {"epsilon": 0.0}),
]


@pytest.mark.parametrize(("name", "settings"), OFF)
def test_a_run_with_the_objective_switched_off_equals_the_plain_run_bit_for_bit(tmp_path, name, settings):
    runs = {}
    for objective in ({"name": "plain"}, {"name": name, **settings}):
        document = {**SEARCH, "method": {"name": "random-nas", "candidates": 3}, "objective": objective}
        folder = tmp_path / objective["name"]
        Search(resolve_search(document), folder).run()
        runs[objective["name"]] = left_behind(folder)
    assert runs[name]["weights"] == runs["plain"]["weights"]
    assert runs[name]["result"]["architecture"] == runs["plain"]["result"]["architecture"]
    assert [line["loss"] for line in runs[name]["lines"]] == [line["loss"] for line in runs["plain"]["lines"]]


# --- WPL ------------------------------------------------------------------------------------------------------------


def test_fisher_information_against_a_loop_over_samples(toy_network, toy_batch):
    network, batch = toy_network(), toy_batch(size=6)
    output = network(batch.inputs, active=A.pairs)
    loss = F.cross_entropy(output.prediction, batch.targets)
    for samples in (6, 2):
        found = squared_gradients(loss, output.prediction, network, samples)
        expected = {}
        for n in range(samples):
            own = F.cross_entropy(network(batch.inputs, active=A.pairs).prediction[n : n + 1], batch.targets[n : n + 1])
            gradients = torch.autograd.grad(own, list(network.parameters()), allow_unused=True)
            for (name, _), g in zip(network.named_parameters(), gradients, strict=True):
                if g is not None:
                    expected[name] = expected.get(name, 0.0) + g.square() / samples
        assert set(found) == set(expected)
        for name, square in expected.items():
            torch.testing.assert_close(found[name], square, rtol=1e-9, atol=1e-15)


@pytest.fixture
def trained(toy_network, toy_batch):
    """Trains A, B, A, B, ... with an objective; the network's weights, gradients and the objective's state."""

    def run(objective, steps):
        torch.manual_seed(0)
        network = toy_network()
        problem = SearchContext(network, SPACE, CLASSIFICATION, objective, SGDSettings(clip=0.0, momentum=0.0), 100, 0)
        trainer, metrics = PathTrainer.make(problem), []
        for step in range(steps):
            metrics.append(trainer.step(toy_batch(step), (A, B)[step % 2], Progress(step, 100, 0, 1)))
        return network, trainer.objective, metrics

    return run


def test_with_an_anchor_at_every_step_the_hold_never_acts(trained):
    """What the released code does with one batch an architecture: w = w* whenever the gradient is taken."""
    network, state, metrics = trained(WPL(hold=1, epsilon=1e6, largest=1e9), 6)
    plain, _, _ = trained(Plain(), 6)
    assert state.weights
    assert all(float(one["hold"]) == 0 for one in metrics)
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), plain.parameters(), strict=True))


@pytest.mark.parametrize("fisher", ["batch", "sample"])
def test_the_hold_is_the_gradient_of_its_penalty_on_shared_weights(trained, toy_batch, fisher):
    settings = {"hold": 3, "epsilon": 50.0, "decay": 0.0, "fisher": fisher, "samples": 6}
    network, state, metrics = trained(WPL(**settings), 5)  # anchored before step 3, held in steps 3 and 4
    assert float(metrics[3]["hold"]) == 0 < float(metrics[4]["hold"])
    shared = set(state.weights)
    assert "stem.0.weight" in shared  # the stem belongs to every path
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    network.zero_grad()
    WPL(**settings).backward(state, B, lambda path: forward(network, path, toy_batch(5)))
    found = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    plain = copy.deepcopy(network)
    plain.zero_grad()
    forward(plain, B, toy_batch(5))[0].backward()
    held = 0
    for name, p in plain.named_parameters():
        if p.grad is None:
            continue
        expected = p.grad
        if name in shared:
            strength = (50.0 * state.fisher[name]).clamp_max(10.0)
            expected = expected + strength * (before[name] - state.weights[name])
            held += 1
        torch.testing.assert_close(found[name], expected, rtol=1e-9, atol=1e-12)
    assert held > 5


def forward(network, path, batch):
    output = network(batch.inputs, active=path.pairs)
    return F.cross_entropy(output.prediction, batch.targets), output

"""Objectives: which paths they run, with which weights, and that every one of them reaches the gradient."""

import copy

import pytest
import torch
from torch.nn import functional as F

from supernas import spaces
from supernas.architecture import Architecture
from supernas.objectives.complementation import Complementation
from supernas.objectives.plain import Plain

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

"""ENAS: the controller's probabilities, its gradient against the expectation written out, and what it learns."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch

from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.progress import Progress
from supernas.core.state import to_tree
from supernas.core.task import CLASSIFICATION
from supernas.methods.enas import ENAS, Controller, moving_average, reward, surrogate
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings

SPACE = spaces.get("nas-bench-201")
SIZES = (2, 3, 1, 3)
EVERY = torch.tensor(list(itertools.product(*map(range, SIZES))))


def controller(shared=False, spread=2.0):
    """A toy controller in float64 that is far from uniform."""
    made = Controller(SIZES, ENAS(hidden=4, temperature=1.0, shared=shared)).double()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(spread / 0.1)
    return made


def start(problem, task=CLASSIFICATION, **settings):
    method = ENAS(**settings)
    return method, method.init(SearchContext(**{**vars(problem), "task": task}))


@pytest.fixture
def problem(toy_network):
    return SearchContext(toy_network(), SPACE, CLASSIFICATION, Plain(), SGDSettings(), 100, 3)


# --- the policy -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [False, True])
def test_score_equals_one_decision_after_another(shared):
    policy = controller(shared)
    log_prob, entropy = policy.score(EVERY)
    assert float(log_prob.detach().exp().sum()) == pytest.approx(1)
    owners = {}
    for place, size in enumerate(SIZES):
        owners.setdefault(size if shared else place, policy.alphabet.first[place])
    for genes, one, other in zip(EVERY, log_prob, entropy, strict=True):
        symbol, memory, total, disorder = policy.alphabet.count, None, 0.0, 0.0
        for place, (gene, size) in enumerate(zip(genes.tolist(), SIZES, strict=True)):
            hidden, memory = policy.lstm(policy.alphabet.embedding.weight[symbol][None, None], memory)
            first = owners[size if shared else place]
            scores = 2.5 * torch.tanh(policy.head(hidden)[0, 0, first : first + size])
            p = scores.exp() / scores.exp().sum()
            total, disorder = total + p[gene].log(), disorder - (p * p.log()).sum()
            symbol = first + gene
        torch.testing.assert_close(one, total)
        torch.testing.assert_close(other, disorder)
    assert policy.alphabet.count == (6 if shared else 9)


def test_samples_have_the_probabilities_of_score():
    policy, n = controller(), 20000
    drawn = Counter(map(tuple, policy.sample(n, torch.Generator().manual_seed(1)).tolist()))
    p = policy.score(EVERY)[0].exp().detach().numpy()
    found = np.array([drawn[tuple(genes)] for genes in EVERY.tolist()])
    assert found.sum() == n
    assert (abs(found - n * p) < 5 * np.sqrt(n * p * (1 - p)) + 1).all()
    assert p.max() > 3 * np.median(p)


def test_the_greedy_sequence_takes_the_likeliest_value_each_time():
    policy = controller()
    greedy, p = policy.greedy()[0], policy.score(EVERY)[0].exp()
    for place, size in enumerate(SIZES):
        same = (EVERY[:, :place] == greedy[:place]).all(1)
        mass = [float(p.detach()[same & (EVERY[:, place] == value)].sum()) for value in range(size)]
        assert int(np.argmax(mass)) == greedy[place]


# --- its gradient ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("baseline", [0.0, 7.0])
@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_expected_gradient_is_that_of_the_expectation(weight, baseline):
    policy, rewards = controller(), torch.randn(len(EVERY), dtype=torch.float64)
    parameters = list(policy.parameters())
    log_prob, entropy = policy.score(EVERY)
    value = (log_prob.exp() * (rewards + weight * entropy)).sum()
    wanted = torch.autograd.grad(value, parameters)

    log_prob, entropy = policy.score(EVERY)
    advantage = rewards + weight * entropy.detach() - baseline
    losses = surrogate(log_prob, entropy, advantage, weight)
    found = torch.autograd.grad((log_prob.exp().detach() * losses).sum(), parameters)
    assert max(float(gradient.norm()) for gradient in wanted) > 0.1
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, -other, rtol=1e-7, atol=1e-9)


def test_the_baseline_is_the_mean_of_what_came_before():
    values = [1.0, 3.0, -2.0, 5.0]
    met, left = moving_average(values, 2.0, 0.75)
    expected = [2.0]
    for value in values:
        expected.append(0.75 * expected[-1] + 0.25 * value)
    assert [*met, left] == pytest.approx(expected)
    assert moving_average([4.0, 8.0], None, 0.5) == ([4.0, 4.0], 6.0)


def test_reward_rises_as_the_metric_gets_better():
    assert reward(50.0, "max", 80.0) < reward(60.0, "max", 80.0) == 0.6
    assert reward(60.0, "min", 80.0) < reward(50.0, "min", 80.0) == 1.6
    assert np.isfinite(reward(0.0, "min", 80.0))


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_where_all_are_paid_alike_only_entropy_moves_the_controller(problem, weight):
    method, state = start(problem, entropy_weight=weight, temperature=0.1)
    before = to_tree(state.controller)
    entropies = [float(method.controller_step(state, lambda *_: 50.0)["controller_entropy"]) for _ in range(10)]
    moved = any(not one.equal(before[name]) for name, one in state.controller.state_dict().items())
    assert moved == (weight > 0)
    if weight:
        assert entropies[-1] > entropies[0] + 0.05
        assert entropies[-1] < 6 * np.log(5)


# --- what it learns -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("direction", ["max", "min"])
def test_a_planted_table_is_learnt(problem, direction):
    task = CLASSIFICATION.__class__("toy", CLASSIFICATION.loss, CLASSIFICATION.metric, "metric", direction)
    best = Architecture.of([3, 0, 1, 4, 3, 2])

    def validate(architecture, images=None, part=0):
        wrong = SPACE.distance(architecture, best)
        return 90.0 - 10 * wrong if direction == "max" else 60.0 + 30 * wrong

    method, state = start(problem, task, controller_steps=1.5)
    target = torch.tensor([best.options])
    before = float(state.controller.score(target)[0].detach().exp())
    means = [method.epoch(state, validate, Progress(99, 100, 0, 2)) for _ in range(2)]
    assert before == pytest.approx(5**-6, rel=0.3)
    assert float(state.controller.score(target)[0].detach().exp()) > 0.2
    assert means[1]["reward"] > means[0]["reward"]
    assert method.derive(state, validate) == best
    assert method.final(state, validate) == best
    own, likely = state.generator.get_state(), float(state.controller.score(target)[0].detach().exp())
    drawn = [method.draw_architecture(state, torch.Generator().manual_seed(seed)) for seed in range(100)]
    assert drawn.count(best) / 100 == pytest.approx(likely, abs=0.15)
    assert torch.equal(state.generator.get_state(), own)


@pytest.mark.parametrize(("steps", "lr"), [(48828, 1e-3), (6240, 7.825e-3), (100, 1e-2)])
def test_a_short_search_moves_the_controller_as_far_but_not_too_fast(problem, steps, lr):
    state = ENAS().init(SearchContext(**{**vars(problem), "steps": steps}))
    assert state.adam.param_groups[0]["lr"] == pytest.approx(lr, rel=1e-3)


def test_each_sample_sees_the_next_part_of_the_validation_images(problem):
    method, state = start(problem, samples=3, reward_images=7, controller_steps=0.04)
    asked = []
    for _ in range(2):
        method.epoch(
            state,
            lambda architecture, images, part: asked.append((images, part)) or 50.0,
            Progress(99, 100, 1, 2),
        )
    assert asked == [(7, part) for part in range(12)]


def test_paths_are_the_present_controllers(problem, toy_batch, monkeypatch):
    method, state = start(problem, controller_steps=0.01, samples=2)
    paths = []
    monkeypatch.setattr(type(state.trainer), "step", lambda self, batch, path, progress: paths.append(path) or {})
    method.step(state, None, None, Progress(0, 100, 0, 1))
    method.epoch(state, lambda *_: 50.0, Progress(99, 100, 0, 1))
    with torch.no_grad():
        state.controller.head.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1e3, 0.0] * 6))
    for step in range(40):
        method.step(state, None, None, Progress(step, 100, 0, 1))
    counts = Counter(option for path in paths[1:] for option in path.options)
    assert counts[3] / 240 == pytest.approx(np.exp(2.5) / (np.exp(2.5) + 4), abs=0.1)


def test_asking_for_the_architecture_changes_nothing(problem):
    method, state = start(problem, candidates=20, candidate_images=9)
    saved, asked = to_tree(state), []
    assert SPACE.contains(method.derive(state, None))
    assert torch.equal(to_tree(state)["generator"], saved["generator"])

    def validate(architecture, images=None, part=0):
        asked.append((architecture, images, part))
        return float(SPACE.index(architecture))

    answer = method.final(state, validate)
    assert len({architecture for architecture, _, _ in asked}) > 15
    assert {(images, part) for _, images, part in asked} == {(9, 0)}
    assert answer == max((architecture for architecture, _, _ in asked), key=SPACE.index)

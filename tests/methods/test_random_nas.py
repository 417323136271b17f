"""RandomNAS: it trains uniform paths, its answer is the best of the drawn, and asking on the way changes nothing."""

import copy
import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch

from supernas import spaces
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.state import to_tree
from supernas.core.task import CLASSIFICATION
from supernas.methods.random_nas import RandomNAS
from supernas.runs.configuration import merge, resolve_search
from supernas.runs.search import Search
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas_pytest.parts import Parts
from supernas_pytest.toys import config_of, interrupted, outcome

SPACE = spaces.get("nas-bench-201")


@pytest.fixture
def problem(toy_network):
    return SearchContext(toy_network(), SPACE, CLASSIFICATION, Plain(), SGDSettings(), 100, 3)


def test_paths_are_uniform(problem, toy_batch, monkeypatch):
    method, paths = RandomNAS(), []
    state = method.init(problem)
    monkeypatch.setattr(type(state.trainer), "step", lambda self, batch, path, progress: paths.append(path) or {})
    for step in range(2000):
        method.step(state, None, None, Progress(step, 2000, 0, 1))
    counts = Counter(pair for path in paths for pair in path.pairs)
    assert set(counts) == set(SPACE.pairs)
    assert max(abs(count - 400) for count in counts.values()) < 5 * np.sqrt(2000 * 0.2 * 0.8)


def test_a_step_moves_the_weights_of_its_path_only(problem, toy_batch):
    method, seen = RandomNAS(), set()
    state = method.init(problem)
    for step in range(10):
        path = SPACE.sample(copy.deepcopy(state.generator))
        before = {name: weight.detach().clone() for name, weight in problem.network.named_parameters()}
        method.step(state, toy_batch(), toy_batch(1), Progress(step, 100, 0, 1))
        moved = {name for name, weight in problem.network.named_parameters() if not weight.equal(before[name])}
        pairs = {tuple(map(int, name.split(".edges.")[1].split(".")[:2])) for name in moved if ".edges." in name}
        assert pairs <= set(path.pairs)
        seen |= pairs
    assert len(seen) > 5


def test_fair_steps_train_every_option_once(problem, toy_batch, monkeypatch):
    method, sets = RandomNAS(sampling="fair"), []
    state = method.init(problem)
    step = type(state.trainer).step_over_set
    monkeypatch.setattr(
        type(state.trainer), "step_over_set", lambda self, *rest: sets.append(rest[1]) or step(self, *rest)
    )
    for number in range(3):
        method.step(state, toy_batch(), toy_batch(1), Progress(number, 100, 0, 1))
        assert Counter(pair for path in sets[-1] for pair in path.pairs) == dict.fromkeys(SPACE.pairs, 1)
        learning = {name for name, weight in problem.network.named_parameters() if weight.grad is not None}
        assert sum(name.startswith("body.0.edges.") for name in learning) > 6  # a path has one option at each of six
        assert state.last_path == sets[-1][-1]
    assert sets[0] != sets[1]


@pytest.mark.parametrize(("direction", "best"), [("max", max), ("min", min)])
def test_the_answer_is_the_best_of_the_drawn(problem, direction, best):
    task = CLASSIFICATION.__class__("toy", CLASSIFICATION.loss, CLASSIFICATION.metric, "metric", direction)
    method = RandomNAS(candidates=30, candidate_images=7, glance=5)
    state = method.init(SearchContext(**{**vars(problem), "task": task}))
    generator = copy.deepcopy(state.generator)
    drawn = [SPACE.sample(generator) for _ in range(30)]
    asked = []

    def validate(architecture, images=None):
        asked.append((architecture, images))
        return float(SPACE.index(architecture))

    saved = to_tree(state)
    assert method.derive(state, validate) == best(drawn[:5], key=SPACE.index)
    assert to_tree(state)["generator"] == saved["generator"]
    assert method.final(state, validate) == best(drawn, key=SPACE.index)
    assert asked[5:] == [(architecture, 7) for architecture in drawn]


def test_what_is_dropped_is_neither_drawn_nor_chosen(problem, monkeypatch):
    """Judged by a metric in which values add up, each gene keeps its best values, as a fit finds them."""
    method, sets = RandomNAS(sampling="fair", keep_options=(3, 2), candidates=150), []
    state = method.init(problem)
    monkeypatch.setattr(
        type(state.trainer), "step_over_set", lambda self, batch, paths, progress: sets.append(paths) or {}
    )
    worth = np.random.default_rng(0).permuted(np.tile(np.arange(5.0), (6, 1)), axis=1)

    def validate(architecture, images=None):
        return float(worth[range(6), list(SPACE.genes(architecture))].sum())

    best = [set(row.argsort()[::-1][:keep]) for keep in (2,) for row in worth]
    for epoch, left in enumerate([5, 5, 3, 3, 2, 2]):
        method.step(state, None, None, Progress(epoch, 6, epoch, 6))
        drawn = Counter(pair for path in sets[-1] for pair in path.pairs)
        assert len(sets[-1]) == left
        assert set(drawn.values()) == {1}
        assert not method.epoch(state, validate, Progress(epoch, 6, epoch, 6))
    assert [{option for choice, option in drawn if choice == place} for place in range(6)] == best
    assert {method.derive(state, validate), method.final(state, validate)} <= {
        SPACE.from_genes(genes) for genes in itertools.product(*best)
    }
    assert SPACE.genes(method.final(state, validate)) == tuple(worth.argmax(1))
    drawn = {method.draw_architecture(state, torch.Generator().manual_seed(seed)) for seed in range(300)}
    assert drawn <= {SPACE.from_genes(genes) for genes in itertools.product(*best)}
    assert len(drawn) > 55


def test_a_lower_metric_is_better_where_the_task_says_so(problem):
    task = CLASSIFICATION.__class__("toy", CLASSIFICATION.loss, CLASSIFICATION.metric, "metric", "min")
    method = RandomNAS(keep_options=(1,))
    state = method.init(SearchContext(**{**vars(problem), "task": task}))
    method.epoch(state, lambda one, images=None: float(sum(SPACE.genes(one))), Progress(0, 2, 0, 2))
    assert state.values == [[0]] * 6


def test_the_answer_of_a_space_that_shrinks_is_that_of_a_fit(problem):
    """An outlier, judged far too well, is not believed; where nothing is dropped it is the answer."""
    generator = np.random.default_rng(1)
    worth = generator.normal(size=(6, 5))
    for keep, believed in (((), True), ((4,), False)):
        method = RandomNAS(keep_options=keep, candidates=60)
        state = method.init(problem)
        if keep:
            method.epoch(state, lambda one, images=None: worth[range(6), SPACE.genes(one)].sum(), Progress(0, 2, 0, 2))
        again = copy.deepcopy(state.generator)
        drawn = [state.space.sample(again) for _ in range(60)]
        lucky = min(drawn, key=lambda one: worth[range(6), SPACE.genes(one)].sum())

        def validate(one, images=None, lucky=lucky):
            return 99.0 if one == lucky else float(worth[range(6), SPACE.genes(one)].sum())

        assert (method.final(state, validate) == lucky) == believed


def test_what_is_not_a_number_is_never_the_answer(problem):
    method = RandomNAS(candidates=20)
    state = method.init(problem)

    def validate(architecture, images=None):
        return math.nan if SPACE.genes(architecture)[0] < 4 else -1.0

    assert SPACE.genes(method.final(state, validate))[0] == 4


def test_as_many_epochs_as_parts_and_fewer_values_in_each():
    assert (RandomNAS().least_epochs, RandomNAS(keep_options=(3, 2)).least_epochs) == (1, 3)
    for numbers in ((3, 0), (2, 3), (2, 2)):
        with pytest.raises(ValueError, match="wanted falling numbers of 1 or more"):
            RandomNAS(keep_options=numbers)
    with pytest.raises(ValueError, match="candidates is 1"):
        RandomNAS(keep_options=(3,), candidates=1)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"space": "darts-cnn"}, "no values in darts-cnn, where a value of a gene can stand for another; leave"),
        ({"budget": {"max_parameters": 2500}}, "no values within a budget, which brings them back; leave"),
        ({"objective": "nsas"}, "no values under the objective nsas, which goes on to train them; leave"),
        (
            {"method": {"name": "random-nas", "keep_options": [5, 2]}},
            r"nothing with keep_options=\[5, 2\] in nas-bench-201; give less than 5",
        ),
    ],
    ids=str,
)
def test_what_would_not_stay_dropped_is_refused(more, message):
    document = {"method": {"name": "random-nas", "keep_options": [2]}, "data": {"source": "digits"}, **more}
    with pytest.raises(UserError, match=f"drops {message}"):
        resolve_search(document)


def test_a_search_that_drops_values_goes_on_bit_for_bit(tmp_path):
    """Stopped where the second part begins, and within it."""
    method = {"name": "random-nas", "sampling": "fair", "keep_options": [3, 2], "candidates": 12}
    document = merge(config_of(Parts(None), "nas-bench-201", "random-nas", "plain").document(), {"method": method})
    config = resolve_search(merge(document, {"search": {"epochs": 6}}))
    search = Search(config, tmp_path / "whole")
    whole = outcome(search.run())
    begins = 2 * search.steps_per_epoch
    for steps in (begins, begins + 1):
        assert outcome(interrupted(config, tmp_path / f"{steps}", after=steps)) == whole

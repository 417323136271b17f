"""Paths that share a batch: each has its part, and the expectation of the gradient is that of the whole sum."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

import supernas
from runs_toy import SEARCH, left_behind
from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch
from supernas.runs.configuration import merge, resolve_search
from supernas.runs.search import Search
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.base import part_sizes
from supernas.steps.objectives.complementation import Complementation
from supernas.steps.objectives.nsas import NSAS
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas.steps.weights import PathTrainer

SPACE = spaces.get("nas-bench-201")
A, B = (Architecture.of(options) for options in ([3, 1, 2, 1, 3, 4], [2, 1, 2, 3, 3, 1]))
NOW = Progress(0, 100, 0, 1)


def trainer_of(network, space, objective, paths):
    options = SGDSettings(clip=0.0, momentum=0.0, nesterov=False)
    return PathTrainer.make(SearchContext(network, space, CLASSIFICATION, objective, options, 100, 0, paths=paths))


def gradients(network):
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def assert_gradients(found, expected, **tolerance):
    assert set(found) == set(expected)
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, **tolerance)


@given(
    st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=9),
    st.integers(min_value=0, max_value=200),
)
def test_parts_partition_the_batch_and_follow_the_weights(weights, more):
    images = 2 * len(weights) + more
    sizes = part_sizes(images, weights)
    assert sum(sizes) == images
    assert min(sizes) >= 2
    wanted = [images * weight / sum(weights) for weight in weights]
    if min(wanted) >= 2:  # none is made larger than it should be
        assert all(abs(size - one) < 1 for size, one in zip(sizes, wanted, strict=True))
    ordered = sorted(zip(weights, sizes, strict=True))
    assert all(one[1] <= other[1] + 1 for one, other in itertools.pairwise(ordered))


def test_too_few_images_for_the_paths():
    with pytest.raises(
        UserError, match=r"batch of 17 images has no 2 for each of 9 paths; give .*search.batch_size=36"
    ):
        part_sizes(17, [1] * 9)


class Linear(nn.Module):
    """Two choices of two options; nothing in it looks at other images of the batch."""

    def __init__(self):
        super().__init__()
        self.first = supernas.Choice("first", {"a": nn.Linear(2, 3), "b": nn.Linear(2, 3)})
        self.last = supernas.Choice("last", {"a": nn.Linear(3, 3), "b": nn.Linear(3, 3)})

    def forward(self, x):
        return self.last(torch.tanh(self.first(x)))


def test_the_mean_of_the_gradient_over_all_ways_to_split_is_that_of_the_whole_sum():
    space = supernas.ModelSpace(Linear)
    previous, current = Architecture.of([0, 0]), Architecture.of([0, 1])  # the complement of these is (1, 1)
    network = space.supernet().double()
    weights = {name: value.clone() for name, value in network.state_dict().items()}
    x, y = torch.randn(7, 2, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 1, 2])

    def step(paths, order):
        network.load_state_dict(weights)
        trainer = trainer_of(network, space, Complementation(epsilon=0.2), paths)
        trainer.objective.last = previous
        metrics = trainer.step(Batch(x[order], y[order]), current, NOW)
        return gradients(network), float(metrics["loss"])

    parts = part_sizes(7, [0.8, 0.2, 0.2])
    assert parts == [3, 2, 2]  # not in proportion: none is smaller than two
    everyone = set(range(7))
    orders = [
        [*first, *second, *sorted(everyone - {*first, *second})]
        for first in itertools.combinations(range(7), 3)
        for second in itertools.combinations(sorted(everyone - set(first)), 2)
    ]
    assert len(orders) == 210
    split = [step("split", order) for order in orders]
    whole, loss = step("whole", list(range(7)))
    mean = {name: torch.stack([one[name] for one, _ in split]).mean(dim=0) for name in whole}
    assert_gradients(mean, whole, rtol=0, atol=1e-12)
    assert np.mean([one for _, one in split]) == pytest.approx(loss)
    assert all(not torch.allclose(split[0][0][name], whole[name], rtol=0.01) for name in whole)


def by_hand(network, batch, parts):
    """Gradients of a weighted sum, each path over its rows of one pass of the stem; and every row's prediction."""
    network.zero_grad()
    stem, done, total, predictions = network.embed(batch.inputs), 0, 0.0, []
    for path, weight, size in parts:
        rows = slice(done, done + size)
        prediction = network.after_stem(stem[rows], supernas.networks.base.Mixture(active=path.pairs)).prediction
        total = total + weight * F.cross_entropy(prediction, batch.targets[rows])
        predictions.append(prediction.detach())
        done += size
    assert done == len(batch.inputs)
    total.backward()
    return gradients(network), total.detach(), torch.cat(predictions)


def test_each_path_sees_its_part_of_the_stem_s_output(toy_network, toy_batch):
    batch, seen = toy_batch(size=18), []
    network = toy_network()
    trainer = trainer_of(network, SPACE, Complementation(epsilon=0.2), "split")
    trainer.step(batch, A, NOW)
    saved = {name: value.clone() for name, value in network.state_dict().items()}
    after_stem = network.after_stem

    def spy(x, mixture, carry=None):
        seen.append((Architecture(mixture.active), len(x)))
        return after_stem(x, mixture, carry)

    network.after_stem = spy
    metrics = trainer.step(batch, B, NOW)
    found = gradients(network)
    network.after_stem = after_stem
    network.load_state_dict(saved)
    assert [path for path, _ in seen[:2]] == [B, A]
    assert [size for _, size in seen] == [12, 3, 3]
    weights = [0.8 / 1.2, 0.2 / 1.2, 0.2 / 1.2]
    parts = [(path, weight, size) for (path, size), weight in zip(seen, weights, strict=True)]
    expected, loss, predictions = by_hand(network, batch, parts)
    assert_gradients(found, expected, rtol=0, atol=1e-12)
    assert float(metrics["loss"]) == pytest.approx(float(loss))
    assert float(metrics["train_metric"]) == float(CLASSIFICATION.metric(predictions, batch.targets))  # of all images


def test_a_path_without_weight_gets_no_images(toy_network, toy_batch):
    trainer = trainer_of(toy_network(), SPACE, Complementation(epsilon=1.0), "split")
    trainer.step(toy_batch(), A, NOW)
    metrics = trainer.step(toy_batch(), B, NOW)
    assert "loss_current" not in metrics
    assert {"loss_previous", "loss_complement"} <= set(metrics)


@pytest.mark.parametrize("objective", [Complementation(), NSAS(members=2)], ids=["complementation", "nsas"])
def test_a_single_path_has_the_whole_batch_bit_for_bit(toy_network, toy_batch, objective):
    """The first step of complementation, and NSAS while its archive fills; then the two differ."""
    left = {}
    for paths in ("whole", "split"):
        torch.manual_seed(0)
        network = toy_network()
        trainer = trainer_of(network, SPACE, objective, paths)
        single = 1 if isinstance(objective, Complementation) else 2
        metrics = [trainer.step(toy_batch(step), (A, B)[step], NOW) for step in range(single)]
        first = {name: value.clone() for name, value in network.state_dict().items()}
        trainer.step(toy_batch(2, size=9), A if single == 2 else B, NOW)
        left[paths] = metrics, first, network.state_dict()
    (one, weights, after), (other, same, different) = left.values()
    for a, b in zip(one, other, strict=True):
        assert set(a) == set(b)
        assert all(torch.equal(a[name], b[name]) for name in a)
    assert all(torch.equal(weights[name], same[name]) for name in weights)
    assert any(not torch.equal(after[name], different[name]) for name in after)


@pytest.mark.parametrize("paths", ["whole", "split"])
def test_a_set_of_paths_is_trained_by_the_mean_of_their_losses(toy_network, toy_batch, paths):
    network, batch = toy_network(), toy_batch(size=11)
    drawn = SPACE.latin(np.random.default_rng(0))
    saved = {name: value.clone() for name, value in network.state_dict().items()}
    trainer = trainer_of(network, SPACE, Plain(), paths)
    metrics = trainer.step_over_set(batch, drawn, NOW)
    found = gradients(network)
    network.load_state_dict(saved)
    if paths == "split":
        expected, loss, predictions = by_hand(
            network, batch, [(path, 1 / 5, size) for path, size in zip(drawn, [3, 2, 2, 2, 2], strict=True)]
        )
    else:
        alone = [by_hand(network, batch, [(path, 1 / 5, 11)]) for path in drawn]
        names = set().union(*(one[0] for one in alone))
        expected = {name: sum(one[0].get(name, 0.0) for one in alone) for name in names}
        loss, predictions = sum(one[1] for one in alone), alone[0][2]
    assert_gradients(found, expected, rtol=0, atol=1e-12)
    assert float(metrics["loss"]) == pytest.approx(float(loss))
    assert float(metrics["train_metric"]) == float(CLASSIFICATION.metric(predictions, batch.targets))
    assert trainer.last in drawn


def test_too_few_images_are_said_before_a_folder_is_made(tmp_path):
    """With a batch of as many images as the advice names, the search runs."""
    small = {**SEARCH, "objective": {"name": "nsas", "members": 3}, "method": {"name": "random-nas", "candidates": 3}}
    for batch in (7, 8):
        document = merge(small, {"search": {"paths": "split", "batch_size": batch}})
        if batch == 7:
            with pytest.raises(UserError, match="batch of 7 images has no 2 for each of 4 paths"):
                Search(resolve_search(document), tmp_path / "run")
            assert not (tmp_path / "run").exists()
        else:
            Search(resolve_search(document), tmp_path / "run").run()


@pytest.mark.parametrize(
    ("objective", "count"),
    [
        ({"name": "complementation"}, 3),
        ({"name": "complementation", "complements": "all"}, 6),
        ({"name": "nsas", "members": 5}, 6),
        ({"name": "nsas", "constraint": "replay"}, 2),
    ],
)
def test_a_step_has_no_more_paths_than_it_says(objective, count):
    config = resolve_search({"method": "random-nas", "objective": objective})
    assert config.most_paths == count
    generator, state = np.random.default_rng(0), config.objective.init(None, SPACE, 0)
    counts = {len(config.objective.paths(state, SPACE.sample(generator))) for _ in range(20)}
    assert max(counts) == count


FAIR = {"name": "random-nas", "candidates": 3, "sampling": "fair"}
SPLIT = {"search": {"paths": "split"}}
REFUSED = [
    ({"method": "random-nas"}, "plain does not go with search.paths=split: its loss is that of one path"),
    ({"method": "darts"}, "plain does not go with search.paths=split"),
    ({"method": "random-nas", "objective": "wpl"}, "wpl does not go with search.paths=split"),
    ({"method": "gdas", "objective": {"name": "nsas", "beta": 0.0}}, "split: beta=0 trains one path"),
    ({"method": "e2nas", "objective": {"name": "complementation", "epsilon": 0.0}}, "split: epsilon=0 trains one path"),
    ({"space": "darts-rnn", "method": "random-nas", "objective": "nsas"}, "a hidden state goes on along each column"),
    ({"space": "darts-rnn", "method": FAIR}, "a hidden state goes on along each column"),
    ({"method": FAIR, "objective": "nsas"}, "sampling=fair does not go with the objective nsas"),
]


@pytest.mark.parametrize(("document", "reason"), REFUSED)
def test_refused_where_there_is_nothing_to_split(document, reason):
    with pytest.raises(UserError, match=reason) as caught:
        resolve_search(merge(document, SPLIT))
    assert "; " in str(caught.value)  # how to go on
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("document", [document for document, _ in REFUSED[:7]])
def test_auto_is_whole_where_there_is_nothing_to_split(document):
    assert resolve_search(merge(document, {"search": {"paths": "auto"}})).paths == "whole"


RUNS = {
    "nsas": {"method": {"name": "random-nas", "candidates": 3}, "objective": {"name": "nsas", "members": 3}},
    "complementation": {"method": {"name": "gdas"}, "objective": {"name": "complementation", "complements": "all"}},
    "fair": {"method": FAIR, "objective": {"name": "plain"}},
}


@pytest.mark.parametrize("name", RUNS)
def test_a_search_with_split_batches_is_repeatable_and_not_the_whole_one(tmp_path, name):
    document = {**SEARCH, **RUNS[name]}
    left = []
    for number, more in enumerate((SPLIT, {"search": {"paths": "auto"}}, {})):
        config = resolve_search(merge(document, more))
        assert resolve_search(config.document()) == config
        Search(config, tmp_path / str(number)).run()
        left.append(left_behind(tmp_path / str(number)))
    assert left[0]["weights"] == left[1]["weights"] != left[2]["weights"]
    assert left[0]["lines"] == left[1]["lines"]

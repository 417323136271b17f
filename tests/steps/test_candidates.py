"""Methods that train their candidates: what is trained for how long, from which weights, and who is the answer."""

import itertools
from collections import deque
from dataclasses import replace

import numpy as np
import pytest
import torch

import supernas
from supernas import methods, spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.methods.bananas import BANANAS
from supernas.methods.random_search import RandomSearch
from supernas.methods.regularised_evolution import RegularisedEvolution
from supernas.runs.configuration import resolve_search
from supernas.steps.candidates import TrainsCandidates
from supernas.steps.contracts import ALL_IMAGES, SearchContext
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas.steps.weights import PathTrainer

ALL = [name for name in methods.names() if issubclass(methods.get(name), TrainsCandidates)]
SPACE = spaces.get("nas-bench-201")
WORTH = np.random.default_rng(0).normal(size=(6, 5))
OPTIMUM = Architecture.of(int(option) for option in WORTH.argmax(axis=1))


def worth(architecture):
    return float(sum(WORTH[pair] for pair in architecture.pairs))


class Searched:
    """A search of steps that train nothing, or of real ones; its validation gives planted values."""

    def __init__(self, method, epochs, network=None, judge=worth, steps=1, **context):
        network = torch.nn.Linear(1, 1) if network is None else network
        given = {"task": CLASSIFICATION, **context}
        self.method, self.epochs, self.steps, self.judge = method, epochs, steps, judge
        task = given.pop("task")
        made = SearchContext(network, SPACE, task, Plain(), SGDSettings(lr=0.1), steps * epochs, 3, **given)
        self.state = method.init(replace(made, epochs=epochs))
        self.asked, self.epoch = [], 0

    def validate(self, architecture, images=None, part=0):
        self.asked.append((architecture, images))
        return self.judge(architecture)

    def run(self, batches=None, until=None):
        while self.epoch < (until or self.epochs) and not self.method.ended(self.state):
            for step in range(self.steps):
                progress = Progress(self.epoch * self.steps + step, self.epochs * self.steps, self.epoch, self.epochs)
                self.method.step(self.state, batches[progress.step] if batches else None, None, progress)
            self.method.epoch(self.state, self.validate, progress)
            self.epoch += 1
        return self.method.derive(self.state, self.validate)

    @property
    def trials(self):
        return [(trial.architecture, trial.epochs) for trial in self.state.plan.tried(self.state.scores)]


@pytest.fixture
def untrained(monkeypatch):
    """Steps that do nothing, where only the order of things is looked at."""

    class Trainer(torch.nn.Module):
        last = None

        def step(self, batch, architecture, progress):
            self.last = architecture
            return {}

    monkeypatch.setattr(PathTrainer, "make", classmethod(lambda cls, context: Trainer()))


@pytest.mark.parametrize("name", [name for name in ALL if name != "random-search"])
def test_each_finds_the_optimum_of_a_separable_function(untrained, name):
    search = Searched(methods.get(name)(), epochs=400 if name == "regularised-evolution" else 160)
    assert search.run() == OPTIMUM
    assert all(images == ALL_IMAGES for _, images in search.asked)


def test_random_search_is_the_best_of_distinct_uniform_draws(untrained):
    search = Searched(RandomSearch(trains=2), epochs=41)
    found = search.run()
    drawn = list(itertools.islice(SPACE.shuffled(np.random.default_rng(3)), 20))
    assert search.trials == [(one, 2) for one in drawn]
    assert (found, search.epoch) == (max(drawn, key=worth), 40)  # the epoch that is left trains nothing


def test_evolution_is_the_published_algorithm(untrained):
    method = RegularisedEvolution(population=5, sample=3)
    search = Searched(method, epochs=60)
    search.run()
    # algorithm 1, with the draws in the same order
    generator, population, history = np.random.default_rng(3), deque(), []
    while len(population) < 5:
        population.append(SPACE.sample(generator))
        history.append(population[-1])
    while len(history) < 60:
        sample = []
        places = generator.integers(5, size=3)
        while len(sample) < 3:
            sample.append(population[places[len(sample)]])
        parent = sample[0]
        for one in sample[1:]:
            if worth(one) > worth(parent):
                parent = one
        near = SPACE.neighbours(parent)
        child = near[generator.integers(len(near))]
        population.append(child)
        history.append(child)
        population.popleft()
    assert [one for one, _ in search.trials] == history


def test_the_predictor_learns_what_is_separable():
    method, generator = BANANAS(), np.random.default_rng(0)
    known = list(itertools.islice(SPACE.shuffled(generator), 150))
    asked = list(itertools.islice(SPACE.shuffled(generator), 200))
    drawn = method.draw_scores(SPACE, {one: worth(one) for one in known}, asked, generator)
    assert np.corrcoef(drawn, [worth(one) for one in asked])[0, 1] > 0.9
    assert method.draw_scores(SPACE, dict.fromkeys(known, 1.0), asked, generator).std() < 0.1  # of equals no draw


def test_finalists_are_trained_again_for_twice_and_four_times_as_long(untrained):
    method = RandomSearch(trains=3, finalists=4)
    assert method.least_epochs == 4 * 3 + 4 * 6 + 2 * 12
    late = {}

    def judge(architecture):  # the third best is the best in the end
        late[architecture] = late.get(architecture, 0) + 1
        return worth(architecture) + (100 if late[architecture] == 3 and architecture == order[1] else 0)

    drawn = list(itertools.islice(SPACE.shuffled(np.random.default_rng(3)), 10))
    order = sorted(drawn, key=worth, reverse=True)
    search = Searched(method, epochs=48 + 30 + 2, judge=judge)
    assert search.run() == order[1]
    halved = [(one, 6) for one in order[:4]] + [(one, 12) for one in order[:2]]
    assert search.trials == [(one, 3) for one in drawn] + halved
    assert search.method.visited(search.state)[-2:] == order[:2]
    assert search.epoch == 78


def test_the_answer_may_be_one_that_is_usable_and_metrics_may_be_small(untrained):
    small = replace(CLASSIFICATION, direction="min")
    search = Searched(RandomSearch(), epochs=20, task=small, usable=lambda one: one.options[0] == 2)
    found = search.run()
    assert found == min((one for one, _ in search.trials if one.options[0] == 2), key=worth)
    record = search.method.record(search.state)
    assert record["trainings"] == 20
    assert [one["valid_accuracy"] for one in record["trained"]] == [worth(one) for one, _ in search.trials]


def test_a_space_that_is_exhausted_ends_the_search(untrained, monkeypatch):
    few = [SPACE[number] for number in range(4)]
    monkeypatch.setattr(type(SPACE), "shuffled", lambda self, generator: iter(few))
    search = Searched(RandomSearch(), epochs=20)
    assert search.run() == max(few, key=worth)
    assert search.epoch == 4


def test_a_candidate_learns_alone_from_the_first_weights_and_the_best_one_s_stay(toy_network, toy_batch):
    network = toy_network()
    start = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    batches = [toy_batch(seed) for seed in range(12)]
    search = Searched(RandomSearch(trains=2), 6, network, steps=2)
    found = search.run(batches)
    place = [one for one, _ in search.trials].index(found)
    twin = toy_network()
    twin.load_state_dict(start)
    trainer = PathTrainer.make(SearchContext(twin, SPACE, CLASSIFICATION, Plain(), SGDSettings(lr=0.1), 4, 0))
    for step, batch in enumerate(batches[4 * place : 4 * place + 4]):
        trainer.step(batch, found, Progress(step, 4, step // 2, 2))
    learnt = network.state_dict()
    assert all(torch.equal(tensor, learnt[name]) for name, tensor in twin.state_dict().items())
    assert any(not torch.equal(tensor, start[name]) for name, tensor in learnt.items())


@pytest.mark.parametrize("name", ALL)
def test_a_plan_that_is_made_anew_goes_on_as_before(untrained, name):
    method = methods.get(name)(trains=2, finalists=2)
    whole = Searched(method, epochs=70)
    whole.run()
    stopped = Searched(method, epochs=70)
    stopped.run(until=33)
    again = Searched(method, epochs=70)
    again.state.load(stopped.state.tree())
    again.epoch = 33
    again.run()
    assert again.trials == whole.trials
    assert len(again.trials) > 30


TOY = {
    "supernet": {"channels": 2, "cells": 1},
    "data": {"train_size": 96},
    "search": {"epochs": 5, "batch_size": 16, "validation_images": 16, "device": "cpu"},
}


def test_what_a_run_says_is_of_the_answer_after_its_own_training(tmp_path):
    result = supernas.search(method="random-search", trains=2, config=TOY, out=tmp_path / "run")
    record = result.record
    assert (record["epochs"], record["trainings"], len(record["trained"])) == (4, 2, 2)
    best = max(record["trained"], key=lambda one: one["valid_accuracy"])
    assert (record["architecture"], record["valid_accuracy"]) == (best["architecture"], best["valid_accuracy"])
    with pytest.raises(UserError, match="random-search, which trains every candidate alone"):
        supernas.derive(tmp_path / "run", by="best-sampled")
    chosen = supernas.derive(tmp_path / "run", by="proxy", source="visited", draws=2)
    assert chosen.text in {one["architecture"] for one in record["trained"]}
    model = supernas.train(result.folder, epochs=1, out=tmp_path / "train", device="cpu", config={"data": TOY["data"]})
    assert model.text == result.text


REFUSED = [
    ({"trains": 6}, r"search\.epochs = 5: random-search takes 6 epochs at least; give epochs=6 or more"),
    ({"set": ["method.finalists=2"]}, r"search\.epochs = 5: random-search takes 6 epochs at least"),
    ({"trains": 0}, r"method\.trains = 0: wanted greater than or equal to 1"),
    (
        {"method": "darts", "trains": 3},
        r"method\.trains = 3: method darts has no such setting; .* take method .*random-search or",
    ),
    (
        {"objective": "nsas"},
        "random-search does not go with the objective nsas: each candidate is trained alone",
    ),
    ({"track": 2}, r"search\.track = 2: random-search trains every candidate alone"),
]


@pytest.mark.parametrize(("given", "message"), REFUSED)
def test_what_does_not_go(tmp_path, given, message):
    with pytest.raises(UserError, match=message):
        supernas.Search(**{"method": "random-search", "config": TOY, "out": tmp_path / "run", **given})


def test_trains_is_a_setting_of_the_method_however_it_is_given(tmp_path):
    search = supernas.Search(method=RandomSearch(finalists=1), trains=2, config=TOY, out=tmp_path / "run")
    assert search.config.method == RandomSearch(trains=2)
    search.folder.claim.release()
    paper = resolve_search({"method": "regularised-evolution", "search": {"preset": "paper"}})
    assert (paper.method.population, paper.method.trains, paper.search.epochs) == (100, 25, 500_000)
    mine = {"name": "regularised-evolution", "population": 7}
    assert resolve_search({"method": mine, "search": {"preset": "paper"}}).method.population == 7

"""Few-shot supernets: where paths go, what they share, and supernets trained apart as a slow twin."""

import copy

import numpy as np
import pytest
import torch

import supernas
from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.task import CLASSIFICATION
from supernas.evaluation.supernet_accuracy import EvaluationSettings, supernet_accuracies
from supernas.runs.configuration import merge, resolve_search
from supernas.runs.search import Search
from supernas.steps.contracts import SearchContext
from supernas.steps.objectives.complementation import Complementation
from supernas.steps.objectives.plain import Plain
from supernas.steps.optimisers import SGDSettings
from supernas.steps.weights import PathTrainer
from supernas_pytest.toys import TOY, interrupted, outcome

SPACE = spaces.get("nas-bench-201")
SPLIT = merge(TOY, {"method": {"name": "random-nas", "candidates": 5}, "supernet": {"few_shot": 2}})


def trainer_of(network, objective=None):
    return PathTrainer.make(
        SearchContext(network, SPACE, CLASSIFICATION, objective or Plain(), SGDSettings(), 20, seed=0)
    )


def test_before_the_split_it_is_one_supernet(toy_network, toy_batch):
    network = toy_network(few_shot=2, few_shot_at=0.5)
    network.advance(Progress(9, 20, 0, 1))
    for option in range(5):
        path = Architecture.of([3, 3, option, 3, 1, 3]).pairs
        x = toy_batch(0).inputs
        assert torch.equal(network(x, active=path).prediction, network.one_shot(x, active=path).prediction)


def test_each_part_trains_as_a_supernet_of_its_own(toy_network, toy_batch):
    """Twins that are trained apart, each by the paths of its part at the learning rates of their steps."""
    network = toy_network(few_shot=2, few_shot_at=0.25)
    trainer, generator = trainer_of(network), np.random.default_rng(0)
    twins = {}
    for step in range(20):
        progress, path = Progress(step, 20, 0, 1), SPACE.sample(generator)
        network.advance(progress)
        if step == 5:
            assert network.is_divided
            one = network.one_shot
            for option in range(5):
                twins[option] = trainer_of(copy.deepcopy(one))
            after = copy.deepcopy(one.state_dict())
        trainer.step(toy_batch(step), path, progress)
        if step >= 5:
            twins[path.options[2]].step(toy_batch(step), path, progress)
    assert all(torch.equal(tensor, after[name]) for name, tensor in network.one_shot.state_dict().items())
    for option, twin in twins.items():
        theirs = twin.context.network.state_dict()
        mine = network.parts[str(option)].state_dict()
        assert not [name for name in mine if ".edges.2." in name and f".edges.2.{option}" not in name]
        for name, tensor in mine.items():
            torch.testing.assert_close(tensor, theirs[name], rtol=1e-9, atol=1e-12)
    ends = [torch.cat([w.flatten() for w in part.classifier.parameters()]) for part in network.parts.values()]
    assert len({tuple(end.tolist()) for end in ends}) >= 4, "they went different ways"


def test_any_objective_reaches_the_parts_of_its_paths(toy_network, toy_batch):
    network = toy_network(few_shot=2, few_shot_at=0.0)
    network.advance(Progress(0, 20, 0, 1))
    trainer = trainer_of(network, Complementation())
    trainer.step(toy_batch(0), Architecture.of([3] * 6), Progress(0, 20, 0, 1))
    before = copy.deepcopy(network.state_dict())
    current = Architecture.of([2] * 6)
    trainer.step(toy_batch(1), current, Progress(1, 20, 0, 1))
    moved = {
        name.split(".")[1]
        for name, tensor in network.state_dict().items()
        if name.startswith("parts") and not torch.equal(tensor, before[name])
    }
    # the current path, the previous one, and a complement: with no operation of the previous, and 2 where it must be
    assert moved == {"2", "3"}


def test_paths_without_the_choice_go_on_with_the_one():
    space = spaces.get("darts-cnn")
    network = space.supernet(channels=2, cells=3, num_classes=3, in_channels=1, few_shot=4, few_shot_at=0.0)
    network.advance(Progress(0, 20, 0, 1))
    generator, seen = np.random.default_rng(0), set()
    for _ in range(40):
        path = space.sample(generator)
        taken = [option for choice, option in path.pairs if choice == 4]
        seen.add(bool(taken))
        assert network.of(path.pairs) is (network.parts[str(taken[0])] if taken else network.one_shot)
    assert seen == {True, False}


@pytest.mark.parametrize("space", ["nas-bench-201", "darts-rnn"])
def test_a_search_that_is_resumed_is_the_same(tmp_path, space):
    document = SPLIT
    if space == "darts-rnn":
        document = {
            "space": space,
            "method": {"name": "random-nas", "candidates": 3},
            "supernet": {"units": 3, "few_shot": 1},
            "data": {"train_words": 100, "valid_words": 80, "bptt": 8},
            "search": {"epochs": 2, "device": "cpu", "batch_size": 4, "validation_images": 2},
        }
    config = resolve_search(document)
    whole = Search(config, tmp_path / "whole").run()
    assert whole.supernet.is_divided
    for after in (2, 5):
        assert outcome(interrupted(config, tmp_path / str(after), after=after)) == outcome(whole)


def test_what_it_is_asked_afterwards_is_asked_of_the_parts(tmp_path):
    """Accuracies of a finished search, dead edges and all, and a choice from it."""
    result = Search(resolve_search(SPLIT), tmp_path / "run").run()
    generator = np.random.default_rng(1)
    paths = [SPACE.sample(generator) for _ in range(6)] + [
        Architecture.of([0, 0, option, 3, 0, 0]) for option in (1, 3)
    ]
    found = supernet_accuracies(result.folder, paths, EvaluationSettings(images=16))
    dataset = resolve_search(SPLIT).data.load().for_search(0, None)
    batch = dataset.first("valid", 16, torch.device("cpu"))
    for path, accuracy in zip(paths, found, strict=True):
        part = result.supernet.parts[str(path.options[2])].eval()
        hits = part(batch.inputs, active=path.pairs).prediction.argmax(1) == batch.targets
        assert accuracy == pytest.approx(100 * float(hits.float().mean()))
    assert supernas.derive(result.folder, by="best-sampled", candidates=3).architecture


def test_a_one_shot_search_gives_its_weights_to_all_parts(tmp_path):
    one = Search(resolve_search(merge(SPLIT, {"supernet": {"few_shot": None}})), tmp_path / "one").run()
    more = {
        "supernet": {"few_shot_at": 0.0},
        "search": {"inherit": str(one.folder)},
        "weights": {"lr": 1e-12, "lr_min": 0},
    }
    split = Search(resolve_search(merge(SPLIT, more)), tmp_path / "split").run()
    theirs = one.supernet.state_dict()
    for part in split.supernet.parts.values():
        for name, tensor in part.state_dict().items():
            torch.testing.assert_close(tensor, theirs[name])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"method": "darts"}, "method darts weighs options, where a few-shot supernet runs single paths; take method"),
        ({"method": "gdas"}, "method gdas weighs options"),
        ({"method": "e2nas"}, "method e2nas weighs options"),
        ({"method": "zero-cost"}, "method zero-cost trains no weights"),
        ({"supernet": {"few_shot": None, "few_shot_at": 0.2}}, "without few_shot has no supernet.few_shot_at"),
        ({"supernet": {"few_shot": -1}}, "supernet.few_shot = -1"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(document, message):
    with pytest.raises(UserError, match=message):
        resolve_search(merge({"method": "random-nas", "supernet": {"few_shot": 2}}, document))


def test_a_choice_that_is_not_there(tmp_path):
    with pytest.raises(
        UserError, match=r"supernet.few_shot = 6: the space nas-bench-201 has 6 choices; wanted .* 0 to 5"
    ):
        Search(resolve_search(merge(SPLIT, {"supernet": {"few_shot": 6}})), tmp_path)


def test_a_split_after_the_last_step_is_none(tmp_path):
    late = {"supernet": {"few_shot_at": 0.9}}  # of six steps the last begins after 0.833
    with pytest.raises(UserError, match=r"few_shot_at = 0.9: the last of 6 steps begins after 0.833 .* never be split"):
        Search(resolve_search(merge(SPLIT, late)), tmp_path)


def test_it_runs_no_mixture(toy_network, toy_batch):
    network = toy_network(few_shot=2, few_shot_at=0.0)
    with pytest.raises(UserError, match="runs single paths"):
        network(toy_batch(0).inputs, {"cell": torch.ones(6, 5)})

"""Training on the halves of a search, from nothing or from its supernet."""

import pytest
import torch

from runs_toy import CELL, STEPS, TRAIN, left_behind, make
from supernas.core.errors import UserError
from supernas.core.records import read_lines
from supernas.runs.configuration import merge, resolve_search, resolve_train
from supernas.runs.finished import training_beside
from supernas.runs.training import Training

SPLIT = {"train": {"split": 0.5, "split_seed": 7}, "data": {"train_size": 640}}


def test_it_trains_and_validates_on_the_halves_of_a_search_and_never_tests(tmp_path):
    search = make("search", tmp_path / "search", {"search": {"seed": 7}})
    training = make("train", tmp_path / "train", SPLIT)
    for part in ("train", "valid"):
        assert training.data.images[part].images.equal(search.data.images[part].images)
    assert training.data.parts == search.data.parts == ("train", "valid")
    result = training.run()
    batch = search.data.first("valid", 320, search.device)  # all of them at once
    with torch.no_grad():
        accuracy = float((result.model.eval()(batch.inputs).argmax(1) == batch.targets).float().mean() * 100)
    lines = read_lines(tmp_path / "train" / "metrics.jsonl")
    assert result.valid_metric == lines[-1]["valid_metric"] == pytest.approx(accuracy)
    assert lines[0]["valid_metric"] != lines[1]["valid_metric"]
    assert result.test_accuracy is None
    own = make("train", tmp_path / "own", {"train": {"split": 0.5, "seed": 7}, "data": {"train_size": 640}})
    assert own.data.images["valid"].images.equal(training.data.images["valid"].images)


def test_looking_at_the_validation_half_changes_nothing(tmp_path, monkeypatch):
    make("train", tmp_path / "looked", SPLIT).run()
    monkeypatch.setattr(Training, "_validated", lambda self: {})
    make("train", tmp_path / "blind", SPLIT).run()
    assert left_behind(tmp_path / "looked")["weights"] == left_behind(tmp_path / "blind")["weights"]


def test_a_split_training_resumes(tmp_path):
    make("train", tmp_path / "whole", SPLIT).run()
    parts = make("train", tmp_path / "parts", SPLIT, on_step=lambda p, _: parts.stop() if p.step == STEPS + 1 else None)
    with pytest.raises(KeyboardInterrupt):
        parts.run()
    make("train", tmp_path / "parts", SPLIT, resume=True).run()
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")


def test_beside_a_search_is_on_its_halves_at_its_size():
    search = resolve_search({"search": {"split": 0.3, "seed": 9, "preset": "cpu"}, "supernet": {"channels": 6}})
    training = resolve_train({**training_beside(search), "architecture": CELL})
    assert (training.train.split, training.train.split_seed, training.train.preset) == (0.3, 9, "cpu")
    assert (training.network.channels, training.network.cells) == (6, 1)
    assert training.data == search.data
    assert training.weights == resolve_train({"architecture": CELL, "train": {"preset": "cpu"}}).weights


def test_a_seed_of_no_split_is_refused():
    with pytest.raises(UserError, match=r"^train: split_seed is of a split, and there is none") as caught:
        resolve_train(merge(TRAIN, {"train": {"split_seed": 1}}))
    assert "\n" not in str(caught.value)


# -- inherited weights -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("search")
    return make("search", folder).run()


def test_a_training_starts_from_the_supernet(finished, tmp_path):
    run = make("train", tmp_path, {"train": {"inherit": str(finished.folder)}})
    theirs = finished.supernet.state_dict()
    mine = dict(run.model.network.named_parameters())
    taken = [name for name, one in mine.items() if name in theirs and one.equal(theirs[name])]
    fresh = [name for name in mine if name not in taken]
    assert "body.0.edges.0.3.conv.weight" in taken
    assert "classifier.weight" in taken
    assert fresh
    for name in fresh:  # scale and shift of the cells' normalisations, which the supernet does not learn
        assert ".edges." in name
        assert ".norm." in name
        assert mine[name].equal(torch.ones_like(mine[name]) * name.endswith("weight"))
    assert not run.model.network.stem[1].running_mean.any()
    run.run()


def test_what_a_thinner_skeleton_does_not_have_starts_fresh(tmp_path):
    thin = make("search", tmp_path / "search", {"supernet": {"reduction": "shortcut"}}).run()
    run = make("train", tmp_path / "train", {"train": {"inherit": str(thin.folder)}})
    theirs, mine = thin.supernet.state_dict(), dict(run.model.network.named_parameters())
    taken = {name for name, one in mine.items() if name in theirs and one.equal(theirs[name])}
    assert {"body.0.edges.0.3.conv.weight", "body.1.shortcut.weight", "classifier.weight"} <= taken
    lacking = {name for name in mine if ".edges." not in name} - taken
    assert lacking == {name for name in mine if name.startswith(("body.1.", "body.3.")) and "shortcut" not in name}
    run.run()
    skips = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"
    deeper = {"architecture": skips, "train": {"inherit": str(thin.folder)}, "network": {"cells": 2}}
    with pytest.raises(UserError, match="have no body"):  # no option's weights show that it is another size
        make("train", tmp_path / "deeper", deeper)


def test_what_cannot_be_inherited(finished, tmp_path):
    for number, (changes, message) in enumerate(
        (
            ({"train": {"inherit": str(tmp_path / "none")}}, "wanted the run folder of a finished `supernas search`"),
            ({"train": {"inherit": str(finished.folder)}, "network": {"channels": 5}}, "network.channels=4"),
        )
    ):
        with pytest.raises(UserError, match=message) as caught:
            make("train", tmp_path / str(number), changes)
        assert "\n" not in str(caught.value)

"""Architectures followed through a search: what is written is true, and the search is none the wiser."""

import json
import shutil
from dataclasses import replace

import pytest
from scipy import stats

from runs_toy import left_behind, noted_anew
from supernas import api
from supernas.benchmarks import final_tests, made_up_table
from supernas.cli.retrain import retrain as command
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.records import read_lines
from supernas.core.settings import settings
from supernas.evaluation import recorded_search
from supernas.evaluation.supernet_accuracy import EvaluationSettings, supernet_accuracies
from supernas.evaluation.tracking import Tracking, retrain, tracked_architectures
from supernas.methods.random_nas import RandomNAS
from supernas.runs.configuration import read_file, resolve_search, resolve_train
from supernas.runs.finished import training_beside
from supernas.runs.search import Search
from supernas.runs.training import Training
from supernas.steps.contracts import Stage

SMALL = {
    "method": {"name": "random-nas", "candidates": 2, "glance": 1},
    "supernet": {"channels": 3, "cells": 1},
    "data": {"source": "digits", "train_size": 400, "resolution": 4},
    "search": {"epochs": 3, "batch_size": 20, "validation_images": 40, "device": "cpu"},
}
K = 4


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A finished search that was followed, with a benchmark."""
    folder = tmp_path_factory.mktemp("told") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorded_search, "load", lambda path: made_up_table())
        return api.search(config=SMALL, track=K, out=folder, benchmark="made up")


def followed(folder):
    return [line["tracked"] for line in read_lines(folder / "metrics.jsonl")]


def test_what_is_followed(told, space):
    about = json.loads((told.folder / "tracked.json").read_text())
    architectures = [space.parse(text) for text in about["architectures"]]
    assert len(set(architectures)) == K
    config = resolve_search(json.loads((told.folder / "config.json").read_text()))
    assert architectures == tracked_architectures(config)
    lines = followed(told.folder)
    now = supernet_accuracies(
        told.folder, architectures, EvaluationSettings(images=40)
    )  # with the weights of the last epoch
    assert lines[-1]["valid_metric"] == pytest.approx(list(now))
    sampled = supernet_accuracies(told.folder, [space.parse(lines[-1]["sampled"])], EvaluationSettings(images=40))
    assert lines[-1]["sampled_metric"] == pytest.approx(sampled[0])
    assert lines[0]["valid_metric"] != lines[-1]["valid_metric"]


def test_sampled_is_the_path_that_was_trained_last(tmp_path, space):
    run = api.Search(config=SMALL, track=1, out=tmp_path)
    last = [run.state.method.trainer.last for _ in run]
    assert [space.parse(line["sampled"]) for line in followed(tmp_path)] == last
    mixture = api.search(config={**SMALL, "method": "darts"}, epochs=1, track=1, out=tmp_path / "mixture")
    assert followed(mixture.folder)[0]["sampled"] == read_lines(mixture.folder / "metrics.jsonl")[0]["architecture"]


def test_tau_is_of_the_test_columns_after_the_longest_training(told, space):
    table = made_up_table()
    architectures = json.loads((told.folder / "tracked.json").read_text())["architectures"]
    for line in followed(told.folder):
        assert sorted(line["tau"]) == ["cifar10 test 200 (train)", "cifar10 test 200 (train+valid)"]
        for trained_on in ("train", "train+valid"):
            column = {"dataset": "cifar10", "split": "test", "epochs": 200, "trained_on": trained_on}
            truth = [table.query(text, **column).mean for text in architectures]
            expected = stats.kendalltau(line["valid_metric"], truth).statistic
            assert line["tau"][f"cifar10 test 200 ({trained_on})"] == pytest.approx(expected)
    assert b"Kendall" in (told.folder / "tracked.svg").read_bytes()


def test_following_changes_nothing_in_the_search(told, tmp_path):
    api.search(config=SMALL, out=tmp_path)
    blind, seen = left_behind(tmp_path), left_behind(told.folder)
    assert seen["weights"] == blind["weights"]
    for left in [*seen["lines"], seen["result"]]:
        left.pop("truth"), left.pop("tracked", None)
    for left in (seen["result"], blind["result"]):
        left.pop("files"), left.pop("digest")
    assert (seen["lines"], seen["result"]) == (blind["lines"], blind["result"])


def test_a_followed_search_resumes(tmp_path):
    def search(folder, **options):
        return api.Search(config=SMALL, track=2, out=tmp_path / folder, **options)

    search("whole").run()
    for step in (4, 9):
        run = search("parts", resume=True)
        run.on_step = lambda progress, _, run=run, step=step: run.stop() if progress.step == step else None
        with pytest.raises(KeyboardInterrupt):
            run.run()
        assert not (tmp_path / "parts" / "tracked.svg").exists()
    search("parts", resume=True).run()
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")
    pictures = [(tmp_path / folder / "tracked.svg").read_bytes() for folder in ("parts", "whole")]
    assert pictures[0] == pictures[1]


@settings
class Narrowing(RandomNAS):
    """Random paths; `none` is dropped after half of the search."""

    def stages(self):
        return Stage(0.5), Stage(0.5)

    def keep(self, state, stage):
        return tuple(pair for pair in state.context.space.pairs if pair[1])

    def step(self, state, train, valid, progress):
        path = Architecture.of(int(option) for option in state.generator.integers(1, 5, size=6))
        return state.trainer.step(train, path, progress)

    def derive(self, state, validate):
        return state.trainer.last

    final = derive


def test_what_the_supernet_no_longer_holds_is_not_asked(tmp_path, space):
    run = api.Search(config=SMALL, epochs=2, out=tmp_path)
    run = Search(replace(run.config, method=Narrowing(candidates=2)), tmp_path / "narrow")
    cells = [space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), space.parse("1462"), space.parse("6111")]
    run.on_epoch = (Tracking(run, cells, final_tests(made_up_table(), space)),)
    run.run()
    first, second = (line["valid_metric"] for line in followed(tmp_path / "narrow"))
    assert None not in first
    assert second[0] is None
    assert None not in second[1:]


# -- retraining --------------------------------------------------------------------------------------------------------


def test_retraining(told, space, capsys, monkeypatch):
    before = (told.folder / "tracked.svg").read_bytes()
    command(told.folder, epochs=2, set=["train.batch_size=50"])
    said = capsys.readouterr().out
    folders = sorted((told.folder / "tracked").iterdir())
    assert len(folders) == K
    search = json.loads((told.folder / "config.json").read_text())
    for folder in folders:
        config, result = (json.loads((folder / name).read_text()) for name in ("config.json", "result.json"))
        assert (config["train"]["split"], config["train"]["split_seed"], config["data"]) == (0.5, 0, search["data"])
        assert f"{result['valid_accuracy']:.2f} % on the validation part  {result['architecture']}" in said
        assert result["test_accuracy"] is None
    after = (told.folder / "tracked.svg").read_bytes()
    assert b"retrained" in after
    assert b"retrained" not in before
    monkeypatch.setattr(Training, "_step", lambda *_: pytest.fail("a finished run took a step"))
    command(told.folder, epochs=2, set=["train.batch_size=50"])
    assert (told.folder / "tracked.svg").read_bytes() == after


def test_what_cannot_be_retrained(told, tmp_path):
    for options, message in (
        ({"set": ["data.train_size=300"]}, "leave data and train.split as they are"),
        ({"set": ["train.split_seed=1"]}, "leave data and train.split as they are"),
        ({"run_dir": tmp_path}, "wanted the run folder of a finished `supernas search`"),
    ):
        with pytest.raises(UserError, match=message) as caught:
            command(**{"run_dir": told.folder, **options})
        assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="20000 architectures wanted; nas-bench-201 can give 1 to 15625"):
        api.Search(config=SMALL, track=20000, out=tmp_path / "many")
    assert not (tmp_path / "many").exists()
    run = api.search(config=SMALL, epochs=1, out=tmp_path / "unfollowed")
    training = resolve_train({**training_beside(resolve_search(SMALL)), "architecture": "3"})
    with pytest.raises(UserError, match="followed no architectures; search with track=4"):
        retrain(run.folder, training)
    damaged = tmp_path / "damaged"
    for content in ("{}", '{"architectures": 3}', '{"metric": "m", "images": 3, "architectures": [3]}'):
        shutil.copytree(told.folder, damaged, dirs_exist_ok=True)
        (damaged / "tracked.json").write_text(content)
        with pytest.raises(UserError, match=r"tracked\.json is damaged"):
            retrain(damaged, training_of(damaged))
    for change in ({"tau": 3}, {"valid_metric": [0.5]}, {"sampled_metric": "x"}):
        shutil.copytree(told.folder, damaged, dirs_exist_ok=True)
        lines = read_lines(damaged / "metrics.jsonl")
        lines[-1]["tracked"].update(change)
        (damaged / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        noted_anew(damaged)
        with pytest.raises(UserError, match=r"metrics\.jsonl is damaged"):
            retrain(damaged, training_of(damaged))


def training_of(folder):
    """How the architectures that a search followed are trained."""
    search = resolve_search(read_file(folder / "config.json"))
    return resolve_train({**training_beside(search), "architecture": "3"})

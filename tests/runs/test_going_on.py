"""After a run: its result again, more epochs of it, or another run that begins with what it has learnt."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

import supernas
from runs_toy import CELL, left_behind, make
from supernas.cli.app import app
from supernas.core.errors import UserError
from supernas.core.records import read_lines
from supernas.core.spelling import option

SEARCH = {
    "method": "random-nas",
    "data": "digits",
    "device": "cpu",
    "set": ["supernet.channels=4", "supernet.cells=1", "data.train_size=320", "method.candidates=2"],
}
TRAIN = {"device": "cpu", "set": ["network.channels=4", "network.cells=1", "data.train_size=320"]}
CONSTANT = {"weights": {"lr": 0.05, "lr_min": 0.05}}


def unbegun(*_):
    pytest.fail("a finished run took a step")


def test_a_cell_of_a_notebook_that_is_run_again_gives_the_same_result(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = supernas.search(**SEARCH, epochs=1)
    assert supernas.search(**SEARCH, epochs=1, on_step=unbegun).record == found.record
    trained = supernas.train(CELL, **TRAIN, epochs=1)
    assert supernas.train(CELL, **TRAIN, epochs=1, on_step=unbegun).record == trained.record
    with pytest.raises(UserError, match="already holds this run"):
        supernas.search(**SEARCH, epochs=1, resume=False)


@pytest.mark.parametrize("schedule", [CONSTANT, {"weights": {"decay": "exponential", "schedule": "epoch"}}])
def test_more_epochs_are_the_longer_run_where_the_schedule_allows_it(tmp_path, schedule):
    longer = {**schedule, "train": {"epochs": 3}}
    make("train", tmp_path / "whole", longer).run()
    make("train", tmp_path / "parts", schedule).run()
    run = make("train", tmp_path / "parts", longer, resume=True)
    assert not (tmp_path / "parts" / "result.json").exists()  # it is not finished any more
    run.run()
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")
    assert len(read_lines(tmp_path / "parts" / "metrics.jsonl")) == 3
    with pytest.raises(UserError, match="holds this run with 3 epochs"):
        make("train", tmp_path / "parts", schedule, resume=True)


@pytest.mark.parametrize(
    ("kind", "more"),
    [("search", CONSTANT), ("train", {}), ("train", {"weights": {"decay": "exponential", "warmup": 0.1}})],
)
def test_where_the_schedule_does_not_allow_it_there_is_a_way(tmp_path, kind, more):
    make(kind, tmp_path, more).run()
    before = (tmp_path / "result.json").read_bytes()
    with pytest.raises(UserError) as caught:
        make(kind, tmp_path, {**more, kind: {"epochs": 3}}, resume=True)
    assert "holds this run with 2 epochs, for which its schedule was made; give 2, or choose another" in str(
        caught.value
    )
    assert f"{option('from_run', str(tmp_path))} to begin with its weights" in str(caught.value)
    assert (tmp_path / "result.json").read_bytes() == before


def test_drop_path_grows_with_the_epochs():
    for drop_path, extends in ((0.0, True), (0.2, False)):
        training = supernas.Training(
            supernas.space("darts-cnn").format(supernas.space("darts-cnn").sample(np.random.default_rng(0))),
            space="darts-cnn",
            config={"weights": CONSTANT["weights"], "network": {"drop_path": drop_path}},
        )
        assert training.config.extends == extends


def first_weights(run):
    return {name: tensor.clone() for name, tensor in run.state.network.state_dict().items()}


def test_a_search_begins_with_the_supernet_of_another(tmp_path):
    supernas.search(**SEARCH, epochs=1, out=tmp_path / "one")
    left = load_file(tmp_path / "one" / "supernet.safetensors")
    search = supernas.Search(**SEARCH, epochs=2, seed=5, from_run=tmp_path / "one", out=tmp_path / "two")
    begins = first_weights(search)
    assert begins.keys() == left.keys()
    assert all(torch.equal(begins[name], left[name]) for name in left)
    assert search.run().record["epochs"] == 2


def test_a_training_begins_with_another_or_with_a_search(tmp_path):
    trained = supernas.train(CELL, **TRAIN, epochs=1, out=tmp_path / "one")
    again = supernas.Training(CELL, **TRAIN, epochs=1, seed=5, from_run=tmp_path / "one", out=tmp_path / "two")
    begins, left = first_weights(again), trained.model.state_dict()
    assert all(torch.equal(begins[name], left[name]) for name in left)  # running averages too
    supernas.search(**SEARCH, epochs=1, out=tmp_path / "search")
    supernet = load_file(tmp_path / "search" / "supernet.safetensors")
    tuned = supernas.Training(CELL, **TRAIN, from_run=tmp_path / "search", out=tmp_path / "three")
    name = "classifier.weight"
    assert torch.equal(tuned.state.network.network.state_dict()[name], supernet[name])


def test_what_a_run_began_with_is_part_of_it(tmp_path):
    for seed in (0, 1):
        supernas.train(CELL, **TRAIN, epochs=1, seed=seed, out=tmp_path / f"seed{seed}")
    start = tmp_path / "start"
    (tmp_path / "seed0").rename(start)
    run = {**TRAIN, "epochs": 1, "from_run": start, "out": tmp_path / "run"}
    record = supernas.train(CELL, **run).record
    assert supernas.train(CELL, **run, on_step=unbegun).record == record
    start.rename(tmp_path / "seed0")
    (tmp_path / "seed1").rename(start)
    with pytest.raises(UserError, match="whose first weights were others under the same name"):
        supernas.train(CELL, **run)


OTHER = CELL.replace("avg_pool_3x3", "nor_conv_3x3")


def test_weights_that_do_not_fit_are_said(tmp_path):
    supernas.train(CELL, **TRAIN, epochs=1, out=tmp_path / "train")
    supernas.search(**SEARCH, epochs=1, out=tmp_path / "search")
    wider = [*SEARCH["set"], "supernet.channels=8"]
    for call, message in (
        (
            lambda: supernas.Training(OTHER, **TRAIN, from_run=tmp_path / "train"),
            "is a training of another architecture",
        ),
        (
            lambda: supernas.Search(**SEARCH, from_run=tmp_path / "train"),
            "holds no supernet.safetensors: wanted the run",
        ),
        (lambda: supernas.Search(**SEARCH, from_run=tmp_path / "none"), "holds no config.json and no supernet"),
        (lambda: supernas.Training(CELL, **TRAIN, from_run=tmp_path / "none"), "holds no config.json and no supernet"),
        (
            lambda: supernas.Search(**{**SEARCH, "set": wider}, from_run=tmp_path / "search"),
            r"to inherit, take its data and its size \(.*supernet.channels=4",
        ),
    ):
        with pytest.raises(UserError, match=message):
            call()


def test_from_on_the_command_line(tmp_path):
    sizes = [word for setting in TRAIN["set"] for word in ("--set", setting)]
    common = ["train", CELL, "--epochs", "1", "--device", "cpu", *sizes]
    results = [CliRunner().invoke(app, [*common, "--out", str(tmp_path / "one")])]
    more = ["--seed", "3", "--from", str(tmp_path / "one"), "--out", str(tmp_path / "two")]
    results.append(CliRunner().invoke(app, [*common, *more]))
    assert [result.exit_code for result in results] == [0, 0]
    assert "holds no run to go on with" not in results[0].output
    third = CliRunner().invoke(app, [*common, "--resume", "--out", str(tmp_path / "three")])
    assert "three holds no run to go on with" in " ".join(third.output.split())
    losses = [read_lines(tmp_path / name / "metrics.jsonl")[0]["loss"] for name in ("one", "two")]
    assert losses[1] < losses[0]

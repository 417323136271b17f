"""`correlate` from the folder of a search to numbers, files and the command line."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

import supernas
from searched_toy import finished
from supernas.benchmarks import load
from supernas.cli.correlate import correlate as command
from supernas.core.errors import UserError
from supernas.evaluation.correlate import correlate, draw, retrained
from supernas.evaluation.live_parameters import pair_parameters
from supernas.evaluation.rank_correlation import rank, tau
from supernas.evaluation.supernet_accuracy import EvaluationSettings, supernet_accuracies


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("search") / "run")


def test_what_it_finds(run, space):
    architectures = draw(space, 40)
    truth = np.random.default_rng(0).normal(size=40)
    truth[:4] = np.nan
    found = correlate(run.folder, architectures, truth, "made-up accuracy", EvaluationSettings(images=100), seed=2)
    assert found.architectures == tuple(architectures[4:])
    assert found.missing == 4
    accuracies = supernet_accuracies(run.folder, architectures[4:], EvaluationSettings(images=100))
    assert found.rankings["inherited accuracy"] == rank(accuracies, truth[4:], seed=2)
    assert list(found.rankings) == ["inherited accuracy", "parameters", "live parameters"]

    table, picture = found.save(run.folder)
    record = json.loads(table.read_text())
    assert record["rankings"]["parameters"]["tau"]["value"] == found.rankings["parameters"].tau.value
    assert record["evaluation"]["batch_norm"] == "batch"
    assert picture.name == "correlation-batch-made-up-accuracy-36.svg"
    assert picture.read_bytes().count(b"<use ") > 36  # the points, and the ticks
    assert found.svg() == picture.read_bytes()


def test_parameters_of_pairs_add_up(space):
    size = {"channels": 16, "cells": 5, "affine": False, "batch_norm": "batch"}
    counts = pair_parameters(space, **size)
    assert (counts[0, 2], counts[5, 3], counts[3, 4]) == (28000, 243040, 0)
    for text, published in (("6111", 1073466), ("1835", 73306), ("857", 858426)):
        assert 73306 + sum(counts[pair] for pair in space.parse(text).pairs) == published


def test_parameters_rank_as_published(space, data_root):
    rows = np.genfromtxt(data_root / "nas-bench-201" / "accuracies.csv", delimiter=",", names=True, usecols=(0, 2))
    counts = pair_parameters(space, channels=16, cells=1)
    found = [
        [sum(counts[pair] for pair in pairs(space[int(index)])) for index in rows["index"]]
        for pairs in (lambda one: one.pairs, space.live)
    ]
    assert [tau(np.array(one), rows["cifar10_test_200"]) for one in found] == pytest.approx([0.578, 0.654], abs=5e-4)


def test_drawn_architectures(space):
    drawn = draw(space, 500)
    assert len(set(drawn)) == 500
    assert drawn == draw(space, 500, seed=0) != draw(space, 500, seed=1)
    assert draw(space, 15625) == list(space)
    with pytest.raises(UserError, match="15626 architectures wanted; nas-bench-201 can give 3 to 15625"):
        draw(space, 15626)


def write_training(folder, **record):
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps({"space": "nas-bench-201", **record}))


def test_own_retrainings(tmp_path, space):
    for number, (index, accuracy) in enumerate([(3, 80.0), (7, 70.0), (3, 90.0), (9, None)]):
        text = space.format(space[index])
        write_training(tmp_path / "deep" / str(number), architecture=text, test_accuracy=accuracy)
    write_training(tmp_path / "search", architecture=space.format(space[11]), valid_accuracy=50.0)
    architectures, truth = retrained(tmp_path, space)
    assert dict(zip(map(space.index, architectures), truth, strict=True)) == {3: 85.0, 7: 70.0}
    write_training(tmp_path / "other", space="darts", architecture="?", test_accuracy=1.0)
    with pytest.raises(UserError, match="is of the space darts, the search of nas-bench-201"):
        retrained(tmp_path, space)
    with pytest.raises(UserError, match="holds no run folder of `supernas train`"):
        retrained(tmp_path / "deep" / "3", space)


# -- the command line --------------------------------------------------------------------------------------------------


def ask(*arguments):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


@pytest.fixture(scope="module")
def column(table_file):
    first = load(table_file).columns[0]
    names = {"dataset": first.dataset, "trained-on": first.trained_on, "split": first.split, "epochs": first.epochs}
    return [word for name, value in names.items() for word in (f"--{name}", value)]


def test_the_command(run, table_file, column, space, tmp_path):
    first = load(table_file).columns[0]
    options = ["--architectures", 30, "--images", 50, "--seed", 4, "--workers", 1]
    said = ask(run.folder, "--benchmark", table_file, *column, *options)
    truth = load(table_file).column(**vars(first))
    architectures = draw(space, 30, seed=4)
    accuracies = supernet_accuracies(run.folder, architectures, EvaluationSettings(images=50))
    expected = rank(accuracies, truth[[space.index(one) for one in architectures]], seed=4)
    assert str(expected.tau) in said
    said = ask(run.folder, "--benchmark", table_file, *column, *options, "--proxy", "ntk, az-nas")
    config = json.loads((run.folder / "config.json").read_text())
    size = {name: config["supernet"][name] for name in ("channels", "cells")}
    scores = supernas.score(
        architectures, proxy=["ntk", "az-nas"], seed=4, config={"data": config["data"]}, out=tmp_path, **size
    )
    for name, ranking in scores.rankings(truth[[space.index(one) for one in architectures]], seed=4).items():
        assert [line for line in said.splitlines() if name in line.split()[:1] and str(ranking.tau) in line]
    assert all(name in said for name in ("inherited accuracy", "live parameters", "regret of top 10"))


def test_what_the_command_refuses(run, table_file, column, tmp_path):
    for arguments, message in (
        ([], "either --benchmark FILE or --retrained"),
        (["--benchmark", table_file, "--retrained", tmp_path], "either --benchmark FILE or --retrained"),
        (["--benchmark", table_file, *column, "--architectures", "few"], "wanted a number, or all"),
        (["--retrained", tmp_path, "--split", "test"], "--split belongs to --benchmark"),
        (["--benchmark", table_file, *column, "--batch-norm", "none"], "correlate.batch_norm = 'none'"),
        (["--benchmark", table_file, "--images", "50"], "fits"),
        (["--benchmark", table_file, *column, "--proxy", "synflwo"], "unknown proxy 'synflwo'; did you mean 'synflow'"),
    ):
        with pytest.raises(UserError, match=message):
            ask(run.folder, *arguments)

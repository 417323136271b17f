"""Other choices from one supernet, against brute force."""

import json
import shutil

import numpy as np
import pytest
import torch
import typer
from scipy.stats import kendalltau, rankdata
from typer.testing import CliRunner

import supernas
from runs_toy import noted_anew
from searched_toy import finished
from supernas import proxies
from supernas.cli import app
from supernas.core.errors import UserError
from supernas.core.records import read_lines
from supernas.data import Batch
from supernas.evaluation.selection.by_distribution import draw_from_distribution, learnt
from supernas.evaluation.supernet_accuracy import EvaluationSettings, Supernet, supernet_accuracies
from supernas.runs.training import Training
from supernas.spaces.search_strategies import additive_fit, best_found, draw, regularised_evolution

EVALUATION = EvaluationSettings(images=40)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("search") / "run")


def generator(seed):
    return np.random.default_rng([seed, 2])


def test_best_sampled_is_the_argmax_over_the_drawn(run, space):
    found = supernas.derive(run.folder, by="best-sampled", candidates=30, images=40, seed=5)
    drawn = draw(space, 30, generator(5))
    accuracies = supernet_accuracies(run.folder, drawn, EVALUATION)
    assert found.architecture == drawn[int(accuracies.argmax())]
    assert found.score == accuracies.max()
    record = json.loads(found.file.read_text())
    assert record == found.record
    assert space.parse(record["architecture"]) == found.architecture
    assert record["how"]["evaluation"]["images"] == 40
    assert found.file.with_suffix(".svg").read_text().startswith("<svg")


@pytest.fixture(scope="module")
def e2nas_run(tmp_path_factory):
    method = {"name": "e2nas", "gamma": 0.0, "relaxation": "softmax", "warmup": 0.5, "candidates": 9}
    return finished(tmp_path_factory.mktemp("visiting") / "run", method)


def test_what_a_search_visited_is_a_source_of_candidates(e2nas_run, run, space):
    """The latest of it, by hand: the best by accuracy, by a proxy at another size, and by the sum of both ranks."""
    visited = learnt(e2nas_run.folder)[1].visited
    assert len(visited) == 9
    latest = list(visited)[-6:]
    accuracies = supernet_accuracies(e2nas_run.folder, latest, EVALUATION)
    best = supernas.derive(e2nas_run.folder, by="best-sampled", source="visited", candidates=6, images=40)
    assert best.architecture == latest[int(accuracies.argmax())]
    size = {"num_classes": 10, "in_channels": 1, "channels": 3, "cells": 2}
    batch = Batch(torch.ones(1, 1, 4, 4), torch.zeros(1, dtype=torch.int64))  # synflow reads its shape alone
    synflow = proxies.get("synflow")()
    scores = np.concatenate([proxies.measure_architecture(synflow, space, one, size, batch, None, 0) for one in latest])
    larger = {"source": "visited", "set": ("network.cells=2",)}
    by_proxy = supernas.derive(e2nas_run.folder, by="proxy", draws=6, **larger)
    assert by_proxy.architecture == latest[int(scores.argmax())]
    ensemble = proxies.get("ensemble")(of=("synflow", "parameters"))
    parts = [proxies.measure_architecture(ensemble, space, one, size, batch, None, 0) for one in latest]
    among = np.where([space.connected(one) for one in latest], ensemble.scores(np.array(parts)), -np.inf)
    members = ("network.cells=2", 'ensemble.of=["synflow", "parameters"]')
    by_several = supernas.derive(e2nas_run.folder, by="proxy", proxy="ensemble", draws=6, source="visited", set=members)
    assert (by_several.architecture, by_several.score) == (latest[int(among.argmax())], among.max())
    found = supernas.derive(e2nas_run.folder, by="ranks", candidates=6, images=40, **larger)
    ranks = rankdata(-accuracies) + rankdata(-scores)
    assert found.score == ranks.min() / 2
    tied = np.flatnonzero(ranks == ranks.min())
    assert found.architecture == latest[max(tied, key=lambda at: accuracies[at])]
    trained = supernas.derive(e2nas_run.folder, by="top-k", source="visited", candidates=6, top=2, epochs=1, images=40)
    assert trained.architecture in {latest[at] for at in np.argsort(-accuracies, kind="stable")[:2]}
    with pytest.raises(UserError, match="random-nas does not remember which architectures it visited; take source"):
        supernas.derive(run.folder, by="ranks", source="visited")
    with pytest.raises(UserError, match=r"set .train\.epochs=2.: wanted the size of the networks"):
        supernas.derive(run.folder, by="ranks", candidates=3, set=("train.epochs=2",))


def test_what_a_search_learnt_is_a_source_of_candidates(run, e2nas_run):
    """Draws from its distribution, each once; a method that ends with one architecture has none."""
    drawing = torch.Generator().manual_seed(int(generator(0).integers(2**62)))
    drawn = list(dict.fromkeys(draw_from_distribution(*learnt(run.folder), 12, drawing)))
    accuracies = supernet_accuracies(run.folder, drawn, EVALUATION)
    best = supernas.derive(run.folder, by="best-sampled", source="learnt", candidates=12, images=40)
    assert best.architecture == drawn[int(accuracies.argmax())]
    with pytest.raises(UserError, match=r"e2nas ends with one architecture, .*; take source visited or uniform"):
        supernas.derive(e2nas_run.folder, by="additive", source="learnt")


def test_a_search_that_an_earlier_version_finished_is_asked_and_left_as_it_was(e2nas_run, tmp_path):
    """It says nothing of settings that there were not."""
    folder = shutil.copytree(e2nas_run.folder, tmp_path / "run")
    config = json.loads((folder / "config.json").read_text())
    del config["method"]["ridge"], config["search"]["compile"]
    (folder / "config.json").write_text(json.dumps(config))
    noted_anew(folder)
    visited = learnt(e2nas_run.folder)[1].visited
    assert learnt(folder)[1].visited == visited
    assert supernas.derive(folder, by="additive", source="visited", candidates=6, images=40).architecture in visited
    assert json.loads((folder / "config.json").read_text()) == config
    with pytest.raises(UserError, match="holds the run of another configuration"):
        supernas.search(config=config, out=folder, resume=True)


def test_an_additive_fit_is_the_least_squares_solution_and_sees_through_noise(run, space):
    cells = draw(space, 150, generator(3))
    worth = generator(4).normal(size=30)
    pairs = list(space.pairs)
    indicators = np.array([[float(pair in one.pairs) for pair in pairs] for one in cells])
    truth = indicators @ worth
    accuracies = truth + 3 * truth.std() * generator(5).normal(size=150)
    scores = additive_fit([one.pairs for one in cells], accuracies, ridge=2.0)
    ranks = (rankdata(accuracies) - 0.5) / 150
    rows = np.vstack([indicators, np.sqrt(2.0) * np.eye(30)])
    by_hand, *_ = np.linalg.lstsq(rows, np.concatenate([ranks - ranks.mean(), np.zeros(30)]), rcond=None)
    np.testing.assert_allclose(scores, indicators @ by_hand, atol=1e-10)
    assert kendalltau(scores, truth).statistic > kendalltau(accuracies, truth).statistic + 0.1

    found = supernas.derive(run.folder, by="additive", candidates=30, images=40, set=["derive.ridge=0.5"])
    drawn = draw(space, 30, generator(0))
    accuracies = supernet_accuracies(run.folder, drawn, EVALUATION)
    wanted = additive_fit([one.pairs for one in drawn], accuracies, ridge=0.5)
    assert found.record["scores"] == wanted.tolist()
    best = max((at for at in range(30) if space.connected(drawn[at])), key=lambda at: wanted[at])
    assert (found.architecture, found.score) == (drawn[best], wanted[best])


def test_evolution_asks_the_supernet(run, space, monkeypatch):
    supernet = Supernet(run.folder, EVALUATION)
    strategy = regularised_evolution(space, generator(0), population=4, sample=3)
    expected = best_found(strategy, lambda one: supernet.accuracy(supernet.key(one)), 25)
    options = {"by": "evolution", "candidates": 25, "population": 4, "sample": 3, "images": 40}

    asked, ask = [], Supernet.accuracy

    def dying(self, key):
        asked.append(key)
        if len(asked) == 7:
            raise KeyboardInterrupt
        return ask(self, key)

    monkeypatch.setattr(Supernet, "accuracy", dying)
    progress = []
    with pytest.raises(KeyboardInterrupt):
        supernas.derive(run.folder, **options)
    found = supernas.derive(run.folder, **options, on_progress=lambda *done: progress.append(done))
    assert (found.architecture, found.score) == expected
    assert progress[-1] == (25, 25)
    assert asked.count(asked[6]) == 2  # what was broken off
    assert len(asked) == len(set(asked)) + 1  # all else is asked once


def test_top_k_trains_the_best_by_halving_with_planted_scores(run, space, monkeypatch):
    drawn = draw(space, 20, generator(0))
    accuracies = supernet_accuracies(run.folder, drawn, EVALUATION)
    ranked = sorted(range(20), key=lambda place: -accuracies[place])
    assert not all(space.connected(drawn[place]) for place in ranked[:4])  # a constant is among the best
    order = [place for place in ranked if space.connected(drawn[place])][:4]
    trained_first = [space.format(drawn[place]) for place in order]
    planted = dict(zip(trained_first, (10.0, 40.0, 30.0, 20.0), strict=True))
    monkeypatch.setattr(Training, "_judge", lambda self, *_: (planted[self.config.text],))
    found = supernas.derive(run.folder, by="top-k", candidates=20, top=4, epochs=1, images=40, set=["weights.lr=0.01"])
    assert (found.text, found.score) == (trained_first[1], 40.0)
    first, second = found.record["rounds"]
    assert [one["architecture"] for one in first["trained"]] == trained_first
    assert [one["architecture"] for one in second["trained"]] == [trained_first[1], trained_first[2]]
    assert (first["epochs"], second["epochs"]) == (1, 2)
    assert found.record["inherited"] == [accuracies[place] for place in order]
    for one in (*first["trained"], *second["trained"]):
        config = json.loads((found.file.with_suffix("") / one["run"] / "config.json").read_text())
        assert (config["train"]["split"], config["train"]["split_seed"], config["weights"]["lr"]) == (0.5, 0, 0.01)
        assert config["train"]["inherit"] is None


def test_top_k_by_a_proxy_scores_the_networks_that_it_trains(run, space, monkeypatch):
    monkeypatch.setattr(Supernet, "accuracy", lambda *_: pytest.fail("the supernet is asked"))
    size = ["network.channels=4", "network.cells=2"]
    found = supernas.derive(run.folder, by="top-k", candidates=8, top=2, epochs=1, proxy="parameters", set=size)
    (trained,) = (one["trained"] for one in found.record["rounds"])
    folders = [found.file.with_suffix("") / one["run"] for one in trained]
    scores = [json.loads((folder / "result.json").read_text())["parameters"] for folder in folders]
    assert found.record["parameters"] == scores
    (kept,) = run.folder.glob("scores-parameters-*.jsonl")
    of = {text: value for text, value, _ in map(json.loads, kept.read_text().splitlines()[1:])}
    assert set(of) == {space.format(one) for one in draw(space, 8, generator(0))}
    assert scores == sorted((of[text] for text in of if space.connected(space.parse(text))), reverse=True)[:2]
    larger = supernas.derive(
        run.folder, by="top-k", candidates=8, top=2, epochs=1, proxy="parameters", set=[*size, "scored.cells=3"]
    )
    assert [one > other for one, other in zip(larger.record["parameters"], scores, strict=True)] == [True, True]
    assert larger.record["rounds"] == found.record["rounds"]
    with pytest.raises(UserError, match="does not ask the supernet: leave out"):
        supernas.derive(run.folder, by="top-k", proxy="parameters", images=40)


def test_top_k_is_resumed_and_then_read(run, tmp_path, monkeypatch):
    options = {"by": "top-k", "candidates": 6, "top": 2, "epochs": 1, "images": 40, "weights": "inherited"}
    step, steps = Training._step, []

    def dying(self, progress):
        steps.append(progress.step)
        if len(steps) == 5:  # of the second training
            raise KeyboardInterrupt
        return step(self, progress)

    monkeypatch.setattr(Training, "_step", dying)
    with pytest.raises(KeyboardInterrupt):
        supernas.derive(run.folder, **options)
    found = supernas.derive(run.folder, **options)
    assert [one["epochs"] for one in found.record["rounds"]] == [1]
    (trained,) = (one["trained"] for one in found.record["rounds"])
    for one in trained:
        folder = found.file.with_suffix("") / one["run"]
        assert one["valid_accuracy"] == read_lines(folder / "metrics.jsonl")[-1]["valid_metric"]
        config = json.loads((folder / "config.json").read_text())
        assert config["train"]["inherit"] == str(run.folder)
    assert steps == [0, 1, 2, 0, 1, 0, 1, 2]  # the first was finished
    again = supernas.derive(run.folder, **options)
    assert (again.record, len(steps)) == (found.record, 8)
    assert found.score == max(one["valid_accuracy"] for one in trained)


# -- the command line --------------------------------------------------------------------------------------------------


def ask(*arguments):
    result = CliRunner().invoke(app.app, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def test_the_commands(run, tmp_path):
    said = ask("derive", run.folder, "--by", "best-sampled", "--candidates", 5, "--workers", 1)
    found = supernas.derive(run.folder, by="best-sampled", candidates=5)
    for shown in (found.text, f"{found.score:.2f} (accuracy with inherited weights, %)", str(found.file)):
        assert shown in said
    assert found.text in ask("show", found.file)
    said = ask("train", found.file, "--epochs", 1, "--set", "network.channels=2", "--out", tmp_path / "t")
    assert found.text in said
    config = json.loads((tmp_path / "t" / "config.json").read_text())
    assert (config["data"]["resolution"], config["train"]["preset"]) == (4, "demo")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--by", "best-sampeld"], "unknown selector 'best-sampeld'; did you mean 'best-sampled'?"),
        (
            ["--by", "best-sampled", "--top", 3],
            "top is an option of top-k, not of best-sampled, which takes",
        ),
        (["--by", "top-k", "--population", 3], "population is an option of evolution, not of top-k"),
        (["--by", "evolution", "--workers", 2], "best-sampled, ranks and top-k, not of evolution"),
        (
            ["--by", "top-k", "--proxy", "flops", "--workers", 2, "--images", 9],
            "--by top-k does not ask the supernet: leave out --images and --workers",
        ),
        (["--by", "top-k", "--top", 9, "--candidates", 4], "derive: top is 9, of 4 candidates; wanted at most as many"),
        (["--by", "top-k", "--set", "scored.cells=3"], "derive: set 'scored.cells=3' is about networks that a proxy"),
        (["--by", "top-k", "--proxy", "synflow", "--set", "scored.cell=3"], "unknown"),
        (["--by", "top-k", "--set", "train.epochs=3"], "set must not give the architecture"),
        (["--by", "top-k", "--set", "data.train_size=300"], "leave data and train.split as they are"),
        (
            ["--by", "best-sampled", "--images", 900, "--workers", 1],
            "900 validation images wanted, and",
        ),
        (["--by", "best-sampled", "--images", 0], "derive.images = 0: wanted greater than or equal to 1"),
        (["--by", "best-sampled", "--candidates", 99999], "99999 architectures wanted; nas-bench-201 can give 1 to"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line(run, options, message):
    with pytest.raises((UserError, typer.BadParameter)) as caught:
        ask("derive", run.folder, *options)
    assert str(caught.value).startswith(message) or message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unfinished_search_is_refused(run, tmp_path):
    (tmp_path / "config.json").write_bytes((run.folder / "config.json").read_bytes())
    with pytest.raises(UserError, match=r"holds no supernet\.safetensors: wanted the run folder of a finished"):
        supernas.derive(tmp_path, by="evolution")
    with pytest.raises(TypeError, match="tpo"):
        supernas.derive(run.folder, by="top-k", tpo=3)

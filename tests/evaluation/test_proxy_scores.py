"""Scores by zero-cost proxies: what they depend on and what they do not, files that go on, the command line."""

import json
import math

import numpy as np
import pytest
import torch
import typer
from scipy.stats import rankdata
from typer.testing import CliRunner

import supernas
from supernas import data, proxies
from supernas.benchmarks import load
from supernas.cli.score import score as command
from supernas.core.errors import UserError
from supernas.evaluation import proxy_scores as study
from supernas.evaluation.rank_correlation import rho
from supernas.spaces.search_strategies import draw

TOY = {"channels": 3, "cells": 1, "batch_size": 8}
PROXIES = ["synflow", "snip", "parameters", "ntk"]

DEAD = (  # the same live edges
    "|nor_conv_3x3~0|+|nor_conv_1x1~0|none~1|+|none~0|nor_conv_3x3~1|none~2|",
    "|nor_conv_3x3~0|+|none~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|none~2|",
)


@pytest.fixture
def some(space):
    """Architectures, the last two with the same live edges."""
    drawn = np.random.default_rng(2)
    mine = [space.sample(drawn) for _ in range(4)]
    twins = [space.parse(text) for text in DEAD]
    assert space.live(twins[0]) == space.live(twins[1])
    return [*mine, *twins]


def test_neither_order_nor_processes_matter(tmp_path, some):
    names = ["snip", "parameters"]
    one = supernas.score(some, proxy=names, out=tmp_path / "one", **TOY)
    turned = supernas.score(some[::-1], proxy=names, out=tmp_path / "turned", workers=2, **TOY)
    for name in names:
        assert one.scores[name].tolist() == turned.scores[name][::-1].tolist()
        assert one.files[name].name == turned.files[name].name


def test_a_score_by_hand(tmp_path, some, space):
    """From the images to the number."""
    found = supernas.score(some, proxy="snip", seed=3, out=tmp_path, **TOY)
    digits = data.load_images("digits", None)
    images = digits.images["train"]
    drawn = torch.randperm(len(images), generator=torch.Generator().manual_seed(3))[:8]
    batch = next(data.image_batches(images.select(drawn), 8, mean=digits.mean, std=digits.std))
    size = {"num_classes": 10, "in_channels": 1, "channels": 3, "cells": 1}
    loss = torch.nn.functional.cross_entropy
    (expected,) = proxies.measure_architecture(proxies.get("snip")(), space, some[0], size, batch, loss, 3)
    assert found.scores["snip"][0] == expected
    assert found.best("snip") == some[int(np.argmax(found.scores["snip"]))]


def test_one_set_of_live_edges_one_score_where_the_proxy_says_so(tmp_path, some):
    found = supernas.score(some, proxy=PROXIES, out=tmp_path, **TOY)
    for name in PROXIES:
        lines = found.files[name].read_text().splitlines()[1:]
        assert len(lines) == (5 if proxies.get(name)().live_only else 6)
    assert found.scores["snip"][4] == found.scores["snip"][5]
    assert found.scores["parameters"][4] != found.scores["parameters"][5]
    alone = supernas.score(some[5:], proxy="snip", out=tmp_path / "alone", **TOY)
    assert alone.scores["snip"][0] == found.scores["snip"][5]


def test_a_killed_scoring_goes_on(tmp_path, some, monkeypatch):
    whole = supernas.score(some, proxy="snip", out=tmp_path / "whole", **TOY)

    def stop(done, of):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        supernas.score(some, proxy="snip", out=tmp_path / "part", on_progress=stop, **TOY)
    (file,) = (tmp_path / "part").iterdir()
    file.write_bytes(file.read_bytes() + b'["|nor_conv')  # a line cut off
    asked = []
    real = study.Scorer.measure
    monkeypatch.setattr(study.Scorer, "measure", lambda self, *job: asked.append(job) or real(self, *job))
    again = supernas.score(some, proxy="snip", out=tmp_path / "part", **TOY)
    assert len(asked) == 2
    assert again.scores["snip"].tolist() == whole.scores["snip"].tolist()
    assert file.read_text() == whole.files["snip"].read_text()


@pytest.mark.parametrize(
    "change",
    [{"channels": 4}, {"seed": 1}, {"batch_size": 9}, {"data": {"train_size": 100}}, {"set": ["ntk.images=4"]}],
    ids=str,
)
def test_what_decides_scores_names_another_file(tmp_path, some, change):
    config = {"data": change.pop("data")} if "data" in change else None
    files = [
        supernas.score(some[:1], proxy="ntk", out=tmp_path, **{**TOY, **more}, config=made).files["ntk"]
        for more, made in (({}, None), (change, config))
    ]
    assert files[0] != files[1]
    first = json.loads(files[0].read_text().splitlines()[0])
    assert first["proxy"] == {"name": "ntk", "images": 16, "statistics": "batch"}
    assert first["network"] == {"num_classes": 10, "in_channels": 1, "channels": 3, "cells": 1}
    assert (first["resolution"], first["seed"], first["batch_size"]) == (8, 0, 8)
    assert set(first["versions"]) == {"supernas", "torch"}


def test_where_only_the_shape_matters_the_images_do_not_count(tmp_path, some):
    files = {
        supernas.score(some[:1], proxy="synflow", out=tmp_path, config={"data": {"train_size": size}}, **TOY).files[
            "synflow"
        ]
        for size in (100, 200)
    }
    assert len(files) == 1


def test_what_is_not_defined_is_kept_as_null(tmp_path):
    cut = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    for _ in range(2):
        found = supernas.score([cut], proxy=["synflow", "ntk"], out=tmp_path, **TOY)
        assert (found.scores["synflow"][0], found.scores["ntk"][0]) == (-math.inf, math.inf)
    assert json.loads(found.files["ntk"].read_text().splitlines()[1])[1] is None


def test_what_ranks_does_so_among_the_architectures_asked_about(tmp_path, some, monkeypatch):
    """Kept is what was measured; fewer candidates, or repeats of one, need nothing new."""
    asked = {"out": tmp_path, "set": ['ensemble.of=["parameters", "ntk"]', "ensemble.ranks=linear"], **TOY}
    found = supernas.score(some, proxy=["ensemble", "parameters"], **asked)
    parameters, ntk = found.measures["ensemble"].T
    assert parameters.tolist() == found.scores["parameters"].tolist()
    assert found.scores["ensemble"].tolist() == (rankdata(parameters) + rankdata(-ntk)).tolist()
    assert len(found.files["ensemble"].read_text().splitlines()) == 1 + 2 * len(some)
    monkeypatch.setattr(study.Scorer, "measure", None)
    fewer = supernas.score([*some[:3], some[0]], proxy="ensemble", **asked)
    ranks = rankdata(parameters[:3]) + rankdata(-ntk[:3])
    assert fewer.scores["ensemble"].tolist() == [*ranks, ranks[0]]


def test_a_kept_architecture_of_which_a_part_is_missing_is_measured_again(tmp_path, some):
    found = supernas.score(some[:2], proxy="az-nas", out=tmp_path, **TOY)
    whole = found.files["az-nas"].read_text()
    found.files["az-nas"].write_text("".join(whole.splitlines(keepends=True)[:-2]))
    again = supernas.score(some[:2], proxy="az-nas", out=tmp_path, **TOY)
    assert again.measures["az-nas"].tolist() == found.measures["az-nas"].tolist()


def test_rankings_turn_what_should_be_small(tmp_path, some):
    found = supernas.score(some[:5], proxy=["ntk", "snip"], out=tmp_path, **TOY)
    truth = np.array([3.0, 1.0, 2.0, math.nan, 5.0])
    known = [0, 1, 2, 4]
    rankings = found.rankings(truth)
    assert rankings["snip"].count == 4
    assert rankings["snip"].rho.value == pytest.approx(rho(found.scores["snip"][known], truth[known]))
    assert rankings["ntk"].rho.value == pytest.approx(-rho(found.scores["ntk"][known], truth[known]))


# -- the command line --------------------------------------------------------------------------------------------------


def ask(*arguments):
    app = typer.Typer()
    app.command()(command)
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.stdout


SMALL = ["--channels", 3, "--cells", 1, "--batch-size", 8, "--workers", 1]


def test_the_command(tmp_path, table_file, space):
    column = vars(load(table_file).columns[0])
    options = [word for name, value in column.items() for word in (f"--{name.replace('_', '-')}", value)]
    arguments = ["--sample", 12, "--proxy", "ntk", "--set", "ntk.images=4", "--seed", 2, "--out", tmp_path]
    said = ask(*arguments, *SMALL, "--benchmark", table_file, *options)
    drawn = draw(space, 12, np.random.default_rng(2))
    found = supernas.score(drawn, proxy="ntk", set=["ntk.images=4"], seed=2, out=tmp_path, **TOY)
    truth = load(table_file).column(**column)[[space.index(one) for one in drawn]]
    ranking = found.rankings(truth, seed=2)["ntk"]
    assert str(ranking.tau) in said
    assert str(ranking.rho) in said
    assert said.splitlines()[1].split()[:2] == [
        space.format(found.best("ntk")),
        f"{found.scores['ntk'].min():.6g}",
    ]
    assert "12 architectures at channels 3, cells 1; images 1 x 8 x 8, 10 classes" in said


def test_what_the_command_refuses(tmp_path, table_file):
    for arguments, message in (
        ([], "architectures, or --sample N, or --all"),
        (["7", "--all"], "architectures, or --sample N, or --all"),
        (["7", "--proxy", "synflwo"], "unknown proxy 'synflwo'; did you mean 'synflow'"),
        (["7", "--proxy", ","], "no proxy is given"),
        (["7", "--set", "zen.repeats=2"], "unknown section 'zen'"),
        (["7", "--set", "network.channel=2"], r"unknown setting 'network.channel'; did you mean 'network.channels'"),
        (["7", "--batch-size", 9999], r"score.batch_size = 9999: digits has \d+ training images"),
        (["7", "--split", "test"], "--split says which column of a benchmark"),
        (["7", "--benchmark", table_file, "--split", "test"], "fits"),
        (["--all", "--space", "darts-cnn"], "too many for --all"),
        (["--sample", 2, "--space", "darts-rnn"], "judge networks for images"),
    ):
        with pytest.raises(UserError, match=message):
            ask(*arguments, "--out", tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_space_that_is_not_numbered(tmp_path):
    small = ["--channels", 2, "--cells", 3, "--batch-size", 4, "--workers", 1]
    said = ask("--sample", 2, "--space", "darts-cnn", "--proxy", "parameters", *small, "--out", tmp_path)
    assert "2 architectures at channels 2, cells 3" in said


def test_scores_are_of_the_images_not_of_the_files_name(tmp_path, some):
    """Another file of the same name and size."""
    found = []
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
        rng = np.random.default_rng(len(found))
        np.savez(
            tmp_path / folder / "set.npz",
            x_train=rng.integers(0, 255, (40, 8, 8, 1), dtype=np.uint8),
            y_train=np.arange(40) % 4,
            x_test=rng.integers(0, 255, (8, 8, 8, 1), dtype=np.uint8),
            y_test=np.arange(8) % 4,
        )
        scores = supernas.score(
            some[:1], proxy=["snip", "parameters"], data=tmp_path / folder / "set.npz", out=tmp_path / "kept", **TOY
        )
        found.append((scores.files["snip"], scores.files["parameters"], float(scores.scores["snip"][0])))
    assert found[0][0] != found[1][0]
    assert found[0][1] == found[1][1]
    assert found[0][2] != found[1][2]


def test_a_damaged_line_of_kept_scores_is_scored_again(tmp_path, some):
    found = supernas.score(some[:2], proxy="parameters", out=tmp_path, **TOY)
    lines = found.files["parameters"].read_bytes().splitlines(keepends=True)
    found.files["parameters"].write_bytes(b"".join(lines[:2]) + b'["\xff", 3\n')
    again = supernas.score(some[:2], proxy="parameters", out=tmp_path, **TOY)
    assert again.scores["parameters"].tolist() == found.scores["parameters"].tolist()


def test_a_model_of_ones_own_has_no_kept_scores():
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = supernas.Choice("layer", {"a": torch.nn.ReLU(), "b": torch.nn.Tanh()})

        def forward(self, x):
            return self.layer(x)

    with pytest.raises(UserError, match="method zero-cost scores its architectures anew"):
        supernas.score(["layer=a"], space=supernas.ModelSpace(Net, data_kind="images"))


def test_one_architecture_is_one_architecture(tmp_path):
    scores = supernas.score("6111", proxy="parameters", data="digits", channels=2, cells=1, out=tmp_path)
    assert len(scores.architectures) == 1


def test_networks_that_do_not_fit_are_refused_before_a_file_is_made(tmp_path, some):
    with pytest.raises(UserError, match=r"this network and a batch of \d need about .* GB are free"):
        supernas.score(some, proxy="snip", out=tmp_path / "out", **{**TOY, "channels": 10**8})
    assert not (tmp_path / "out").exists()

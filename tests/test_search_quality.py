"""`benchmarks/search_quality`: its statistics on planted data, its frozen supernets, and a command that is killed."""

import json
import os
import signal as signals
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from search_quality import alpha, links
from search_quality.__main__ import label_rows, main
from search_quality.frozen import Frozen
from search_quality.own_scale import own_accuracies, own_training
from search_quality.statistics import Signal, effects, percentile, signal, weakest
from search_quality.table import markdown
from searched_toy import finished, searched
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.evaluation.correlate import draw
from supernas.evaluation.rank_correlation import bootstrap, tau
from supernas.runs.configuration import resolve_search

ROOT = Path(__file__).parents[1]


# -- statistics --------------------------------------------------------------------------------------------------------


def test_a_planted_spread_and_noise_are_found():
    generator = np.random.default_rng(0)
    found = signal(1.5 + 0.06 * generator.normal(size=20_000), np.array([0.1, 0.14]))
    assert found.spread == pytest.approx(0.06, rel=0.02)
    assert found.middle == pytest.approx(0.06, rel=0.03)
    assert found.noise == pytest.approx(0.12)
    assert found.ratio == pytest.approx(0.5, rel=0.02)


def test_a_few_architectures_that_compute_nothing_do_not_move_the_middle():
    losses = 1.5 + 0.06 * np.random.default_rng(0).normal(size=20_000)
    losses[:400] = 2.3
    found = signal(losses, np.array([0.1]))
    assert found.spread > 2 * found.middle
    assert found.middle == pytest.approx(0.06, rel=0.05)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 4.0])
def test_the_tau_of_one_batch_is_that_of_simulated_rankings(ratio):
    generator = np.random.default_rng(1)
    true = ratio * generator.normal(size=4000)
    seen = true + generator.normal(size=4000)
    assert Signal(ratio, ratio, 1.0).tau == pytest.approx(tau(seen, true), abs=0.025)


def test_planted_effects_are_found_in_a_sample(space):
    generator = np.random.default_rng(2)
    worth = {pair: generator.normal() for pair in space.pairs}
    cells = draw(space, 1500)
    found = effects(space, cells, np.array([sum(worth[pair] for pair in cell.pairs) for cell in cells]))
    centred = {pair: worth[pair] - np.mean([worth[pair[0], option] for option in range(5)]) for pair in worth}
    scale = sum(found[pair] * centred[pair] for pair in worth) / sum(value**2 for value in centred.values())
    assert all(found[pair] == pytest.approx(scale * centred[pair], abs=0.08) for pair in worth)


def test_over_all_cells_an_effect_is_a_difference_of_mean_ranks(space):
    cells = list(space)
    score = np.random.default_rng(3).normal(size=len(cells)) + np.array([cell.options[3] == 1 for cell in cells])
    found = effects(space, cells, score)
    ranks = np.argsort(np.argsort(score))
    standard = (ranks - ranks.mean()) / ranks.std()
    for choice, option in ((3, 1), (3, 2), (0, 0)):
        held = np.array([cell.options[choice] == option for cell in cells])
        assert found[choice, option] == pytest.approx(standard[held].mean(), abs=1e-8)


def test_effects_that_are_not_determined_are_not_told(space):
    cells = draw(space, 24)
    assert effects(space, cells, np.arange(24.0)) is None


def test_a_percentile_counts_equals_half():
    among = np.array([1.0, 2.0, 2.0, 3.0])
    assert [percentile(value, among) for value in (0.5, 1.0, 2.0, 4.0)] == [0.0, 12.5, 50.0, 100.0]


def test_the_weakest_link():
    assert weakest({"signal": 0.3, "sharing": -0.1, "proxy": 0.6}) == "sharing"


# -- frozen supernets --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    return finished(tmp_path_factory.mktemp("tracked") / "run", batch_norm="tracked")


@pytest.fixture
def frozen(tracked, tmp_path):
    return Frozen(tracked.folder, 40, tmp_path / "kept")


def weights_of(frozen):
    moving = {name: value for name, value in frozen.network.state_dict().items() if "num_batches" not in name}
    return {name: value.clone() for name, value in moving.items()}


def unchanged(before, frozen):
    return all(torch.equal(value, before[name]) for name, value in weights_of(frozen).items())


def test_losses_are_cross_entropies_with_the_searchs_weights(tracked, frozen, space):
    cells = draw(space, 5)
    found = frozen.losses(cells)
    batch = frozen.dataset.first("valid", 40, torch.device("cpu"))
    with torch.no_grad():
        logits = [tracked.supernet.eval()(batch.inputs, active=cell.pairs).prediction for cell in cells]
    expected = [float(F.cross_entropy(one, batch.targets)) for one in logits]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_losses_are_kept(tracked, frozen, tmp_path, space, monkeypatch):
    cells = draw(space, 5)
    found, noises = frozen.losses(cells), frozen.noises(cells[:2], 3)
    again = Frozen(tracked.folder, 40, tmp_path / "kept")
    monkeypatch.setattr(again, "_loss", None)
    np.testing.assert_array_equal(again.losses(cells), found)
    np.testing.assert_array_equal(again.noises(cells[:2], 3), noises)


def test_the_noise_is_the_deviation_over_the_searchs_batches(frozen, space):
    cell = draw(space, 3)[0]
    stream = frozen.stream("valid", 0)
    before = weights_of(frozen)
    with torch.no_grad():
        frozen.network.train()
        outputs = [
            (frozen.network(batch.inputs, active=cell.pairs), batch) for batch in (next(stream) for _ in range(4))
        ]
    losses = [float(F.cross_entropy(output.prediction, batch.targets)) for output, batch in outputs]
    assert frozen.noises([cell], 4)[0] == pytest.approx(np.std(losses, ddof=1), rel=1e-5)
    assert unchanged(before, frozen)


@pytest.mark.parametrize("name", list(alpha.latent_ways(None)))
def test_alpha_moves_and_the_supernet_does_not(frozen, name):
    walk = alpha.latent_ways(None)[name]
    before = weights_of(frozen)
    path = walk(frozen, 12, 0)
    assert unchanged(before, frozen)
    assert path.final in path.visited
    assert len(set(path.visited)) == len(path.visited) > 1


def test_straight_through_without_noise_is_e2nass_own_step_on_weights_that_stand_still(frozen):
    walk = alpha.latent_ways(None)["straight through, gradient to all"]
    path = walk(frozen, 12, 3)
    method = alpha.E2NAS(gamma=0.0, warmup=0)
    frozen.network.train().requires_grad_(True)
    state = method.init(frozen.context(12, 3))
    state.trainer.step = lambda *arguments: {}
    valid = frozen.stream("valid", 7)
    visited = []
    for step in range(12):
        visited.append(method.derive(state, None))
        method.step(state, None, next(valid), Progress(step, 12, 0, 1))
    assert path.visited == tuple(dict.fromkeys([*visited, path.final]))
    assert path.final == method.derive(state, None)


@pytest.mark.parametrize("options", ["all", "selected"])
def test_a_cell_without_a_path_leaves_alpha_at_rest(options, frozen, space, monkeypatch):
    """Of its own options none gives a gradient, and no weight learns here: nothing in the loss depends on anything."""
    dead = space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    monkeypatch.setattr(type(frozen.space), "from_graphs", lambda space, graphs: dead)
    method = alpha.E2NAS(gamma=0.0, warmup=0, alpha_gradient=options)
    frozen.network.train().requires_grad_(True)
    state = method.init(frozen.context(1, 0))
    frozen.network.requires_grad_(False)
    batch = next(frozen.stream("valid", 0))
    found, gradient = alpha.straight_through(0.0)(method, state, batch, torch.Generator(), 0.0)
    assert found == dead
    assert gradient.shape == state.alpha.shape
    assert not gradient.any()


def test_noise_visits_more(frozen):
    ways = alpha.latent_ways(None)
    still, moved = (
        ways[name](frozen, 20, 0) for name in ("straight through, gradient to all", "straight through at noise 1")
    )
    assert len(moved.visited) > len(still.visited)


@pytest.mark.parametrize("method", ["darts", "gdas"])
def test_a_method_with_alpha_at_each_choice_moves_it_by_its_own_update(method, tmp_path):
    run = finished(tmp_path / "run", {"name": method})
    frozen = Frozen(run.folder, 40, tmp_path / "kept")
    assert list(alpha.ways(frozen)) == [alpha.OWN] == [alpha.own_way(frozen.config.method)]
    before = weights_of(frozen)
    path = alpha.own_update(frozen, 30, 0)
    assert unchanged(before, frozen)
    assert len(path.visited) > 1
    assert path == alpha.own_update(frozen, 30, 0)
    assert path != alpha.own_update(frozen, 30, 1)


def test_a_way_is_walked_once(frozen):
    calls = []

    def walk(frozen, steps, start):
        calls.append(start)
        return alpha.Path(frozen.answer, (frozen.answer,))

    first = alpha.paths_of(frozen, "a way", walk, 2, 5)
    assert alpha.paths_of(frozen, "a way", walk, 3, 5)[:2] == first
    assert calls == [0, 1, 2]


# -- the scale of the search -------------------------------------------------------------------------------------------


def test_searches_of_all_seeds_share_the_trainings_of_their_scale(tmp_path, space, monkeypatch):
    first, other = (resolve_search({**searched(), "search": {"seed": seed, "epochs": 2}}) for seed in (1, 2))
    training = own_training(first, 1)
    assert training.train.epochs == 1
    assert vars(training.network) == {"channels": 3, "cells": 1}
    assert (training.train.split, training.train.split_seed) == (0.5, 0)
    cells = draw(space, 3)
    found = own_accuracies(training, cells[:2], tmp_path)
    assert not list((tmp_path / "trainings").iterdir())
    monkeypatch.setattr("search_quality.own_scale.train_each", None)
    np.testing.assert_array_equal(own_accuracies(own_training(other, 1), cells[:2], tmp_path), found)
    with pytest.raises(TypeError):
        own_accuracies(own_training(other, 2), cells[:2], tmp_path)


# -- the command -------------------------------------------------------------------------------------------------------

SIZES = {
    "cells": 40,
    "own-cells": 3,
    "own-epochs": 1,
    "noise-cells": 2,
    "noise-batches": 3,
    "starts": 1,
    "alpha-steps": 5,
    "random-cells": 50,
    "images": 40,
    "above": 40,
}
SMALL = [part for name, value in SIZES.items() for part in (f"--{name}", str(value))]


@pytest.fixture
def command(tmp_path, table_file):
    """The arguments of a measurement of a configuration, apart from --out."""
    (tmp_path / "toy.json").write_text(json.dumps(searched()))
    return [str(tmp_path / "toy.json"), "--seeds", "0", "--benchmark", str(table_file), *SMALL]


def test_what_was_killed_goes_on_where_it_was(command, tmp_path, capsys, monkeypatch):
    out = tmp_path / "killed"
    script = [sys.executable, "-m", "benchmarks.search_quality", *command, "--out", str(out)]
    process = subprocess.Popen(script, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT / "src")})
    try:
        kept = wait_for(lambda: [file for file in out.glob("kept/*/losses-*.jsonl") if line_count(file) > 10], process)
    finally:
        process.send_signal(signals.SIGKILL)
        process.wait()
    assert not (out / "search-quality.json").exists()
    before = kept[0].read_text().splitlines()[:11]
    monkeypatch.setattr(links, "bootstrap", partial(bootstrap, resamples=20))
    main([*command, "--out", str(out)])
    assert kept[0].read_text().splitlines()[:11] == before

    main([*command, "--out", str(tmp_path / "whole")])
    killed, whole = (json.loads((folder / "search-quality.json").read_text()) for folder in (out, tmp_path / "whole"))
    for one in (*killed["searches"], *whole["searches"]):
        del one["folder"]
    assert killed == whole
    [record] = whole["searches"]
    assert len(record["effects"]["supernet"]) == 6
    assert record["loses at"] == min(record["links"], key=record["links"].get)
    table = (out / "search-quality.md").read_text()
    assert table in capsys.readouterr().out
    assert record["loses at"] in table.splitlines()[2]


def made_up_record(signal, sharing, configuration="a"):
    """What is measured of a run, with all numbers alike but these."""
    estimate = {"value": 0.5, "low": 0.4, "high": 0.6}
    taus = dict.fromkeys(("accuracy", "loss", "live parameters", "parameters"), estimate)
    gaps = dict.fromkeys(("sharing by loss", "proxy", "both"), estimate)
    return {
        "method": "darts",
        "objective": "plain",
        "configuration": configuration,
        "seed": 0,
        "signal": {"ratio": signal},
        "fidelity": {"all": {"cells": 9, **taus}, "best": {"cells": 2, **dict.fromkeys(taus)}},
        "gaps": {"cells": 4, **gaps, "sharing": {**estimate, "value": sharing}},
        "effects": {"supernet": {"1<-0": signal}, "truth": {"1<-0": 0.25}, "own scale": None},
        "optimisation": {"own update": {"final": [1.0, 3.0], "best visited": [0.5, 0.5], "distinct": [7, 7]}},
        "outcome": {"truth": {"test": 93.0}, "percentile": 5.0},
        "links": {"signal": signal, "sharing": sharing, "proxy": 0.5, "optimisation": 0.96},
    }


def test_runs_of_one_configuration_are_one_row():
    records = [made_up_record(0.3, 0.1), made_up_record(0.1, 0.2)]
    label_rows(records)
    rows = markdown(records).splitlines()
    row = "| darts, plain | 2 | 0.20 ± 0.14 | 0.50 ± 0.00 | - | 0.15 ± 0.07 | 0.50 ± 0.00 | 0.96 ± 0.00 | 5.0 ± 0.0 "
    assert rows[2] == f"{row}| 93.00 ± 0.00 | sharing (0.15) |"
    assert "| darts, plain, supernet | 0.20 ± 0.14 |" in rows
    assert "| darts, plain, own scale | - |" in rows
    assert "| darts, plain, own update | 2.0 | 0.5 | 7.0 |" in rows


def test_configurations_of_one_name_are_told_apart():
    records = [made_up_record(0.3, 0.1, "a"), made_up_record(0.1, 0.2, "b")]
    label_rows(records)
    assert [record["label"] for record in records] == ["darts, plain (a)", "darts, plain (b)"]


def line_count(file):
    return len(file.read_text().splitlines())


def wait_for(condition, process):
    """What a condition gives as soon as it is true."""
    for _ in range(6000):
        if found := condition():
            return found
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    raise AssertionError("nothing to kill")


def test_seeds_of_finished_runs_are_refused(tracked, table_file, tmp_path):
    with pytest.raises(SystemExit, match="--seeds are of a configuration"):
        main([str(tracked.folder), "--seeds", "1", "--benchmark", str(table_file), "--out", str(tmp_path)])


def test_an_unknown_column_is_refused_before_anything_is_measured(tracked, table_file, tmp_path):
    wrong = ["--truth", "cifar10 test 7", "--benchmark", str(table_file), "--out", str(tmp_path)]
    with pytest.raises(SystemExit, match=r"the table has no such column; wanted .*cifar10 test 200"):
        main([str(tracked.folder), *wrong, *SMALL])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--own-cells", "41"], "--own-cells 41 are of the 40 of --cells"),
        (["--noise-cells", "41"], "--noise-cells 41 are of the 40 of --cells"),
        (["--option", "conv"], "option"),
    ],
)
def test_what_does_not_fit_is_refused(tracked, table_file, tmp_path, wrong, message):
    with pytest.raises(SystemExit, match=message):
        main([str(tracked.folder), "--benchmark", str(table_file), "--out", str(tmp_path), *SMALL, *wrong])


def test_a_folder_without_a_search_is_refused(tmp_path):
    with pytest.raises(UserError, match="wanted the run folder of a finished"):
        Frozen(tmp_path, 40, tmp_path / "kept")

"""DARTS-PT: planted answers that alpha does not know, and a slow twin on a supernet."""

import shutil

import numpy as np
import pytest
import torch

import supernas
from supernas import spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.evaluation.selection.by_distribution import learnt
from supernas.evaluation.selection.selectors.darts_pt import Decisions
from supernas.runs.finished import read_run
from supernas_pytest.toys import TOY


def planted(space, seed, tuned=None, usable=lambda architecture: True):
    """Decisions where an option is worth a known amount wherever it is left, and (the values, the random W)."""
    generator = torch.Generator().manual_seed(seed)
    values = {kind: torch.rand(shape, generator=generator, dtype=torch.float64) for kind, shape in space.shapes.items()}
    W = {
        kind: torch.randn(shape, generator=generator, dtype=torch.float64).softmax(-1)
        for kind, shape in space.shapes.items()
    }

    def metric(left):
        return float(sum((values[kind] * (left[kind] > 0)).sum() for kind in values))

    made = Decisions(
        space,
        {kind: matrix.clone() for kind, matrix in W.items()},
        space.pairs,
        metric,
        (tuned.append if tuned is not None else lambda left: None),
        np.random.default_rng(seed),
        usable,
        lambda one, other: one < other,
    )
    return made, values, W


@pytest.mark.parametrize("seed", range(4))
def test_the_option_that_is_missed_most_stays_whatever_alpha_says(seed):
    space, tuned = spaces.get("nas-bench-201"), []
    decisions, values, W = planted(space, seed, tuned)
    found = decisions.all(lambda done, of: None)
    assert found.options == tuple(values["cell"].argmax(-1).tolist())
    assert found.options != tuple(W["cell"].argmax(-1).tolist())
    assert (decisions.asked, len(tuned)) == (30, 6)


def test_of_each_node_the_edges_that_are_missed_most_stay():
    space = spaces.get("darts-cnn")
    decisions, values, _ = planted(space, 1)
    found = decisions.all(lambda done, of: None)
    none = space.choices[0].options.index("none")
    expected = []
    for kind, where in space.kinds.items():
        best = values[kind].clone()
        best[:, none] = -1.0
        ends = [space.ends(choice)[1] for choice in where]
        for node in set(ends):
            edges = [row for row, end in enumerate(ends) if end == node]
            # after the first part only the best option of an edge is left, so that is what an edge is worth
            kept = sorted(edges, key=lambda row: -float(best[row].max()))[:2]
            expected += [(where.start + row, int(best[row].argmax())) for row in kept]
    assert sorted(found.pairs) == sorted(expected)


def test_an_answer_without_a_path_is_not_decided_for():
    space = spaces.get("nas-bench-201")
    decisions, values, _ = planted(space, 0, usable=space.connected)
    values["cell"][:, 0] = 2.0  # `none` is missed most everywhere
    found = decisions.all(lambda done, of: None)
    assert space.connected(found)
    assert found.options.count(0) >= 3


def test_it_decides_as_the_equations_say_on_a_supernet(tmp_path):
    """Without tuning, by a loop of its own over the finished search's network."""
    run = supernas.search(
        method="darts", config={**TOY, "search": {**TOY["search"], "disconnected": "allow"}}, out=tmp_path / "run"
    )
    chosen = supernas.derive(run.folder, by="darts-pt", tune=0, seed=3)
    method, state = learnt(run.folder)
    network = state.context.network.eval()
    W = method.relax(state, state.alpha)["cell"].detach().clone()
    dataset = _dataset(run.folder)

    def accuracy(left):
        hits = [
            (network(batch.inputs, {"cell": left}).prediction.argmax(1) == batch.targets).float()
            for batch in dataset.batches("valid", torch.device("cpu"), 16)
        ]
        return float(torch.cat(hits).mean())

    options = {}
    with torch.no_grad():
        for edge in np.random.default_rng([3, 2]).permutation(6).tolist():
            found = []
            for option in range(5):
                left = W.clone()
                left[edge, option] = 0
                found.append(accuracy(left))
            options[edge] = int(np.argmin(found))
            W[edge] = torch.eye(5)[options[edge]]
    assert chosen.architecture == Architecture.of([options[edge] for edge in range(6)])
    assert chosen.score == pytest.approx(100 * accuracy(W), abs=1e-4)
    assert chosen.record["evaluations"] == 30


def _dataset(folder):
    config, _ = read_run(folder)
    return config.data.load().for_search(config.search.seed, config.search.split)


def test_tuning_trains_what_is_left(tmp_path):
    run = supernas.search(method="darts", config=TOY, out=tmp_path / "run")
    before = (run.folder / "supernet.safetensors").read_bytes()
    untuned = supernas.derive(run.folder, by="darts-pt", tune=0).score
    assert supernas.derive(run.folder, by="darts-pt", tune=4, set="derive.lr=0.1").score > untuned
    assert (run.folder / "supernet.safetensors").read_bytes() == before


def test_a_choice_that_is_killed_and_made_again_is_the_same(tmp_path, monkeypatch):
    """Killed after a decision and the tuning that follows it: nothing of it is left to the next one."""
    run = supernas.search(method="darts", config=TOY, out=tmp_path / "run")
    shutil.copytree(run.folder, tmp_path / "whole")
    whole = supernas.derive(tmp_path / "whole", by="darts-pt", tune=1)
    decide, decisions = Decisions.decide_option, []

    def dying(self, *asked):
        decisions.append(asked)
        if len(decisions) == 2:
            raise KeyboardInterrupt
        return decide(self, *asked)

    monkeypatch.setattr(Decisions, "decide_option", dying)
    with pytest.raises(KeyboardInterrupt):
        supernas.derive(run.folder, by="darts-pt", tune=1)
    assert not list(run.folder.glob("derive-*"))
    again = supernas.derive(run.folder, by="darts-pt", tune=1)
    assert len(decisions) == 2 + 6
    assert (again.text, again.score) == (whole.text, whole.score)
    assert again.file.name == whole.file.name
    untimed = [{**one.record, "seconds": 0} for one in (again, whole)]
    assert untimed[0] == untimed[1]


def test_what_it_cannot_choose_from_is_refused(tmp_path):
    run = supernas.search(method="random-nas", config=TOY, set=("method.candidates=2",), out=tmp_path / "run")
    with pytest.raises(UserError, match="random-nas has no mixture of which an option could be taken away"):
        supernas.derive(run.folder, by="darts-pt")
    with pytest.raises(UserError, match="tune=0 has no lr: leave it out"):
        supernas.derive(run.folder, by="darts-pt", tune=0, set="derive.lr=0.1")
    with pytest.raises(UserError, match="normalised as in the search; leave out batch_norm"):
        supernas.derive(run.folder, by="darts-pt", batch_norm="recalibrate")

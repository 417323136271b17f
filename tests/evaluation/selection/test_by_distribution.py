"""What a search has learnt, drawn from, and the best of it by a proxy."""

import itertools
import math
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch

import supernas
from supernas import proxies
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.data import Batch
from supernas.evaluation.selection.by_distribution import draw_from_distribution, learnt
from supernas.runs.configuration import resolve_search
from supernas.runs.finished import read_run
from supernas.runs.search import Search
from supernas.steps.contracts import Distribution

CELLS = [Architecture.of([option] * 6) for option in range(4)]


@dataclass
class Draws(Distribution):
    """Draws numbers of `CELLS` in a given order."""

    order: list[int]
    drawn: itertools.cycle = field(init=False)

    def __post_init__(self):
        self.drawn = itertools.cycle(self.order)

    def draw_architecture(self, state, generator):
        return CELLS[next(self.drawn)]


def drawn(method, draws=10, state=None, seed=0):
    return draw_from_distribution(method, state, draws, torch.Generator().manual_seed(seed))


def test_so_many_are_drawn_repeats_included():
    assert drawn(Draws([2, 0, 2, 1]), draws=3) == [CELLS[2], CELLS[0], CELLS[2]]


def test_no_draws_are_refused():
    with pytest.raises(UserError, match="wanted 1 or more"):
        drawn(Draws([0]), draws=0)


def test_a_finished_search_is_drawn_from_as_it_ended(tmp_path):
    config = resolve_search(
        {
            "method": {"name": "balenas", "samples": 1, "train_set_size": None},
            "supernet": {"channels": 2, "cells": 1},
            "data": {"source": "digits", "train_size": 96, "resolution": 4},
            "search": {"epochs": 2, "batch_size": 16, "validation_images": 16, "device": "cpu"},
        }
    )
    search = Search(config, tmp_path / "run")
    search.run()
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    method, state = learnt(tmp_path / "run")
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before
    assert state.alpha_optimiser.examples == 48  # the validation half
    one, other = (drawn(method, 20, of, seed=3) for of in (state, search.state.method))
    assert one == other
    assert len(one) == 20
    whole = (tmp_path / "run" / "checkpoint.pt").read_bytes()
    (tmp_path / "run" / "checkpoint.pt").write_bytes(whole[:-100])
    with pytest.raises(UserError, match="the one before is not of the search's end"):
        learnt(tmp_path / "run")
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    with pytest.raises(UserError, match="holds no checkpoint"):
        learnt(tmp_path / "run")
    with pytest.raises(UserError, match="run folder of a finished"):
        learnt(tmp_path)


def test_the_best_draw_by_a_proxy_is_derived_from_a_finished_search(tmp_path, monkeypatch):
    config = {
        "supernet": {"channels": 2, "cells": 1},
        "data": {"train_size": 96},
        "search": {"epochs": 1, "batch_size": 16, "validation_images": 16, "device": "cpu"},
    }
    supernas.search(method="balenas", config=config, out=tmp_path)
    found = supernas.derive(tmp_path, by="proxy", proxy="synflow", draws=12)
    scores = found.record["scores"]
    assert sum(found.record["drawn"].values()) == 12
    assert found.score == max(score for score in scores if score is not None)
    assert list(found.record["drawn"])[scores.index(found.score)] == found.text
    space = supernas.space("nas-bench-201")
    size = {"num_classes": 10, "in_channels": 1, "channels": 2, "cells": 1}
    batch = Batch(torch.ones(1, 1, 8, 8), torch.zeros(1, dtype=torch.int64))  # synflow reads its shape alone
    (again,) = proxies.measure_architecture(proxies.get("synflow")(), space, found.architecture, size, batch, None, 0)
    assert again == pytest.approx(found.score)
    for path in tmp_path.glob("derive-proxy-*.json"):
        path.unlink()
    monkeypatch.setattr(proxies, "measure_architecture", None)  # what was scored is not scored again
    assert supernas.derive(tmp_path, by="proxy", proxy="synflow", draws=12).record["scores"] == scores
    monkeypatch.undo()
    with pytest.raises(UserError, match="less than 2"):
        supernas.derive(tmp_path, by="proxy", seed=2**32)
    with pytest.raises(UserError, match="unknown device 'gpu'"):
        supernas.derive(tmp_path, by="proxy", device="gpu")
    with pytest.raises(UserError, match="by='proxy' does not ask the supernet: leave out images"):
        supernas.derive(tmp_path, by="proxy", images=20)
    supernas.search(method="darts", config=config, out=tmp_path / "darts")
    with pytest.raises(UserError, match=r"darts ends with one architecture, .*; take source uniform"):
        supernas.derive(tmp_path / "darts", by="proxy")


@pytest.fixture
def balenas_run(tmp_path):
    config = {
        "supernet": {"channels": 2, "cells": 1},
        "data": {"train_size": 96},
        "search": {"epochs": 1, "batch_size": 16, "validation_images": 16, "device": "cpu"},
    }
    supernas.search(method="balenas", config=config, out=tmp_path / "run")
    return tmp_path / "run"


def test_a_proxy_sees_training_images_its_seed_and_its_direction(balenas_run, space):
    """By hand, from the images to the choice; `ntk` is the better the smaller."""
    found = supernas.derive(balenas_run, by="proxy", proxy="ntk", draws=6, batch_size=4, seed=5)
    config, _ = read_run(balenas_run)
    dataset = config.data.load().for_search(config.search.seed, config.search.split)
    batch = dataset.first("train", 4, torch.device("cpu"))
    size = {"num_classes": 10, "in_channels": 1, "channels": 2, "cells": 1}
    ntk = proxies.get("ntk")()
    loss = torch.nn.functional.cross_entropy
    measured = [
        proxies.measure_architecture(ntk, space, space.parse(text), size, batch, loss, 5)
        for text in found.record["drawn"]
    ]
    scores = ntk.scores(np.array(measured)).tolist()
    assert [math.inf if one is None else one for one in found.record["scores"]] == scores
    assert found.score == min(scores)


def test_a_score_that_is_defined_for_nothing_chooses_nothing(balenas_run, monkeypatch):
    monkeypatch.setattr(proxies, "measure_architecture", lambda *_: (math.nan,))
    with pytest.raises(UserError, match="synflow is not defined for any of the"):
        supernas.derive(balenas_run, by="proxy", draws=3)

"""An architecture without a path from input to output is no answer, unless the settings say so."""

import numpy as np
import pytest
import torch
from torch import nn

import supernas
from runs_toy import CELL, rewritten
from searched_toy import finished
from supernas import methods, spaces
from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.evaluation.supernet_accuracy import Supernet
from supernas.methods.random_nas import RandomNAS
from supernas.runs.configuration import resolve_train
from supernas.runs.search import Search
from supernas.runs.training import Training, train_each

NB201, DARTS = spaces.get("nas-bench-201"), spaces.get("darts-cnn")
DEAD = NB201.parse("|none~0|+|none~0|nor_conv_3x3~1|+|none~0|skip_connect~1|nor_conv_3x3~2|")
TOY = {"data": "digits", "epochs": 2, "config": {"supernet": {"channels": 2, "cells": 1}}}
FEW = ["data.train_size=64", "search.batch_size=16", "search.validation_images=32"]
SMALL = {
    "architecture": NB201.format(DEAD),
    "network": {"channels": 2, "cells": 1},
    "data": {"train_size": 32},
    "train": {"epochs": 1},
}


def genotype(normal, reduce):
    """Cells of which every slot reads the same two inputs through one operation each."""

    def cell(name):
        first, second = (name, name) if isinstance(name, str) else name
        return [(first, 0), (second, 1)] * 4

    return (
        f"Genotype(normal={cell(normal)}, normal_concat=range(2, 6), reduce={cell(reduce)}, reduce_concat=range(2, 6))"
    )


def search(tmp_path, *settings, **changes):
    return supernas.search(**{**TOY, "method": "random-nas", **changes}, set=[*FEW, *settings], out=tmp_path / "run")


# --- what has a path --------------------------------------------------------------------------------------------------


def depends(space, architecture, channels):
    """Whether the gradient of a network's output in its input is anything."""
    model = space.build(architecture, **channels, num_classes=3, in_channels=1).eval()
    x = torch.randn(2, 1, 8, 8, requires_grad=True)
    output = model(x)
    if not output.requires_grad:
        return False
    (gradient,) = torch.autograd.grad(output.square().sum(), x, allow_unused=True)
    return gradient is not None and bool(gradient.any())


def test_cells_of_nas_bench_201_against_gradients():
    drawn = [NB201.sample(np.random.default_rng(seed)) for seed in range(40)]
    found = [NB201.connected(cell) for cell in [DEAD, *drawn]]
    assert found == [depends(NB201, cell, {"channels": 2, "cells": 1}) for cell in [DEAD, *drawn]]
    assert {True, False} == set(found)


@pytest.mark.parametrize(
    ("space", "normal", "reduce", "connected"),
    [
        ("darts-cnn", "sep_conv_3x3", "max_pool_3x3", True),
        ("darts-cnn", ("none", "skip_connect"), ("skip_connect", "none"), True),
        ("darts-cnn", "none", "none", False),
        ("darts-cnn", "sep_conv_3x3", "none", False),
        ("darts-cnn", "none", "sep_conv_3x3", False),
    ],
)
def test_both_cells_of_darts_must_hand_on(space, normal, reduce, connected):
    cell = DARTS.parse(genotype(normal, reduce))
    assert DARTS.connected(cell) is connected
    if connected or normal == reduce:  # where one cell is dead, the other may pass it by
        assert depends(DARTS, cell, {"channels": 2, "cells": 6}) is connected


def test_noise_hands_on_nothing():
    noisy = spaces.get("darts-cnn", {"operations": "S4"})
    cell = noisy.parse(genotype("noise", "sep_conv_3x3"))
    assert not noisy.connected(cell)
    assert noisy.live(cell)  # it is part of what the network computes


class Model(nn.Module):
    """One of two options of its first choice loses the input."""

    class Lost(nn.Module):
        def forward(self, x):
            return x * 0

    def __init__(self):
        super().__init__()
        self.first = supernas.Choice("first", {"kept": nn.Linear(4, 4), "lost": self.Lost()})
        self.norm, self.last = nn.BatchNorm1d(4), nn.Linear(4, 2)

    def forward(self, x):
        return self.last(self.norm(self.first(x)))


def test_a_model_of_ones_own_is_tried(tmp_path, monkeypatch):
    space = supernas.ModelSpace(Model)
    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
    data = (x, (x.sum(1) > 0).long())
    monkeypatch.setattr(RandomNAS, "final", lambda self, state, validate: space.parse("first=lost"))
    toy = {"space": space, "data": data, "epochs": 2, "set": ["search.batch_size=8"]}
    found = supernas.search(method="random-nas", **toy, out=tmp_path / "search")
    assert (found.text, found.record["instead_of"]) == ("first=kept", "first=lost")
    with pytest.raises(UserError, match="no path from input to output"):
        supernas.train("first=lost", space=space, data=data, epochs=1, out=tmp_path / "train")
    supernas.train("first=kept", space=space, data=data, epochs=1, out=tmp_path / "train")


# --- the answer of a search -------------------------------------------------------------------------------------------


def test_a_candidate_without_a_path_is_never_the_best(tmp_path, monkeypatch):
    drawn = [NB201.parse(CELL), DEAD, DEAD]
    monkeypatch.setattr(type(NB201), "sample", lambda self, generator: drawn[int(generator.integers(3))])
    judge = Search.validate
    monkeypatch.setattr(  # on few images a constant may be the best
        Search, "validate", lambda self, one, *more: 99.0 if one == DEAD else judge(self, one, *more)
    )
    found = search(tmp_path, "method.candidates=20")
    assert found.text == CELL
    assert "instead_of" not in found.record


@pytest.mark.parametrize("method", ["darts", "e2nas", "zero-cost"])
@pytest.mark.parametrize("derived", [NB201.parse(CELL), DEAD], ids=["known", "unknown"])
def test_another_takes_the_place_of_an_answer_without_a_path(tmp_path, monkeypatch, caplog, method, derived):
    made = {"derive": lambda self, state, validate: derived, "final": lambda self, state, validate: DEAD}
    for verb, answer in made.items():
        monkeypatch.setattr(methods.get(method), verb, answer)
    found = search(tmp_path, method=method)
    assert NB201.connected(found.architecture)
    assert found.record["instead_of"] == NB201.format(DEAD)
    assert "no path from input to output" in caplog.text
    if derived == DEAD:  # one of the nearest
        assert NB201.distance(found.architecture, DEAD) == 1
    else:  # what an epoch derived
        assert found.text == CELL


def test_another_has_only_what_the_last_network_holds(tmp_path, monkeypatch):
    drnas, dead = methods.get("drnas"), Architecture.of([0, 0, 4, 0, 0, 0])
    for verb in ("derive", "final"):
        monkeypatch.setattr(drnas, verb, lambda self, state, validate: dead)
    monkeypatch.setattr(drnas, "keep", lambda self, state, stage: tuple((edge, o) for edge in range(6) for o in (0, 4)))
    progressive = ["method.progressive=true", "supernet.channels=8"]
    found = search(tmp_path, *progressive, method="drnas")
    assert NB201.connected(found.architecture)
    assert set(found.architecture.options) <= {0, 4}


def test_an_ablation_may_have_it(tmp_path, monkeypatch):
    monkeypatch.setattr(RandomNAS, "final", lambda self, state, validate: DEAD)
    found = search(tmp_path, "search.disconnected=allow")
    assert found.architecture == DEAD


def test_other_choices_from_a_supernet(tmp_path, monkeypatch):
    run = finished(tmp_path / "run")
    ask = Supernet.accuracy
    monkeypatch.setattr(Supernet, "accuracy", lambda self, key: ask(self, key) if key else 99.0)
    monkeypatch.setattr(NB201.__class__, "sample", _mostly_dead())
    for selector, options in {
        "best-sampled": {"candidates": 6},
        "evolution": {"candidates": 6, "population": 2},
    }.items():
        chosen = supernas.derive(run.folder, by=selector, images=40, **options)
        assert NB201.connected(chosen.architecture), selector


def _mostly_dead():
    sample = type(NB201).sample

    def drawn(self, generator):
        cell = sample(self, generator)
        return Architecture.of([0, 0, cell.options[2], 0, *cell.options[4:]]) if generator.random() < 0.6 else cell

    return drawn


# --- training and export ----------------------------------------------------------------------------------------------


def test_training_refuses_and_says_how_to_do_it_all_the_same(tmp_path):
    with pytest.raises(UserError, match=r'no path from input to output.*set=\["train.disconnected=allow"\]'):
        Training(resolve_train(SMALL), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    allowed = resolve_train({**SMALL, "train": {"epochs": 1, "disconnected": "allow"}})
    Training(allowed, tmp_path / "run").run()
    supernas.export(tmp_path / "run")
    before = {"disconnected": "refuse"}  # a training from before there was the setting
    rewritten(tmp_path / "run", "config.json", lambda config: config["train"].update(before))
    with pytest.raises(UserError, match="no path from input to output"):
        supernas.export(tmp_path / "run", out=tmp_path / "export")
    assert not (tmp_path / "export").exists()


def test_what_is_drawn_for_a_comparison_is_trained_as_it_is(tmp_path):
    config = resolve_train({**SMALL, "architecture": CELL})
    (result,) = train_each(config, [DEAD], tmp_path)
    assert result.architecture == DEAD


# --- small data -------------------------------------------------------------------------------------------------------


def test_few_images_make_smaller_batches_and_that_is_said(tmp_path):
    toy = {**TOY, "method": "random-nas", "out": tmp_path / "run"}
    run = supernas.Search(**toy, set=["data.train_size=160"])
    assert (run.steps_per_epoch, run.state.train.batch_size) == (2, 40)
    (note,) = run.notes
    assert "80 train the weights and 80 judge; batches of 40 (64 would leave 16 out of every pass)" in note
    assert run.run().record["batch_size"] == 40
    run = supernas.Search(**{**toy, "out": tmp_path / "other"}, set=["data.train_size=128"])
    assert (run.steps_per_epoch, run.state.train.batch_size) == (1, 64)
    assert "1 to the epoch" in run.notes[0]
    run = supernas.Search(**{**toy, "out": tmp_path / "usual"})
    assert (run.notes, run.state.train.batch_size) == ([], 64)

"""What a network needs is known before it is made."""

import pytest
import torch

from runs_toy import make
from supernas import spaces
from supernas.core.errors import UserError
from supernas.networks.costs.memory import Pass, check_fits, needed_bytes
from supernas.runs.configuration import resolve_search
from supernas.runs.search import Search

CNN = {"num_classes": 10, "in_channels": 3}


def needed(space, shape=(8, 3, 32, 32), run=None, **settings):
    where = spaces.get(space)
    usual = vars(where.network_class.supernet_settings())
    dtype = torch.int64 if space == "darts-rnn" else torch.float32
    known = {"num_classes": 10} if space == "darts-rnn" else {**CNN, "in_channels": shape[1]}
    build = lambda **given: where.network_class(where, **known, **given)  # noqa: E731
    return needed_bytes(build, {**usual, **settings}, Pass(shape[0], shape[1:], dtype, **run or {}))


def test_weights_and_activations_are_counted():
    network = spaces.get("nas-bench-201").supernet(channels=8, cells=1, **CNN)
    weights = sum(parameter.nbytes for parameter in network.parameters())
    one, eight = (needed("nas-bench-201", (batch, 3, 32, 32), channels=8, cells=1) for batch in (1, 8))
    stem = 8 * 32 * 32 * 4  # bytes of its output for one image
    assert one - (eight - one) / 7 == pytest.approx(4 * weights, rel=0.01)
    assert (eight - one) / 7 > 3 * stem


@pytest.mark.parametrize("space", ["nas-bench-201", "darts-cnn"])
def test_many_cells_are_reckoned_from_few(space):
    exact = needed(space, (8, 3, 16, 16), channels=4, cells=6)
    assert needed(space, (8, 3, 16, 16), channels=4, cells=9) == pytest.approx(1.5 * exact, rel=0.2)
    assert needed(space, channels=4, cells=10**9) > 1e12


@pytest.mark.parametrize(
    ("space", "settings"), [("nas-bench-201", "channels"), ("darts-cnn", "channels"), ("darts-rnn", "units")]
)
@pytest.mark.parametrize("size", [10**5, 10**9, 10**18])
@pytest.mark.parametrize("run", [{}, {"mixture": True}, {"backward": False}], ids=str)
def test_nothing_large_is_made(space, settings, size, run):
    shape = (8, 1) if space == "darts-rnn" else (8, 3, 32, 32)
    assert needed(space, shape, run, **{settings: size}) > 1e11


def test_texts_stand_side_by_side():
    assert Pass(8, (3, 32, 32)).shape == (8, 3, 32, 32)
    assert Pass(8, (1,)).shape == (1, 8)
    assert needed("darts-rnn", (8, 1)) > 0


@pytest.mark.parametrize("space", ["nas-bench-201", "darts-cnn"])
def test_how_it_is_run_counts(space):
    """A mixture keeps what all options keep, a part of a batch only its part, and who asks a supernet nothing."""
    size = {"channels": 4, "cells": 1 if space == "nas-bench-201" else 3}
    weights = needed(space, (0, 3, 16, 16), {"copies": 1}, **size)
    path, mixture, part, asked = (
        needed(space, (60, 3, 16, 16), {"copies": 0, **run}, **size)
        for run in ({}, {"mixture": True}, {"paths": 5}, {"backward": False})
    )
    assert mixture > 5 * path
    assert path / 5 < part < path / 2  # all of the stem
    assert 60 * 4 * 16 * 16 * 4 <= asked < path / 3  # a map of the stem at least
    assert needed(space, (60, 3, 16, 16), {"backward": False, "copies": 2}, **size) == asked + 2 * weights


def test_the_message_says_how_much_and_what_is_free(monkeypatch):
    monkeypatch.setattr("supernas.core.memory.free_memory", lambda: 23 * 10**9)

    class Net(torch.nn.Module):
        pairs = ((0, 0),)

        def __init__(self, width):
            super().__init__()
            self.layer = torch.nn.Linear(width, width, bias=False)

        def embed(self, x):
            return x[..., 0]

        def after_stem(self, x, mixture):
            return self.layer(x)

    def check(width, processes=1):
        check_fits(Net, {"width": width}, Pass(1, (width, 1)), "this supernet and a batch of 1", processes)

    check(30_000)
    with pytest.raises(
        UserError,
        match=r"^this supernet and a batch of 1 need about 40.0 GB of memory, and 23.0 GB are free; take fewer",
    ):
        check(50_000)
    with pytest.raises(UserError, match=r"^this .* batch of 1 in 2 processes need about 28.8 .*, or fewer workers$"):
        check(30_000, 2)


@pytest.mark.parametrize(("kind", "section"), [("search", "supernet"), ("train", "network")])
def test_a_run_is_refused_before_anything_is_made(kind, section, tmp_path):
    with pytest.raises(UserError, match=rf"this {section} .* GB are free"):
        make(kind, tmp_path / "run", {section: {"channels": 10**9}})
    assert not (tmp_path / "run").exists()


def test_a_mixture_is_refused_where_a_path_goes(monkeypatch, tmp_path):
    """A method that trains all options at once needs what they all keep."""

    def search(method):
        document = {
            "method": {"name": method},
            "supernet": {"channels": 16, "cells": 1},
            "data": {"train_size": 128},
            "search": {"batch_size": 32, "device": "cpu"},
        }
        return Search(resolve_search(document), tmp_path / method)

    free = needed("nas-bench-201", (32, 1, 8, 8), {"mixture": True}, channels=16, cells=1) - 1
    monkeypatch.setattr("supernas.core.memory.free_memory", lambda: free)
    search("random-nas")
    with pytest.raises(UserError, match=r"this supernet and a batch of 32 need about .* GB are free"):
        search("darts")
    assert not (tmp_path / "darts").exists()

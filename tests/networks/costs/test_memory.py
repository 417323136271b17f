"""What a network needs is known before it is made."""

import pytest
import torch

from runs_toy import make
from supernas import spaces
from supernas.core.errors import UserError
from supernas.networks.costs.memory import batch_shape, check_trainable, needed_bytes

CNN = {"num_classes": 10, "in_channels": 3}


def needed(space, shape=(8, 3, 32, 32), **settings):
    where = spaces.get(space)
    usual = vars(where.network_class.supernet_settings())
    dtype = torch.int64 if space == "darts-rnn" else torch.float32
    known = {"num_classes": 10} if space == "darts-rnn" else CNN
    build = lambda **given: where.network_class(where, **known, **given)  # noqa: E731
    return needed_bytes(build, {**usual, **settings}, shape, dtype, "it")


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
def test_nothing_large_is_made(space, settings, size):
    assert needed(space, (8, 35) if space == "darts-rnn" else (8, 3, 32, 32), **{settings: size}) > 1e11


def test_texts_stand_side_by_side():
    assert batch_shape(8, (3, 32, 32)) == (8, 3, 32, 32)
    assert batch_shape(8, (1,)) == (1, 8)
    assert needed("darts-rnn", batch_shape(8, (1,))) > 0


@pytest.mark.parametrize("shape", [(8, 3, 1, 1), (8, 3, 2, 2), (1, 3, 1, 1)])
def test_inputs_that_are_too_small_are_refused(shape):
    with pytest.raises(UserError, match=r"it cannot take a batch of inputs of shape \[\d, 3, \d, \d\]: "):
        needed("nas-bench-201", shape)


def test_the_message_says_how_much_and_what_is_free(monkeypatch):
    monkeypatch.setattr("supernas.core.memory.free_memory", lambda: 23 * 10**9)
    layer = lambda width: torch.nn.Linear(width, width, bias=False)  # noqa: E731

    class Net(torch.nn.Module):
        pairs = ((0, 0),)

        def __init__(self, width):
            super().__init__()
            self.layer = layer(width)

        def forward(self, x, active):
            return self.layer(x[..., 0])

    check_trainable(lambda width: Net(width), {"width": 30_000}, 1, (30_000, 1), torch.float32, "this supernet")
    with pytest.raises(
        UserError,
        match=r"^this supernet and a batch of 1 need about 40.0 GB of memory, and 23.0 GB are free; take fewer",
    ):
        check_trainable(lambda width: Net(width), {"width": 50_000}, 1, (50_000, 1), torch.float32, "this supernet")


@pytest.mark.parametrize(("kind", "section"), [("search", "supernet"), ("train", "network")])
def test_a_run_is_refused_before_anything_is_made(kind, section, tmp_path):
    with pytest.raises(UserError, match=rf"this {section} .* GB are free"):
        make(kind, tmp_path / "run", {section: {"channels": 10**9}})
    assert not (tmp_path / "run").exists()

"""What every proxy must do."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pytest
import torch

from supernas import proxies, spaces
from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.task import CLASSIFICATION
from supernas.data import Batch
from supernas.networks.base import Standalone
from supernas_pytest.parts import each, over
from supernas_pytest.toys import alone

__all__ = [
    "alone",
    "test_a_score_is_a_number_and_the_same_again",
    "test_dead_edges_count_where_a_proxy_says_so",
    "test_the_network_is_left_as_it_was",
]

_LOSS = CLASSIFICATION.loss
_SIZE = {"channels": 3, "cells": 1, "in_channels": 1, "num_classes": 3}
_SPACES = {"nas-bench-201": {"channels": 4, "cells": 1}, "darts-cnn": {"channels": 4, "cells": 3}}
_QUICK: dict[str, Document] = {
    "az-nas": {"images": 4},
    "linear-regions": {"inputs": 100, "repeats": 1},
    "ntk": {"images": 4},
    "swap": {"repeats": 1},
    "zen": {"repeats": 2},
}
_CELL = "|nor_conv_3x3~0|+|skip_connect~0|nor_conv_1x1~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_1x1~2|"
_BARE = "|none~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|"
_DEAD = (
    "|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|none~2|",  # read by nobody
    "|none~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|nor_conv_3x3~2|",  # fed by nothing
)


def _batch(images: int, channels: int, dtype: torch.dtype) -> Batch:
    drawn = torch.Generator().manual_seed(1)
    inputs = torch.randn(images, channels, 8, 8, generator=drawn, dtype=torch.float64)
    return Batch(inputs.to(dtype), torch.randint(3, (images,), generator=drawn))


def _measured(name: str, network: Standalone, batch: Batch) -> Sequence[float]:
    return proxies.get(name)().measure(network, batch, _LOSS, torch.Generator().manual_seed(5))


def _some_of(name: str) -> list[Architecture]:
    """A spread of a space's architectures."""
    space = spaces.get(name)
    some = [space.sample(np.random.default_rng(3))]
    if name == "nas-bench-201":
        some += [Architecture.of([option] * 6) for option in range(5)]
        some += [Architecture.of([0, 3, 3, 1, 4, 3]), Architecture.of([3, 3, 3, 0, 0, 1])]  # dead edges both ways
    return some


@over("name,space_name", lambda parts: [(name, space) for name in parts.names("proxy") for space in _SPACES])
def test_a_score_is_a_number_and_the_same_again(name: str, space_name: str) -> None:
    """Or the worst; whatever was drawn before, and without a draw from global generators."""
    space, proxy = spaces.get(space_name), proxies.get(name)(**_QUICK.get(name, {}))
    assert proxy.reference
    batch, size = _batch(8, 3, torch.float32), {**_SPACES[space_name], "num_classes": 3}
    assess = partial(proxies.measure_architecture, proxy, space, batch=batch, loss=_LOSS)
    measured = []
    for architecture in _some_of(space_name):
        measured.append(assess(architecture, size, seed=0))
        torch.manual_seed(7)  # whatever happens in between
        state = torch.get_rng_state()
        np.testing.assert_array_equal(assess(architecture, size, seed=0), measured[-1])
        assert torch.equal(torch.get_rng_state(), state)
    assert len(set(proxy.parts)) == len(measured[0])
    assert not np.isinf(measured).any()
    scores = proxy.scores(np.array(measured))
    assert scores.shape == (len(measured),)
    assert (np.isfinite(scores) | (scores == proxy.worst)).all()
    turned = proxy.scores(np.array(measured[::-1]))
    assert turned[::-1] == pytest.approx(scores)  # candidates have no order


@each("proxy")
def test_the_network_is_left_as_it_was(name: str) -> None:
    """Weights, modes, gradients and hooks."""
    net: Standalone = spaces.get("nas-bench-201").build(_CELL, **_SIZE)
    net.eval()
    net.get_submodule("network.stem").train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    _measured(name, net, _batch(8, 1, torch.float32))
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert [module.training for module in net.modules()] == modes
    assert all(parameter.grad is None and parameter.dtype == torch.float32 for parameter in net.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


@each("proxy")
def test_dead_edges_count_where_a_proxy_says_so(name: str) -> None:
    """The same weights, with and without edges that lead nowhere: `live_only`."""
    batch, space = _batch(12, 1, torch.float64), spaces.get("nas-bench-201")
    bare = space.build(_BARE, **_SIZE).double().train()
    differs = False
    for cell in _DEAD:
        net = space.build(cell, **_SIZE).double().train()
        there = net.state_dict()
        bare.load_state_dict({key: there[key] for key in bare.state_dict()})
        values = [_measured(name, one, batch) for one in (bare, net)]
        differs |= values[1] != pytest.approx(values[0], rel=1e-9)
    assert differs != proxies.get(name)().live_only

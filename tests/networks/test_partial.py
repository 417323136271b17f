"""Partial channels against the definition written out, for paths and mixtures; widening a trained network."""

import numpy as np
import pytest
import torch
from torch import nn

from supernas import spaces
from supernas.core.errors import UserError
from supernas.networks.mixture import active_options, partial_sum_into_node
from supernas.networks.operations import Node, Zero
from supernas.networks.widen import widen

SPACE = spaces.get("nas-bench-201")


class Times(nn.Module):
    """An operation that multiplies by a number, and by its weight."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, node, weight=None):
        value = self.factor * node.value
        return value if weight is None else value * weight


def shuffled(x, parts):
    """Channel c of the result is channel (c % parts) * group + c // parts."""
    group = x.shape[1] // parts
    return torch.stack([x[:, (c % parts) * group + c // parts] for c in range(x.shape[1])], dim=1)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("unselected", ["skip", "run", "scalar"])
def test_a_node_of_partial_channels(channels_last, unselected):
    values = [torch.randn(3, 8, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2)]
    layout = torch.channels_last if channels_last else torch.contiguous_format
    nodes = [Node(value.contiguous(memory_format=layout)) for value in values]
    edges = [nn.ModuleDict({"0": Times(2.0), "1": Times(-3.0)}) for _ in range(2)]
    held = ((0, 0), (0, 1), (1, 0), (1, 1))
    W = torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
    entering = [(node, edge, number) for number, (node, edge) in enumerate(zip(nodes, edges, strict=True))]
    active = None if unselected == "skip" else ((0, 0), (1, 0))
    rows = tuple(row.unbind() for row in W.unbind())
    found = partial_sum_into_node(entering, active_options(held, active), rows, unselected, 4)
    runs = [(2.0, -3.0), (2.0, -3.0)] if active is None else [(2.0, 0.0), (2.0, 0.0)]
    total = torch.zeros_like(values[0])
    for e in range(2):
        through = sum(W[e, o] * runs[e][o] for o in range(2)) * values[e][:, :2]
        if unselected == "scalar":
            through = through + W[e, 1]
        total = total + torch.cat([through, W[e].sum() * values[e][:, 2:]], dim=1)
    torch.testing.assert_close(found, shuffled(total, 4))
    upstream = torch.randn_like(found)
    gradients = torch.autograd.grad((found * upstream).sum(), [W, *values])
    expected = torch.autograd.grad((shuffled(total, 4) * upstream).sum(), [W, *values])
    for one, other in zip(gradients[1:], expected[1:], strict=True):
        torch.testing.assert_close(one, other)
    if unselected == "run":  # the options that did not run give their entries the gradient of the full mixture
        full = torch.cat([-3.0 * values[0][:, :2], values[0][:, 2:]], dim=1)
        assert float(gradients[0][0, 1]) == pytest.approx(float((shuffled(full, 4) * upstream).sum().detach()))
    else:
        torch.testing.assert_close(gradients[0], expected[0])


def test_a_path_passes_the_other_channels_by():
    torch.manual_seed(0)
    network = SPACE.supernet(channels=8, cells=1, num_classes=3, partial=4).double()
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64)
    path = SPACE[11472]
    W = {"cell": torch.as_tensor(SPACE.matrices(path)["cell"])}
    by_active = network(x, active=path.pairs).prediction
    torch.testing.assert_close(by_active, network(x, W).prediction, rtol=0, atol=1e-12)
    plain = SPACE.supernet(channels=8, cells=1, num_classes=3).double()
    assert sum(p.numel() for p in network.body.parameters()) < sum(p.numel() for p in plain.body.parameters())
    skips = SPACE.parse("|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|")
    cell = network.body[0]
    value = torch.randn(2, 8, 4, 4, dtype=torch.float64)
    found = cell(value, active_options(network.pairs, skips.pairs), None, "skip")
    assert sorted(found.sum(dim=(0, 2, 3)).tolist()) != sorted((value * 3).sum(dim=(0, 2, 3)).tolist())


def test_a_part_of_too_few_channels_is_refused():
    assert SPACE.supernet(channels=4, cells=1, partial=4).pairs
    with pytest.raises(UserError, match=r"supernet\.channels = 3: one of every 4 .* wanted 4 or more"):
        SPACE.supernet(channels=3, cells=1, partial=4)


def test_widening_repeats_channels_and_keeps_what_is_there():
    narrow, wide = nn.Conv2d(2, 3, 1), nn.Conv2d(4, 6, 1)
    widen(narrow, wide, torch.Generator().manual_seed(0))
    assert torch.equal(wide.weight[:3, :2], narrow.weight)
    assert torch.equal(wide.bias[:3], narrow.bias)
    for row in wide.weight[:, :2]:
        assert any(torch.equal(row, one) for one in narrow.weight)
    left, right = nn.Linear(2, 2), nn.Linear(2, 2)
    untouched = right.bias.detach().clone()
    widen(nn.ParameterDict({"weight": left.weight}), right, torch.Generator())
    assert torch.equal(right.weight, left.weight)
    assert torch.equal(right.bias, untouched)


@pytest.mark.parametrize("size", [8, 7])
def test_partial_channels_of_cells_that_reduce(size):
    """A path is the mixture at its 0/1 W, and what passes by a reducing edge is its maximum pool."""
    torch.manual_seed(0)
    space = spaces.get("darts-cnn")
    network = space.supernet(channels=8, cells=3, num_classes=3, partial=4).double()
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    path = space.sample(np.random.default_rng(0))
    W = {kind: torch.as_tensor(matrix) for kind, matrix in space.matrices(path).items()}
    by_active = network(x, active=path.pairs).prediction
    torch.testing.assert_close(by_active, network(x, W).prediction, rtol=0, atol=1e-10)
    node, nothing = Node(torch.randn(2, 8, size, size, dtype=torch.float64)), nn.ModuleDict({"0": Zero()})
    with pytest.raises(UserError, match=r"supernet\.channels = 4: .* wanted 8 or more"):
        space.supernet(channels=4, cells=3, partial=4)
    found = partial_sum_into_node([(node, nothing, 0)], active_options(((0, 0),), None), None, "skip", 4, [2])
    passed = torch.nn.functional.max_pool2d(node.value[:, 2:], 2, ceil_mode=True)
    torch.testing.assert_close(found, shuffled(torch.cat([torch.zeros_like(passed[:, :2]), passed], dim=1), 4))

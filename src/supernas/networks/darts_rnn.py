r"""The recurrent network of DARTS: supernet and stand-alone language model in one class.

H. Liu, K. Simonyan and Y. Yang, "DARTS: Differentiable Architecture Search", ICLR 2019; the model around the cell and
its dropouts are those of AWD-LSTM: S. Merity, N. S. Keskar and R. Socher, "Regularizing and Optimizing LSTM Language
Models", ICLR 2018. With embedding x and hidden state h, o the elementwise product, m_x and m_h masks that are drawn
once a sequence, and [c, h~] the halves of a product,

    [c_0, h~_0] = [x o m_x, h o m_h] W_0,      s_0 = h + sigmoid(c_0) o (tanh(h~_0) - h)
    [c_i, h~_i] = (s_p o m_h) W_i,             s_i = s_p + sigmoid(c_i) o (f(h~_i) - s_p)
    h' = mean of s_1 .. s_8,                   logits = h' E^T + b

where node i reads node p through the activation f, and E is the embedding: input and output share it. There are no
biases in the cell. W_i belongs to the node, and all its predecessors and operations share it: an option holds no
weights of its own. In a mixture node i is the sum of s_i over predecessors and operations, weighted by `W`; `none` adds
nothing.

In form `search` s_0 and every s_i are normalised over the batch, without scale and shift. The released code has one
normalisation for all nodes, which only matters for its running averages; here every node has its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernas.core.architecture import Pair
from supernas.core.errors import UserError
from supernas.core.settings import build as build_settings
from supernas.core.settings import setting, settings
from supernas.networks.base import Form, Mixture, Network, NetworkSettings, Output, Published, Splitting, Unselected
from supernas.networks.mixture import ActiveOptions, active_options, gradient_to_unselected
from supernas.spaces.base import Space
from supernas.spaces.darts_rnn import EDGES, NODES, OPERATIONS, first_edge

__all__ = ["DARTSRNNNetwork", "RecurrentSettings", "RecurrentSupernetSettings"]

_RANGE = 0.04  # initial weights are uniform in +- this
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


@settings
class RecurrentSettings(NetworkSettings):
    """The size of a recurrent language model and what keeps it from learning by heart."""

    units: int = setting(850, "units of the embedding and of the hidden state", ge=1)
    dropout: float = setting(
        0.75, "part of the output's units that is dropped, the same for a whole sequence", ge=0, lt=1
    )
    dropouti: float = setting(0.2, "the same of the embedding's units", ge=0, lt=1)
    dropoute: float = setting(0.1, "part of the vocabulary whose embedding is dropped", ge=0, lt=1)
    dropoutx: float = setting(
        0.75, "part of the cell's input that is dropped, the same for a whole sequence", ge=0, lt=1
    )
    dropouth: float = setting(0.25, "the same of the hidden state and of the nodes", ge=0, lt=1)
    activation_penalty: float = setting(0.0, "weight of the mean square of the dropped output in the loss", ge=0)
    temporal_penalty: float = setting(1e-3, "weight of the mean square of the output's change in the loss", ge=0)


@settings
class RecurrentSupernetSettings(RecurrentSettings, Splitting):
    """The size and form of the recurrent network that a search trains."""

    units: int = setting(300, "units of the embedding and of the hidden state", ge=1)
    dropoute: float = setting(0.0, "part of the vocabulary whose embedding is dropped", ge=0, lt=1)
    batch_norm: Literal["batch", "tracked"] = setting(
        "batch", "statistics used when the supernet is evaluated: those of the batch, or running averages"
    )


class DARTSRNNNetwork(Network):
    """All, or some, options of the cell between embedding and decoder.

    Args:
        space: the space.
        num_classes: words of the vocabulary.
        pairs: the (choice, option) pairs to hold; all by default.
        form: `search` or `evaluation`.
        settings: fields of `RecurrentSupernetSettings` or, in form `evaluation`, of `RecurrentSettings`.
    """

    network_settings: ClassVar[type[NetworkSettings]] = RecurrentSettings
    supernet_settings: ClassVar[type[NetworkSettings]] = RecurrentSupernetSettings
    published: ClassVar[tuple[Published, ...]] = (
        Published("Penn Treebank", 10_000, None),
        Published("WikiText-2", 33_278, None, {"units": 700}),
    )
    width = "units"

    def __init__(
        self,
        space: Space,
        *,
        num_classes: int = 10_000,
        pairs: tuple[Pair, ...] | None = None,
        form: Form = "search",
        **settings: Any,
    ) -> None:
        super().__init__()
        kind: Any = RecurrentSupernetSettings if form == "search" else RecurrentSettings
        self.size = build_settings(kind, settings, "supernet" if form == "search" else "network")
        self.space, self.form = space, form
        self.pairs = pairs or space.pairs
        units = self.size.units
        self.from_input = nn.Linear(units, 2 * units, bias=False)  # both halves of W_0
        self.from_state = nn.Linear(units, 2 * units, bias=False)
        self.nodes = nn.ModuleList(nn.Linear(units, 2 * units, bias=False) for _ in range(NODES))
        self.norms = nn.ModuleList(self._norm() for _ in range(NODES + 1))
        self.decoder = nn.Linear(units, num_classes)  # its weights are the embedding too
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -_RANGE, _RANGE)
        nn.init.zeros_(self.decoder.bias)

    def _norm(self) -> nn.Module:
        if self.form == "evaluation":
            return nn.Identity()
        return nn.BatchNorm1d(self.size.units, affine=False, track_running_stats=self.size.batch_norm == "tracked")

    @classmethod
    def smallest_batch(cls, input_shape: tuple[int, ...], size: NetworkSettings) -> int:
        """Two pieces of the text in form `search`, which normalises over them."""
        return 2 if isinstance(size, RecurrentSupernetSettings) else 1

    def embed(self, x: Tensor) -> Tensor:
        """Word numbers [time, batch] to embeddings [time, batch, units], with the dropouts of embedding and input."""
        embedded = F.embedding(x, self.decoder.weight)
        words = self._mask(self.size.dropoute, (self.decoder.out_features, 1), embedded)
        if words is not None:
            embedded = embedded * F.embedding(x, words)
        return _times(embedded, self._mask(self.size.dropouti, embedded.shape[1:], embedded))

    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """Logits [time x batch, words] and hidden states [time x batch, units] of embeddings [time, batch, units].

        `carry` is the hidden state [batch, units] after the last time step; the first one is 0 where none is given.

        Raises:
            UserError: if there is nothing to normalise over.
        """
        batch, units = x.shape[1:]
        if self.form == "search" and batch < 2:
            raise UserError("a recurrent supernet normalises over the batch, so it needs 2 or more texts side by side")
        W = None if mixture.W is None else mixture.W["recurrent"]
        which = active_options(self.pairs, mixture.active)
        sums = [_node_sum(node, which, W, mixture.unselected) for node in range(1, NODES + 1)]
        mask = self._mask(self.size.dropouth, (batch, units), x)
        state = carry[0].to(x) if carry else x.new_zeros(batch, units)
        states = []
        for entering in self.from_input(_times(x, self._mask(self.size.dropoutx, (batch, units), x))).unbind():
            state = self._cell(entering, state, mask, sums)
            states.append(state)
        hidden = torch.stack(states)
        dropped = _times(hidden, self._mask(self.size.dropout, (batch, units), x))
        logits = self.decoder(dropped.flatten(0, 1))
        return Output(logits, hidden.flatten(0, 1), (state,), penalty=self._penalty(hidden, dropped))

    def _cell(self, entering: Tensor, state: Tensor, mask: Tensor | None, sums: "list[_NodeSum]") -> Tensor:
        """The next hidden state [batch, units] of the input's product with W_0 [batch, 2 units] and the state."""
        gate, candidate = (entering + self.from_state(_times(state, mask))).chunk(2, -1)
        values = [self.norms[0](torch.lerp(state, candidate.tanh(), gate.sigmoid()))]
        masked = [_times(values[0], mask)]
        for node_sum, product, norm in zip(sums, self.nodes, self.norms[1:], strict=True):
            values.append(norm(node_sum(values, masked, product)))
            masked.append(_times(values[-1], mask))
        return torch.stack(values[1:]).mean(0)

    def _mask(self, dropped: float, shape: tuple[int, ...] | torch.Size, like: Tensor) -> Tensor | None:
        """0 for what is dropped and 1 / (1 - dropped) for the rest; None where nothing is dropped."""
        if not self.training or dropped == 0:
            return None
        return like.new_empty(shape).bernoulli_(1 - dropped) / (1 - dropped)

    def _penalty(self, hidden: Tensor, dropped: Tensor) -> Tensor | None:
        """Activation and temporal regularisation of the output [time, batch, units]."""
        size = self.size
        terms = []
        if size.activation_penalty:
            terms.append(size.activation_penalty * dropped.square().mean())
        if size.temporal_penalty and len(hidden) > 1:
            terms.append(size.temporal_penalty * hidden.diff(dim=0).square().mean())
        return torch.stack(terms).sum() if self.training and terms else None


def _times(x: Tensor, mask: Tensor | None) -> Tensor:
    return x if mask is None else x * mask


# -- one node ----------------------------------------------------------------------------------------------------------


def _span(numbers: list[int]) -> slice | list[int]:
    """What picks entries by their numbers, in order: a slice where none is left out, as lists go to the device."""
    together = numbers and numbers[-1] - numbers[0] + 1 == len(numbers)
    return slice(numbers[0], numbers[-1] + 1) if together else numbers


def _node_sum(node: int, which: ActiveOptions, W: Tensor | None, unselected: Unselected) -> "_NodeSum":
    """What a node is made of, the same at all time steps."""
    edges = range(first_edge(node), first_edge(node) + node)
    taken = [(edge, option) for edge in edges for option in which.get(edge, ((), ()))[0] if option]
    left = [(edge, option) for edge in edges for option in which.get(edge, ((), ()))[1]]
    sources = sorted({edge for edge, _ in taken})
    options = sorted({option for _, option in taken})
    mask = torch.tensor([[float((edge, option) in taken) for option in options] for edge in sources])
    weights = mask if len(taken) > 1 else None
    if W is not None:
        weights = W[_span(sources)][:, _span(options)]
        if len(taken) < weights.numel():
            weights = weights * mask.to(weights)
    scalars = () if W is None or unselected != "scalar" else tuple(W[edge, option] for edge, option in left)
    run = () if W is None or unselected != "run" else tuple((edge, option) for edge, option in left if option)
    return _NodeSum(
        tuple(EDGES[edge][1] for edge in sources),
        tuple(OPERATIONS[option] for option in options),
        weights,
        scalars,
        tuple((EDGES[edge][1], OPERATIONS[option]) for edge, option in run),
        tuple(W[edge, option] for edge, option in run) if W is not None else (),
    )


@dataclass(frozen=True)
class _NodeSum:
    """The sum over some predecessors and operations that enters a node.

    Attributes:
        sources: the nodes that are read.
        operations: the operations that run on each of them.
        weights: their weights [sources, operations]; None for one of each with weight 1.
        scalars: entries of `W` that are added as they are.
        run: (source, operation) that are run for the gradient of their entries of `W` only.
        entries: those entries.
    """

    sources: tuple[int, ...]
    operations: tuple[str, ...]
    weights: Tensor | None
    scalars: tuple[Tensor, ...]
    run: tuple[tuple[int, str], ...]
    entries: tuple[Tensor, ...]

    def __call__(self, values: list[Tensor], masked: list[Tensor], product: nn.Module) -> Tensor:
        """The node's value [batch, units] from the values of earlier nodes and the same under the mask."""
        total = self._sum(values, masked, product) if self.sources else torch.zeros_like(values[0])
        for scalar in self.scalars:
            total = total + scalar
        if self.run:
            with torch.no_grad():
                products = {source: product(masked[source]) for source in dict.fromkeys(read for read, _ in self.run)}
                outputs = [_gated(values[source], products[source], name) for source, name in self.run]
            total = gradient_to_unselected(total, outputs, self.entries)
        return total

    def _sum(self, values: list[Tensor], masked: list[Tensor], product: nn.Module) -> Tensor:
        if len(self.sources) == len(self.operations) == 1:
            (source,), (name,) = self.sources, self.operations
            value = _gated(values[source], product(masked[source]), name)
            return value if self.weights is None else value * self.weights
        assert self.weights is not None
        read = torch.stack([values[source] for source in self.sources])
        gate, candidate = product(torch.stack([masked[source] for source in self.sources])).chunk(2, -1)
        weights = self.weights.to(read)[..., None, None]  # [sources, operations, 1, 1]
        read = read * weights.sum(1)
        each = zip(self.operations, weights.unbind(1), strict=True)
        mixed = torch.stack([_ACTIVATIONS[name](candidate) * weight for name, weight in each]).sum(0)
        return torch.lerp(read, mixed, gate.sigmoid()).sum(0)


def _gated(value: Tensor, product: Tensor, name: str) -> Tensor:
    """The gated state s + sigmoid(c) o (f(h~) - s), with [c, h~] the product."""
    gate, candidate = product.chunk(2, -1)
    return torch.lerp(value, _ACTIVATIONS[name](candidate), gate.sigmoid())

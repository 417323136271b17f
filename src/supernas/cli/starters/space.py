"""A chain of layers, each of which takes one of three operations; and its network.

The text of an architecture is `nor_conv_3x3-skip_connect-nor_conv_1x1`: the operations from the input to the output.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture, Pair
from supernas.core.errors import UserError, unknown
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.core.settings import build, setting, settings
from supernas.networks import operations
from supernas.networks.base import Form, Mixture, Network, NetworkSettings, Output
from supernas.networks.mixture import active_options, sum_into_node
from supernas.spaces.base import ChoicePoint, CostConvention, Space

__all__ = ["ChainNetwork", "Example"]

OPERATIONS = ("skip_connect", "nor_conv_1x1", "nor_conv_3x3")


@settings
class Example(Space):
    """Chains of convolutions and skips."""

    layers: int = setting(4, "layers of the chain", ge=1, le=20)

    name = "example"
    network = f"{__name__}:ChainNetwork"
    family = "model"  # presets that say how long a run is; the size of the network is its own
    cost_convention = CostConvention("convolutions and linear layers with the biases of these", linear_bias=True)

    @cached_property
    def choices(self) -> tuple[ChoicePoint, ...]:
        """One a layer."""
        return tuple(ChoicePoint(f"layer {number + 1}", "chain", OPERATIONS) for number in range(self.layers))

    def parse_text(self, text: str) -> Architecture:
        """Operations with dashes between them."""
        names = text.strip().split("-")
        if len(names) != self.layers:
            raise UserError(f"{text[:80]!r}: wanted {self.layers} operations with dashes between them")
        for name in names:
            if name not in OPERATIONS:
                raise unknown("operation", name, OPERATIONS)
        return Architecture.of(map(OPERATIONS.index, names))

    def format(self, architecture: Architecture) -> str:
        """The same text."""
        return "-".join(OPERATIONS[option] for option in architecture.options)

    def node_names(self, kind: str) -> tuple[str, ...]:
        """What stands before, between and after the layers."""
        return tuple(map(str, range(self.layers + 1)))

    def ends(self, choice: int) -> tuple[int, int]:
        """A layer's place in the chain."""
        return choice, choice + 1

    @cached_property
    def graph_family(self) -> GraphFamily:
        """Start, a vertex for each layer, end: for methods that read architectures as graphs."""
        types = range(len(OPERATIONS))
        layers = [
            Vertex(tuple(types), (number,), pairs={(number, option): (number, option) for option in types})
            for number in range(self.layers)
        ]
        start, end = Vertex((len(types),)), Vertex((len(types) + 1,), (self.layers,))
        return GraphFamily((*OPERATIONS, "start", "end"), (start, *layers, end))

    def to_graphs(self, architecture: Architecture) -> tuple[Graph, ...]:
        """The chain."""
        vertices = self.graph_family.vertices
        types = (vertices[0].types[0], *architecture.options, vertices[-1].types[0])
        return (Graph(types, tuple(vertex.candidates for vertex in vertices)),)

    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The architecture of a chain."""
        (graph,) = graphs
        if not self.graph_family.contains(graph):
            raise ValueError(f"not the graph of a chain: {graph}")
        return Architecture.of(graph.types[1:-1])


@settings
class ChainSettings(NetworkSettings):
    """The size of the network."""

    channels: int = setting(8, "channels of every layer", ge=1)


class ChainNetwork(Network):
    """A convolution, the layers, and a linear classifier: of all options, or of some.

    Args:
        space: the space.
        num_classes: outputs of the classifier.
        in_channels: channels of the images.
        pairs: the (choice, option) pairs to hold; all by default.
        form: `search` or `evaluation`.
        size: fields of `ChainSettings`.
    """

    supernet_settings: ClassVar[type[NetworkSettings]] = ChainSettings
    network_settings: ClassVar[type[NetworkSettings]] = ChainSettings

    def __init__(
        self,
        space: Space,
        *,
        num_classes: int = 10,
        in_channels: int = 3,
        pairs: tuple[Pair, ...] | None = None,
        form: Form = "search",
        **size: Any,
    ) -> None:
        super().__init__()
        channels = build(ChainSettings, size, "supernet").channels
        self.space, self.pairs = space, pairs or space.pairs

        def norm(width: int) -> operations.BatchNorm:
            return operations.BatchNorm(width, affine=form == "evaluation", track_running_stats=form == "evaluation")

        self.stem = nn.Conv2d(in_channels, channels, 3, padding=1, bias=False)
        self.layers = nn.ModuleList(nn.ModuleDict() for _ in space.choices)
        for choice, option in self.pairs:
            layer: Any = self.layers[choice]
            layer[str(option)] = operations.make(OPERATIONS[option], channels, norm)
        self.classifier = nn.Linear(channels, num_classes)

    def embed(self, x: Tensor) -> Tensor:
        """Images [batch, channels, height, width] after the first convolution."""
        return self.stem(x)

    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """Logits [batch, classes] and pooled features of the stem's output."""
        which, W = active_options(self.pairs, mixture.active), mixture.W
        rows = None if W is None else tuple(row.unbind() for row in W["chain"].unbind())
        for choice, options in enumerate(self.layers):
            entering: Any = [(operations.Node(x), options, choice)]
            value = sum_into_node(entering, which, rows, mixture.unselected)
            x = torch.zeros_like(x) if value is None else value.expand_as(x)
        features = x.mean(dim=(2, 3))
        return Output(self.classifier(features), features)

"""The encoder: typed DAG -> mean and log-variance of a latent code (Zhang et al. 2019, sections 3.1-3.3)."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from supernas.core.graphs import GraphFamily
from supernas.methods.e2nas.autoencoder.messages import MessagePassing, levels
from supernas.methods.e2nas.autoencoder.packing import Packed

__all__ = ["GraphEncoder"]


class GraphEncoder(nn.Module):
    """Bidirectional asynchronous message passing, batched over graphs and over the vertices of a level.

    By construction the map from graph to code can be injective (Theorem 2 of Zhang et al.): a gated sum over messages
    is a function of the multiset of the predecessors' (state, vertex number) pairs, whatever order they are listed in,
    and an injective one for suitable weights; so is the GRU of its two arguments, type and sum. By induction along the
    levels a state then determines the whole subgraph above its vertex, and the last vertex's state the graph. Vertex
    numbers tell apart predecessors with equal states. That a trained encoder *is* injective on a finite space is what
    its reconstruction shows: graphs that come back from their codes have distinct codes. What varies at
    a vertex that is cut off from the last one would be lost, so a family that allows it is refused.
    """

    def __init__(self, family: GraphFamily, hidden: int, latent: int) -> None:
        """Make an encoder for one family.

        Raises:
            ValueError: if a vertex that varies need not have a path to the last vertex.
        """
        super().__init__()
        size = len(family.vertices)
        candidates = [vertex.candidates for vertex in family.vertices]
        for number in sorted(set(family.varying) - _surely_heard(family)):
            raise ValueError(f"vertex {number} varies but may have no path to the last vertex, whose state is the code")
        successors = [[v for v in range(size) if u in candidates[v]] for u in range(size)]
        self.orders = (levels(candidates), levels(successors))
        self.ends = ([size - 1], [number for number in range(size) if not candidates[number]])
        self.directions = nn.ModuleList(MessagePassing(len(family.type_names), size, hidden) for _ in range(2))
        self.unify = nn.Linear(2 * hidden, hidden)
        self.mean = nn.Linear(hidden, latent)
        self.log_variance = nn.Linear(hidden, latent)
        # Start with little noise, or codes say nothing for many epochs and the decoder learns to ignore them.
        nn.init.constant_(self.log_variance.bias, -4.0)

    def forward(self, graphs: Packed) -> tuple[Float[Tensor, "graphs latent"], Float[Tensor, "graphs latent"]]:
        """Mean and log-variance of each graph's code."""
        ends = [self._pass(graphs, direction) for direction in range(2)]
        joined = self.unify(torch.cat(ends, -1))
        return self.mean(joined), self.log_variance(joined)

    def _pass(self, graphs: Packed, direction: int) -> Float[Tensor, "graphs hidden"]:
        """The gated sum of the states in which a direction ends: the last vertex, or those without candidates."""
        edges = graphs.edges if direction == 0 else graphs.edges.transpose(1, 2)
        passing, order = self.directions[direction], self.orders[direction]
        assert isinstance(passing, MessagePassing)
        incoming = edges.new_zeros(len(edges), len(order[0]), passing.hidden)
        sent: list[Tensor] = []
        for depth, level in enumerate(order):
            if depth:
                known = [vertex for earlier in order[:depth] for vertex in earlier]
                incoming = edges[:, level][:, :, known] @ torch.cat(sent, 1)
            states = passing.update(graphs.types[:, level], incoming)
            sent.append(passing.send(states, torch.tensor(level, device=edges.device)))
        position = [vertex for level in order for vertex in level]
        ends = [position.index(vertex) for vertex in self.ends[direction]]
        return torch.cat(sent, 1)[:, ends].sum(1)


def _surely_heard(family: GraphFamily) -> set[int]:
    """The vertices with a path to the last vertex in every graph of the family."""
    heard = {len(family.vertices) - 1}
    for number in reversed(range(len(family.vertices))):
        vertex = family.vertices[number]
        if number in heard:
            heard.update(vertex.candidates if vertex.edges == "all" else vertex.always)
    return heard

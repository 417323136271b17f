"""Asynchronous message passing over a DAG: the part that the encoder's two directions and the decoder share.

A vertex waits for its predecessors, sums their gated messages, and updates its state (Zhang et al. 2019, section 3.2):

    h_in(v) = sum over u -> v of  sigmoid(G [h_u, id_u]) * (M [h_u, id_u])
    h(v)    = GRU(one-hot type of v, h_in(v))

Vertices of one level need no state of each other, so a level is one step however many vertices (and graphs) it holds.
"""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["MessagePassing", "levels"]


def levels(sources: Sequence[Sequence[int]]) -> list[list[int]]:
    """Vertices grouped by the length of the longest path that may end in them.

    Args:
        sources: for each vertex, the vertices that may have an edge into it (of a DAG, in any numbering).

    >>> levels([(), (0,), (0,), (1, 2)])
    [[0], [1, 2], [3]]
    """
    depth: dict[int, int] = {}

    def deepen(vertex: int) -> int:
        if vertex not in depth:
            depth[vertex] = 1 + max((deepen(source) for source in sources[vertex]), default=-1)
        return depth[vertex]

    depths = [deepen(vertex) for vertex in range(len(sources))]
    return [[v for v, own in enumerate(depths) if own == level] for level in range(max(depths) + 1)]


class MessagePassing(nn.Module):
    """A gated sum over predecessors and a gated recurrent unit, with vertex numbers appended to the states.

    Products with one-hot vectors are written as look-ups: `kinds` holds the GRU's input weights (and biases), `numbers`
    the columns of G and M that the one-hot vertex number selects.
    """

    def __init__(self, kinds: int, vertices: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.kinds = nn.Embedding(kinds, 3 * hidden)
        self.state = nn.Linear(hidden, 3 * hidden)
        self.message = nn.Linear(hidden, 2 * hidden, bias=False)
        self.numbers = nn.Embedding(vertices, 2 * hidden)
        bound = 1 / math.sqrt(hidden)
        for table in (self.kinds, self.numbers):
            nn.init.uniform_(table.weight, -bound, bound)
        # Start near "pass on what came in" (orthogonal M, open gates, a GRU that keeps): with the default initial
        # weights a state shrinks to a third at every hop, and what a vertex ten hops away holds is learnt very slowly.
        with torch.no_grad():
            nn.init.orthogonal_(self.message.weight[:hidden])
            self.numbers.weight[:, hidden:] += 2
            self.kinds.weight[:, hidden : 2 * hidden] += 1

    def update(
        self, kinds: Int[Tensor, "*#batch #level"], incoming: Float[Tensor, "*#batch #level hidden"]
    ) -> Float[Tensor, "*batch level hidden"]:
        """States of vertices from their types and the sums of their messages, which broadcast (a GRU cell)."""
        sizes = [2 * self.hidden, self.hidden]
        given_gates, given_new = F.embedding(kinds, self.kinds.weight).split_with_sizes(sizes, -1)
        own_gates, own_new = self.state(incoming).split_with_sizes(sizes, -1)
        reset, keep = torch.sigmoid(given_gates + own_gates).chunk(2, -1)
        new = torch.tanh(torch.addcmul(given_new, reset, own_new))
        return torch.lerp(new, incoming, keep)

    def send(
        self, states: Float[Tensor, "*batch #level hidden"], vertices: Int[Tensor, " level"]
    ) -> Float[Tensor, "*batch level hidden"]:
        """What each vertex tells its successors (the gate is the second half of the product)."""
        return F.glu(self.message(states) + F.embedding(vertices, self.numbers.weight), -1)

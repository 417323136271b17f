"""Graphs of one family as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from supernas.core.graphs import Graph, GraphFamily

__all__ = ["Packed", "pack", "unpack"]


@dataclass(frozen=True)
class Packed:
    """A batch of graphs of one family.

    Attributes:
        types: the type of each vertex.
        edges: 1 where `edges[graph, v, u]` is an edge from u into v, else 0.
    """

    types: Int[Tensor, "graphs vertices"]
    edges: Float[Tensor, "graphs vertices vertices"]

    def __len__(self) -> int:
        return len(self.types)

    def __getitem__(self, rows: Tensor | slice) -> "Packed":
        """The graphs of some rows."""
        return Packed(self.types[rows], self.edges[rows])


def pack(family: GraphFamily, graphs: Sequence[Graph], dtype: torch.dtype | None = None) -> Packed:
    """Graphs as tensors; `dtype` (default: torch's) is that of the edges.

    Raises:
        ValueError: if a graph does not belong to the family.
    """
    for number, graph in enumerate(graphs):
        if not family.contains(graph):
            raise ValueError(f"graph {number} is not of the family: {graph}")
    size = len(family.vertices)
    edges = np.zeros((len(graphs), size, size), dtype=np.float32)
    for target, vertex in enumerate(family.vertices):
        if vertex.edges == "all":
            edges[:, target, list(vertex.candidates)] = 1
            continue
        for number, graph in enumerate(graphs):
            edges[number, target, list(graph.predecessors[target])] = 1
    types = np.array([graph.types for graph in graphs], dtype=np.int64).reshape(len(graphs), size)
    return Packed(torch.from_numpy(types), torch.from_numpy(edges).to(dtype or torch.get_default_dtype()))


def unpack(packed: Packed) -> list[Graph]:
    """The graphs of a batch, in order."""
    present = packed.edges.bool().cpu().numpy()
    types = packed.types.cpu().tolist()
    sources = [tuple(tuple(row.nonzero()[0].tolist()) for row in graph) for graph in present]
    return [Graph(tuple(kinds), into) for kinds, into in zip(types, sources, strict=True)]

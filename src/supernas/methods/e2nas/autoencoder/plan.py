"""The order in which a decoder visits the vertices of a family, and what is constant at each visit."""

from typing import Literal

import torch
from torch import Tensor, nn

from supernas.core.graphs import GraphFamily
from supernas.methods.e2nas.autoencoder.messages import levels

__all__ = ["IMPOSSIBLE", "Level", "decoding_plan"]

IMPOSSIBLE = -1e9
"""The logit of what a family does not allow (finite, so that 0 times it is 0)."""


class Level(nn.Module):
    """Vertices that are decoded together: all open or all fixed, and all with edges of one sort. It has no parameters.

    Attributes:
        vertices: the vertices; those whose state is needed later come first.
        known: the vertices that have sent their messages by now, in the order of sending.
        open: whether the vertices vary.
        edges: how many of the candidates are predecessors (see `Vertex.edges`).
        lasting: how many of the vertices are needed later.
        shared: the positions in `known` of the candidates, if all vertices have the same; else None.
        restricted: whether some vertex may not have all the types of the columns.
        numbers, lasting_numbers, known_numbers: the vertices, the first `lasting` of them, and `known`, as tensors.
        kinds: the first type of each vertex [vertices] (the type, if it is fixed).
        candidates: 1 for each known vertex that is a candidate [vertices, known].
        always: 1 for each known vertex that is always a predecessor (edges `any`) [vertices, known].
        type_mask: 0 for each column (open type) that a vertex may have, else IMPOSSIBLE [vertices, columns].
    """

    numbers: Tensor
    lasting_numbers: Tensor
    known_numbers: Tensor
    kinds: Tensor
    candidates: Tensor
    always: Tensor
    type_mask: Tensor

    def __init__(
        self,
        family: GraphFamily,
        vertices: tuple[int, ...],
        known: tuple[int, ...],
        columns: tuple[int, ...],
        needed: set[int],
    ) -> None:
        super().__init__()
        self.vertices = tuple(sorted(vertices, key=lambda vertex: vertex not in needed))
        self.known = known
        own = [family.vertices[number] for number in self.vertices]
        self.open = own[0].varies
        self.edges: Literal["all", "one", "any"] = own[0].edges if self.open else "all"
        self.lasting = len(needed.intersection(vertices))
        same = len({frozenset(vertex.candidates) for vertex in own}) == 1
        self.shared = [i for i, number in enumerate(known) if number in own[0].candidates] if same else None
        self.restricted = any(set(vertex.types) != set(columns) for vertex in own)
        constants = {
            "numbers": torch.tensor(self.vertices),
            "lasting_numbers": torch.tensor(self.vertices[: self.lasting], dtype=torch.long),
            "known_numbers": torch.tensor(known),
            "kinds": torch.tensor([vertex.types[0] for vertex in own]),
            "candidates": torch.tensor([[float(u in vertex.candidates) for u in known] for vertex in own]),
            "always": torch.tensor([[float(u in vertex.always) for u in known] for vertex in own]),
            "type_mask": torch.tensor([[0.0 if kind in v.types else IMPOSSIBLE for kind in columns] for v in own]),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)


def decoding_plan(family: GraphFamily) -> tuple[tuple[int, ...], list[Level], tuple[int, ...]]:
    """The input vertices, the levels to decode, and the types that open vertices may have (the columns).

    Fixed vertices on whose state no open vertex depends are left out.

    Raises:
        ValueError: if an input vertex (one without candidates) varies, or nothing does.
    """
    columns = tuple(sorted({kind for number in family.varying for kind in family.vertices[number].types}))
    if not columns:
        raise ValueError("all graphs of the family are equal; there is nothing to decode")
    needed: set[int] = set()
    for number in reversed(range(len(family.vertices))):
        if number in needed or family.vertices[number].varies:
            needed.update(family.vertices[number].candidates)
    inputs, *later = levels([vertex.candidates for vertex in family.vertices])
    if any(family.vertices[number].varies for number in inputs):
        raise ValueError("a vertex without candidates varies; wanted fixed inputs")
    plan: list[Level] = []
    known = tuple(inputs)
    for level in later:
        sorts: dict[tuple[bool, str], list[int]] = {}
        for number in level:
            vertex = family.vertices[number]
            if vertex.varies or number in needed:
                sorts.setdefault((vertex.varies, vertex.edges), []).append(number)
        grown = known
        for vertices in sorts.values():
            step = Level(family, tuple(vertices), known, columns, needed)
            grown += step.vertices[: step.lasting]
            plan.append(step)
            known = grown
    return tuple(inputs), plan, columns

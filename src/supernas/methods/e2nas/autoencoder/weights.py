"""From the decoder's predictions to the weights matrix W that a supernet's forward takes, and to plain softmaxes."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from supernas.core.graphs import GraphFamily
from supernas.methods.e2nas.autoencoder.decoder import GraphDecoder, Predictions
from supernas.methods.e2nas.autoencoder.plan import Level

__all__ = ["Softmaxes", "WeightsMap"]


class WeightsMap(nn.Module):
    """W[c, o] = sum over operation vertices of p(predecessor) p(type), by the `pairs` of a family's vertices.

    One constant 0/1 matrix takes all products p(predecessor) p(type), in the order of decoding, to W.
    """

    selection: Tensor

    def __init__(self, family: GraphFamily, decoder: GraphDecoder) -> None:
        super().__init__()
        pairs = [pair for vertex in family.vertices for pair in (vertex.pairs or {}).values()]
        self.choices = 1 + max((choice for choice, _ in pairs), default=-1)
        self.options = 1 + max((option for _, option in pairs), default=-1)
        columns = decoder.columns.tolist()
        cells = [cell for level in decoder.plan if level.open for cell in _cells(family, level, columns)]
        selection = torch.zeros(len(cells), self.choices * self.options)
        for row, pair in enumerate(cells):
            if pair is not None:
                selection[row, pair[0] * self.options + pair[1]] = 1.0
        self.register_buffer("selection", selection, persistent=False)

    def forward(self, made: list[Predictions], temperature: float) -> Float[Tensor, "batch choices options"]:
        """W from the probabilities of logits / temperature.

        Raises:
            ValueError: if no vertex of the family stands for a (choice, option) pair.
        """
        logits = torch.cat([predictions.types for predictions in made], 1)
        # One softmax for all levels: this runs in every search step, on tiny tensors.
        types = torch.softmax(logits / temperature, -1)
        return self._products(made, types, [_edge_probabilities(predictions, temperature) for predictions in made])

    def taken(self, made: list[Predictions]) -> Float[Tensor, "batch choices options"]:
        """The same for what was taken: 1 in place of its probability, 0 in place of the others'."""
        columns = torch.cat([predictions.taken for predictions in made], 1)
        types = nn.functional.one_hot(columns, made[0].types.shape[-1]).to(made[0].types.dtype)
        return self._products(made, types, [predictions.sources for predictions in made])

    def _products(self, made: list[Predictions], types: Tensor, edges: list[Tensor | None]) -> Tensor:
        if not self.choices:
            raise ValueError("no vertex of this family stands for a (choice, option) pair")
        if any(sources is not None for sources in edges):
            parts = types.split_with_sizes([predictions.types.shape[1] for predictions in made], 1)
            products = torch.cat(
                [
                    (part if sources is None else sources.unsqueeze(-1) * part.unsqueeze(-2)).flatten(1)
                    for part, sources in zip(parts, edges, strict=True)
                ],
                1,
            )
        else:
            products = types.flatten(1)
        return (products @ self.selection).view(-1, self.choices, self.options)


class Softmaxes(nn.Module):
    """The decoder's probabilities side by side: for each open vertex those of its types, and of its predecessors.

    Unlike W, whose entries are products and sums of them, these are what the decoder says, one softmax a decision.
    What a family does not allow is left out.

    Attributes:
        widths: the number of probabilities of each softmax.
    """

    allowed: Tensor

    def __init__(self, family: GraphFamily, decoder: GraphDecoder) -> None:
        super().__init__()
        widths: list[int] = []
        allowed: list[bool] = []
        for level in (level for level in decoder.plan if level.open):
            masks = [level.type_mask == 0]
            if level.edges == "one":
                masks.append(level.candidates == 1)
            for mask in masks:
                widths += mask.sum(1).tolist()
                allowed += mask.flatten().tolist()
        self.widths = tuple(widths)
        self.subsets = any(level.open and level.edges == "any" for level in decoder.plan)
        self.register_buffer("allowed", torch.tensor(allowed).nonzero()[:, 0], persistent=False)
        self.whole = all(allowed)

    def forward(self, made: list[Predictions], temperature: float) -> Float[Tensor, "batch outputs"]:
        """The probabilities of logits / temperature.

        Raises:
            ValueError: if vertices of the family take any subset of their candidates: that is no softmax.
        """
        if self.subsets:
            raise ValueError("a vertex of this family may have any predecessors, which is not one decision")
        parts = []
        for predictions in made:
            parts.append(torch.softmax(predictions.types / temperature, -1).flatten(1))
            if predictions.edges is not None:
                parts.append(torch.softmax(predictions.edges / temperature, -1).flatten(1))
        together = torch.cat(parts, 1)
        return together if self.whole else together[:, self.allowed]


def _edge_probabilities(made: Predictions, temperature: float) -> Tensor | None:
    if made.edges is None:
        return None
    logits = made.edges / temperature
    return torch.softmax(logits, -1) if made.level.edges == "one" else torch.sigmoid(logits)


def _cells(family: GraphFamily, level: Level, columns: list[int]) -> list[tuple[int, int] | None]:
    """The pair of each product p(predecessor) p(type) of a level, in the order of the flattened products."""
    cells: list[tuple[int, int] | None] = []
    for number in level.vertices:
        vertex = family.vertices[number]
        sources = [vertex.candidates[0]] if level.edges == "all" else level.known
        cells += [(vertex.pairs or {}).get((source, kind)) for source in sources for kind in columns]
    return cells

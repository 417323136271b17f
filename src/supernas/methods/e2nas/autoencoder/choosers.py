"""Ways to take a graph from the decoder's predictions: the likeliest, a random one, or a given one."""

import torch
from torch import Tensor

from supernas.methods.e2nas.autoencoder.decoder import Chooser
from supernas.methods.e2nas.autoencoder.packing import Packed
from supernas.methods.e2nas.autoencoder.plan import Level

__all__ = ["greedy", "stochastic", "teacher"]


def _likeliest_types(level: Level, logits: Tensor) -> Tensor:
    return logits.argmax(-1)


def _likeliest_edges(level: Level, logits: Tensor) -> Tensor:
    if level.edges == "one":
        return torch.zeros_like(logits).scatter(-1, logits.argmax(-1, keepdim=True), 1.0)
    return (logits > 0).to(logits.dtype)


greedy: Chooser = (_likeliest_types, _likeliest_edges)
"""Takes the likeliest type and edges at each vertex."""


def stochastic(generator: torch.Generator, temperature: float = 1.0) -> Chooser:
    """Draws types and edges from the predicted distributions."""

    def draw(logits: Tensor) -> Tensor:
        probabilities = torch.softmax(logits.detach() / temperature, -1).flatten(0, -2).to(generator.device)
        drawn = torch.multinomial(probabilities, 1, generator=generator)
        return drawn.view(logits.shape[:-1]).to(logits.device)

    def types(level: Level, logits: Tensor) -> Tensor:
        return draw(logits)

    def edges(level: Level, logits: Tensor) -> Tensor:
        if level.edges == "one":
            return torch.zeros_like(logits).scatter(-1, draw(logits).unsqueeze(-1), 1.0)
        probabilities = torch.sigmoid(logits.detach() / temperature).to(generator.device)
        return torch.bernoulli(probabilities, generator=generator).to(logits.device)

    return types, edges


def teacher(columns: Tensor, graphs: Packed) -> Chooser:
    """Takes what the given graphs have (teacher forcing); `columns` are the types that may be predicted."""
    column_of_type = columns.new_zeros(int(columns.max()) + 1)
    column_of_type[columns] = torch.arange(len(columns), device=columns.device)

    def types(level: Level, logits: Tensor) -> Tensor:
        return column_of_type[graphs.types[:, level.numbers]]

    def edges(level: Level, logits: Tensor) -> Tensor:
        return graphs.edges[:, level.numbers][:, :, level.known_numbers]

    return types, edges

"""Networks that read and write architectures as sequences of genes (`Space.gene_sizes`), in any space.

A gene's value is written as a symbol. Each place has symbols of its own, so that a network knows from its first step
where it is. In the published controllers the edges of a cell share theirs (`shared`): an option is learnt once, and
places are told apart only by what was written before.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture
from supernas.spaces.base import Space

__all__ = ["Alphabet", "architectures_of", "genes_of", "seeded"]

_NEVER = -1e9  # the score of a symbol that does not belong to a place; finite, so that entropies have a gradient

S = TypeVar("S")


def genes_of(space: Space, architectures: Sequence[Architecture]) -> Tensor:
    """The genes of architectures: Int[n, places]."""
    return torch.tensor([space.genes(architecture) for architecture in architectures])


def architectures_of(space: Space, genes: Tensor) -> list[Architecture]:
    """The architectures of genes [n, places]."""
    return [space.from_genes(row) for row in genes.tolist()]


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within it, modules on the CPU start from `seed`; the global generator goes on as if nothing had happened."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


class Alphabet(nn.Module):
    """The symbols of sequences of genes, and their embeddings.

    Args:
        sizes: how many values the gene at each place has.
        width: of the embeddings.
        shared: whether genes of one size share their symbols.

    Attributes:
        sizes: as given.
        first: the symbol of value 0 at each place.
        count: symbols of all places; one more, which no place has, marks the start.
    """

    offsets: Tensor
    foreign: Tensor

    def __init__(self, sizes: Sequence[int], width: int, shared: bool = False) -> None:
        super().__init__()
        owners = [size if shared else place for place, size in enumerate(sizes)]
        starts: dict[int, int] = {}
        self.count = 0
        for owner, size in zip(owners, sizes, strict=True):
            if owner not in starts:
                starts[owner] = self.count
                self.count += size
        self.sizes = tuple(sizes)
        self.first = tuple(starts[owner] for owner in owners)
        self.embedding = nn.Embedding(self.count + 1, width)
        foreign = torch.ones(len(sizes), self.count, dtype=torch.bool)
        for place, (first, size) in enumerate(zip(self.first, self.sizes, strict=True)):
            foreign[place, first : first + size] = False
        self.register_buffer("offsets", torch.tensor(self.first), persistent=False)
        self.register_buffer("foreign", foreign, persistent=False)

    def symbols(self, genes: Tensor) -> Tensor:
        """The symbols of genes, both Int[n, places]."""
        return genes + self.offsets

    def forward(self, genes: Tensor) -> Tensor:
        """The embedded symbols of genes [n, places]: Float[n, places, width]."""
        return self.embedding(self.symbols(genes))

    def before(self, genes: Tensor) -> Tensor:
        """The embedded symbol before each place, the start's first: Float[n, places, width]."""
        start = torch.full((len(genes), 1), self.count)
        return self.embedding(torch.cat([start, self.symbols(genes)[:, :-1]], dim=1))

    def log_probabilities(self, scores: Tensor) -> Tensor:
        """The log softmax of scores [n, places, count] over the symbols of each place; very small for all others."""
        return scores.masked_fill(self.foreign, _NEVER).log_softmax(dim=-1)

    def taken(self, logs: Tensor, genes: Tensor) -> Tensor:
        """What log probabilities [n, places, count] say of genes: Float[n, places]."""
        return logs.gather(-1, self.symbols(genes)[..., None])[..., 0]

    @torch.no_grad()
    def write(
        self, count: int, step: Callable[[Tensor, S], tuple[Tensor, S]], hidden: S, choose: Callable[[Tensor], Tensor]
    ) -> Tensor:
        """Writes `count` sequences at once, symbol by symbol.

        Args:
            count: n.
            step: of the embedded symbol before a place [n, width] and a hidden state, makes scores [n, count of
                symbols] and the next hidden state.
            hidden: the first hidden state.
            choose: of the scores [n, size] of a place's own symbols, makes values Int[n].

        Returns:
            Genes, Int[n, places].
        """
        symbol, written = torch.full((count,), self.count), []
        for first, size in zip(self.first, self.sizes, strict=True):
            scores, hidden = step(self.embedding(symbol), hidden)
            written.append(choose(scores[:, first : first + size]))
            symbol = first + written[-1]
        return torch.stack(written, dim=1)

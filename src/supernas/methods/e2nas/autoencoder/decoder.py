"""The decoder: latent code -> typed DAG, vertex by vertex (Zhang et al. 2019, section 3.4).

The vertices of one level are predicted together; what a family fixes is never predicted, so every decode is valid. A
vertex is decoded in three moves:

1. its type, from the gated sum over *all* its candidates (they are its predecessors where its edges are fixed);
2. its edges where they vary, from a provisional state (the GRU of its type and that sum) and the candidates' states:
   a softmax where it takes one predecessor, a sigmoid per candidate where it takes any;
3. its state, from its type and the gated sum over the predecessors taken.

Input vertices hold the initial state tanh(A z + b). States that no later prediction asks for are not computed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from supernas.core.graphs import GraphFamily
from supernas.methods.e2nas.autoencoder.messages import MessagePassing
from supernas.methods.e2nas.autoencoder.plan import IMPOSSIBLE, Level, decoding_plan

__all__ = ["Chooser", "EdgeChooser", "GraphDecoder", "Predictions", "TypeChooser"]

TypeChooser = Callable[[Level, Tensor], Tensor]
"""(level, type logits [batch, vertices, columns]) -> the column taken [batch, vertices]."""
EdgeChooser = Callable[[Level, Tensor], Tensor]
"""(level, edge logits [batch, vertices, known]) -> 1 for each predecessor taken, else 0 [batch, vertices, known]."""
Chooser = tuple[TypeChooser, EdgeChooser]


@dataclass(frozen=True)
class Predictions:
    """What the decoder predicted and took at one level of open vertices (the edge fields: None where edges are fixed).

    Attributes:
        level: the level.
        types: logits of the types (columns of `GraphDecoder.columns`).
        taken: the column taken.
        edges: logits of each known vertex as the predecessor (edges `one`) or as a predecessor (`any`).
        sources: 1 for each predecessor taken, else 0.
    """

    level: Level
    types: Float[Tensor, "batch vertices columns"]
    taken: Int[Tensor, "batch vertices"]
    edges: Float[Tensor, "batch vertices known"] | None = None
    sources: Float[Tensor, "batch vertices known"] | None = None

    def log_probability(self) -> Float[Tensor, " batch"]:
        """The log-probability of what was taken, in nats."""
        total = torch.log_softmax(self.types, -1).gather(-1, self.taken.unsqueeze(-1)).sum((-2, -1))
        if self.edges is None or self.sources is None:
            return total
        if self.level.edges == "one":
            return total + (torch.log_softmax(self.edges, -1) * self.sources).sum((-2, -1))
        return total - F.binary_cross_entropy_with_logits(self.edges, self.sources, reduction="none").sum((-2, -1))


class GraphDecoder(nn.Module):
    """Decodes codes to graphs of one family; a chooser says what to take at each vertex.

    `columns` lists the types that open vertices may have: the last dimension of all type logits.
    """

    inputs: Tensor
    columns: Tensor

    def __init__(self, family: GraphFamily, hidden: int, latent: int) -> None:
        """Make a decoder for one family; raises as `decoding_plan` does."""
        super().__init__()
        inputs, plan, columns = decoding_plan(family)
        size = len(family.vertices)
        self.levels = nn.ModuleList(plan)  # registers their constants
        self.plan = tuple(plan)
        self.register_buffer("inputs", torch.tensor(inputs), persistent=False)
        self.register_buffer("columns", torch.tensor(columns), persistent=False)
        self.initial = nn.Linear(latent, hidden)
        self.passing = MessagePassing(len(family.type_names), size, hidden)
        self.type_state, self.type_number = nn.Linear(hidden, hidden), nn.Embedding(size, hidden)
        self.type_logits = nn.Linear(hidden, len(columns))
        if any(level.edges != "all" for level in plan):
            self.edge_target, self.edge_source = nn.Linear(hidden, hidden), nn.Linear(hidden, hidden)
            self.edge_number = nn.Embedding(size, hidden)
            self.edge_logit = nn.Linear(hidden, 1)

    def forward(self, codes: Float[Tensor, "batch latent"], choose: Chooser) -> list[Predictions]:
        """The predictions of each level of open vertices; later ones depend on what was taken at earlier ones."""
        start = torch.tanh(self.initial(codes)).unsqueeze(1)
        count = len(self.inputs)
        states = [start] * count
        sent = [*self.passing.send(start, self.inputs).chunk(count, 1)]
        predictions: list[Predictions] = []
        for level in self.plan:
            incoming = _gather(level, sent)
            kinds = level.kinds
            if level.open:
                made = self._types(level, incoming, choose[0])
                kinds = self.columns[made.taken]
                if level.edges != "all":
                    made = self._edges(made, kinds, incoming, torch.cat(states, 1), choose[1])
                    assert made.sources is not None
                    incoming = made.sources @ torch.cat(sent, 1)
                predictions.append(made)
            if level.lasting:
                new = self.passing.update(kinds[..., : level.lasting], incoming[:, : level.lasting])
                states += new.chunk(level.lasting, 1)
                sent += self.passing.send(new, level.lasting_numbers).chunk(level.lasting, 1)
        return predictions

    def _types(self, level: Level, incoming: Tensor, choose: TypeChooser) -> Predictions:
        logits = self.type_logits(torch.tanh(self.type_state(incoming) + self.type_number(level.numbers)))
        if level.restricted:
            logits = logits + level.type_mask
        return Predictions(level, logits, choose(level, logits))

    def _edges(
        self, made: Predictions, kinds: Tensor, incoming: Tensor, states: Tensor, choose: EdgeChooser
    ) -> Predictions:
        level = made.level
        target = self.edge_target(self.passing.update(kinds, incoming)).unsqueeze(2)
        source = (self.edge_source(states) + self.edge_number(level.known_numbers)).unsqueeze(1)
        logits = self.edge_logit(torch.tanh(target + source)).squeeze(-1)
        logits = logits + IMPOSSIBLE * (1 - level.candidates)
        # A predecessor that is always there is certain, whatever the network says.
        logits = logits * (1 - level.always) - IMPOSSIBLE * level.always
        return Predictions(level, made.types, made.taken, logits, choose(level, logits))


def _gather(level: Level, sent: list[Tensor]) -> Float[Tensor, "batch vertices hidden"]:
    """The messages of all candidates, summed; one vertex stands for all where they have the same candidates."""
    if level.shared is None:
        return level.candidates @ torch.cat(sent, 1)
    total = sent[level.shared[0]]
    for position in level.shared[1:]:
        total = total + sent[position]
    return total

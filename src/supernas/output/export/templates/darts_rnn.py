"""A recurrent language model that stands alone: the cell DARTS_V2 with fresh constants, a pattern for others."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

WEIGHTS = Path(__file__).with_name("weights.safetensors")
VOCABULARY = Path(__file__).with_name("vocabulary.txt")
NUM_WORDS = 10000
UNITS = 850

# (node, source, activation): each of nodes 1 to 8 reads one node before it; node 0 is made of input and hidden state.
CELL: list[tuple[int, int, str]] = [
    (1, 0, "sigmoid"),
    (2, 1, "relu"),
    (3, 1, "relu"),
    (4, 1, "identity"),
    (5, 2, "tanh"),
    (6, 5, "sigmoid"),
    (7, 3, "tanh"),
    (8, 5, "relu"),
]
OPERATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}


class Network(nn.Module):
    """A recurrent cell between an embedding of words and a decoder that shares its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.from_input = nn.Linear(UNITS, 2 * UNITS, bias=False)
        self.from_state = nn.Linear(UNITS, 2 * UNITS, bias=False)
        self.nodes = nn.ModuleList(nn.Linear(UNITS, 2 * UNITS, bias=False) for _ in CELL)
        self.decoder = nn.Linear(UNITS, NUM_WORDS)

    def forward(self, words: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """What may follow word numbers [time, batch]: logits [time, batch, words], and the hidden state to go on from.

        The state [batch, units] is that after the text before; at the beginning of a text there is none.
        """
        embedded = F.embedding(words, self.decoder.weight)
        state = torch.zeros_like(embedded[0]) if state is None else state
        states = []
        for entering in self.from_input(embedded):
            state = self.step(entering, state)
            states.append(state)
        return self.decoder(torch.stack(states)), state

    def step(self, entering: Tensor, state: Tensor) -> Tensor:
        """The next hidden state [batch, units] from what enters [batch, 2 units] and the present one."""
        gate, candidate = (entering + self.from_state(state)).chunk(2, dim=-1)
        values = [torch.lerp(state, candidate.tanh(), gate.sigmoid())]
        for (_, source, name), node in zip(CELL, self.nodes, strict=True):
            gate, candidate = node(values[source]).chunk(2, dim=-1)
            values.append(torch.lerp(values[source], OPERATIONS[name](candidate), gate.sigmoid()))
        return torch.stack(values[1:]).mean(dim=0)


def vocabulary(path: str | Path = VOCABULARY) -> list[str]:
    """The word of each number."""
    return Path(path).read_text(encoding="utf-8").split("\n")


def load(path: str | Path = WEIGHTS) -> Network:
    """The trained network, ready to predict."""
    network = Network()
    network.load_state_dict(load_file(path))
    return network.eval()

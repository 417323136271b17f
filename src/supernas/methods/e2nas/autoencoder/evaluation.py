"""What an autoencoder can do, measured: reconstruction, validity, the region its codes fill, certainty, speed."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from supernas.core.documents import Document
from supernas.core.files import check_place
from supernas.core.graphs import Graph
from supernas.methods.e2nas.autoencoder.model import GraphAutoencoder
from supernas.methods.e2nas.autoencoder.packing import Packed
from supernas.methods.e2nas.autoencoder.pretrained import save_autoencoder, training_graphs
from supernas.methods.e2nas.autoencoder.settings import AutoencoderSettings
from supernas.methods.e2nas.autoencoder.training import Epoch, train
from supernas.spaces import Space

__all__ = [
    "Certainty",
    "Evaluation",
    "HeldOut",
    "certainty",
    "evaluate",
    "reconstructed",
    "train_and_save",
    "train_held_out",
]

_PART = 4096  # graphs that are encoded or decoded at once


@dataclass(frozen=True)
class Certainty:
    """How sure the decoder is: means over codes and choices, at the codes of graphs and at draws from the prior.

    A decoder that is sure passes no gradient to the code; a temperature above 1 brings it back.

    Attributes:
        temperature: what logits are divided by.
        largest_at_codes, largest_at_prior: the largest probability of a choice.
        entropy_at_codes, entropy_at_prior: the entropy of a choice's options, in nats.
    """

    temperature: float
    largest_at_codes: float
    largest_at_prior: float
    entropy_at_codes: float
    entropy_at_prior: float


@dataclass(frozen=True)
class Evaluation:
    """An autoencoder's measured properties.

    Attributes:
        graphs: how many graphs it was asked about.
        reconstructed: how many of them the greedy decoding of their mean code gives back exactly.
        prior_draws: codes drawn from N(0, I).
        prior_valid: how many of their greedy decodings belong to the family.
        prior_distinct: how many distinct graphs those are.
        code_mean: the largest absolute value, over dimensions, of the mean of the graphs' mean codes.
        code_deviation: the smallest and largest standard deviation of a dimension of the mean codes.
        posterior_deviation: the mean of the encoder's standard deviations.
        graphs_encoded_per_second: speed of `encode`, packing included.
        graphs_decoded_per_second: speed of `decode`, building the graphs included.
        certainty: one entry for each temperature; empty where vertices stand for no (choice, option) pairs.
    """

    graphs: int
    reconstructed: int
    prior_draws: int
    prior_valid: int
    prior_distinct: int
    code_mean: float
    code_deviation: tuple[float, float]
    posterior_deviation: float
    graphs_encoded_per_second: float
    graphs_decoded_per_second: float
    certainty: tuple[Certainty, ...]

    def tree(self) -> Document:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class HeldOut:
    """A training on a part of the graphs: the autoencoder, its evaluation on both parts, and the training's speed."""

    model: GraphAutoencoder
    trained: Evaluation
    held_out: Evaluation
    graphs_trained_per_second: float


@torch.no_grad()
def reconstructed(model: GraphAutoencoder, graphs: Packed) -> Bool[Tensor, " graphs"]:
    """Whether the greedy decoding of each graph's mean code is that graph."""
    same = []
    for start in range(0, len(graphs), _PART):
        part = graphs[start : start + _PART]
        decoded = model.decode(model.encode(part)[0]).packed
        same.append((decoded.types == part.types).all(1) & (decoded.edges == part.edges).flatten(1).all(1))
    return torch.cat(same)


@torch.no_grad()
def evaluate(
    model: GraphAutoencoder,
    graphs: Sequence[Graph],
    draws: int = 1000,
    seed: int = 0,
    temperatures: Sequence[float] = (1.0, 2.0, 4.0),
) -> Evaluation:
    """Measure an autoencoder on graphs of its family and on `draws` codes drawn from N(0, I) with `seed`.

    Raises:
        ValueError: if there are no graphs.
    """
    if not graphs:
        raise ValueError("no graphs to evaluate on")
    start = time.perf_counter()
    packed = model.pack(graphs)
    parts = [model.encode(packed[first : first + _PART]) for first in range(0, len(packed), _PART)]
    encoding = time.perf_counter() - start
    means = torch.cat([mean for mean, _ in parts])
    deviations = torch.exp(0.5 * torch.cat([log_variance for _, log_variance in parts]))
    prior = torch.randn(draws, model.settings.latent, generator=torch.Generator().manual_seed(seed)).to(means.dtype)
    start = time.perf_counter()
    drawn = model.decode(prior).graphs
    decoding = time.perf_counter() - start
    spread = means.std(0, correction=0)
    return Evaluation(
        graphs=len(graphs),
        reconstructed=int(reconstructed(model, packed).sum()),
        prior_draws=draws,
        prior_valid=sum(model.family.contains(graph) for graph in drawn),
        prior_distinct=len(set(drawn)),
        code_mean=float(means.mean(0).abs().max()),
        code_deviation=(float(spread.min()), float(spread.max())),
        posterior_deviation=float(deviations.mean()),
        graphs_encoded_per_second=len(graphs) / encoding,
        graphs_decoded_per_second=draws / decoding,
        certainty=tuple(certainty(model, means[:_PART], prior, temperature) for temperature in temperatures)
        if model.weights_map.choices
        else (),
    )


@torch.no_grad()
def certainty(
    model: GraphAutoencoder,
    codes: Float[Tensor, "graphs latent"],
    prior: Float[Tensor, "draws latent"],
    temperature: float,
) -> Certainty:
    """How sure the decoder is at codes of graphs and at draws from the prior."""
    measured = []
    for where in (codes, prior):
        rows = model.probabilities(where, temperature)
        entropy = torch.special.entr(rows).sum(-1)
        measured.append((float(rows.max(-1).values.mean()), float(entropy.mean())))
    return Certainty(temperature, measured[0][0], measured[1][0], measured[0][1], measured[1][1])


def train_and_save(
    space: Space,
    settings: AutoencoderSettings,
    path: Path,
    command: str = "",
    progress: Callable[[Epoch], None] | None = None,
) -> Evaluation:
    """Train on a space's graphs, evaluate on them, and write the autoencoder with what was measured in its `.json`.

    Args:
        space: the space.
        settings: model and training.
        path: where the weights go (`.safetensors`).
        command: the command that was typed, for the record.
        progress: called after every epoch.

    Raises:
        UserError: if the folder of `path` cannot be written.
        OSError: if something else than a file is there already.
    """
    for place in (path, path.with_suffix(".json")):
        check_place(place)
    graphs = training_graphs(space, settings)
    start = time.perf_counter()
    model = train(space.graph_family, graphs, settings, progress)
    seconds = time.perf_counter() - start
    measured = evaluate(model, graphs)
    notes = {"command": command, "torch": torch.__version__, "threads": torch.get_num_threads(), "seconds": seconds}
    save_autoencoder(model, path, space, **notes, measured=measured.tree())
    return measured


def train_held_out(
    space: Space,
    settings: AutoencoderSettings,
    share: float = 0.1,
    progress: Callable[[Epoch], None] | None = None,
) -> HeldOut:
    """Train without a random share of a space's graphs, and evaluate on those and on the others.

    Raises:
        ValueError: if the share leaves one of the two parts empty.
    """
    graphs = training_graphs(space, settings)
    order = torch.randperm(len(graphs), generator=torch.Generator().manual_seed(settings.seed)).tolist()
    count = round(share * len(graphs))
    if not 0 < count < len(graphs):
        raise ValueError(f"share {share} of {len(graphs)} graphs holds out {count}; wanted some, not all")
    rest = [graphs[number] for number in order[count:]]
    start = time.perf_counter()
    model = train(space.graph_family, rest, settings, progress)
    seconds = time.perf_counter() - start
    return HeldOut(
        model,
        evaluate(model, rest),
        evaluate(model, [graphs[number] for number in order[:count]]),
        len(rest) * settings.epochs / max(seconds, 1e-9),
    )

"""Training of a graph autoencoder: Adam, a warm-up and a cosine; seeded, so two trainings give the same weights."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.optim.lr_scheduler import LambdaLR

from supernas.core.graphs import Graph, GraphFamily
from supernas.methods.e2nas.autoencoder.model import GraphAutoencoder
from supernas.methods.e2nas.autoencoder.packing import Packed
from supernas.methods.e2nas.autoencoder.settings import AutoencoderSettings

__all__ = ["Epoch", "train"]


@dataclass(frozen=True)
class Epoch:
    """One epoch of a training: its number (from 1), of how many, mean losses (nats a graph), seconds so far."""

    number: int
    epochs: int
    reconstruction: float
    divergence: float
    seconds: float


def train(
    family: GraphFamily,
    graphs: list[Graph],
    settings: AutoencoderSettings,
    progress: Callable[[Epoch], None] | None = None,
) -> GraphAutoencoder:
    """Train an autoencoder on graphs of one family.

    Deterministic for one torch version, processor type and thread count; torch's global generator is left as it was.

    Args:
        family: the family.
        graphs: the training graphs.
        settings: model and training.
        progress: called after every epoch.

    Returns:
        The autoencoder, its codes standardised, in evaluation mode and frozen (no parameter requires gradient).

    Raises:
        ValueError: if there are no graphs.
    """
    if not graphs:
        raise ValueError("no graphs to train on")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        model = GraphAutoencoder(family, settings)
    generator = torch.Generator().manual_seed(settings.seed)
    packed = model.pack(graphs)
    steps = settings.epochs * math.ceil(len(packed) / settings.batch)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    schedule = LambdaLR(optimiser, lambda step: _rate(step, steps, settings.warmup))
    start = time.perf_counter()
    for number in range(1, settings.epochs + 1):
        sums = _epoch(model, packed, optimiser, schedule, generator) / len(packed)
        if progress is not None:
            progress(Epoch(number, settings.epochs, float(sums[0]), float(sums[1]), time.perf_counter() - start))
    _standardise(model, packed)
    return model.eval().requires_grad_(False)


def _epoch(
    model: GraphAutoencoder,
    packed: Packed,
    optimiser: torch.optim.Optimizer,
    schedule: LambdaLR,
    generator: torch.Generator,
) -> torch.Tensor:
    """One pass in a random order; the summed reconstruction loss and divergence."""
    sums = torch.zeros(2)
    order = torch.randperm(len(packed), generator=generator)
    for first in range(0, len(order), model.settings.batch):
        rows = order[first : first + model.settings.batch]
        losses = model.loss(packed[rows], generator)
        optimiser.zero_grad()
        losses.total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), model.settings.clip)
        optimiser.step()
        schedule.step()
        sums += len(rows) * torch.stack([losses.reconstruction, losses.divergence]).detach()
    return sums


def _rate(step: int, steps: int, warmup: float) -> float:
    """The factor on the learning rate: a linear rise over the first share `warmup` of the steps, then half a cosine."""
    rise = max(1, round(warmup * steps))
    if step < rise:
        return (step + 1) / rise
    return 0.5 * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise)))


@torch.no_grad()
def _standardise(model: GraphAutoencoder, packed: Packed) -> None:
    """Set `centre` and `scale` so that the training graphs' mean codes have mean 0 and standard deviation 1."""
    means = torch.cat([model.encode(packed[i : i + 2048])[0] for i in range(0, len(packed), 2048)])
    model.centre.copy_(means.mean(0))
    model.scale.copy_(means.std(0, correction=0).clamp_min(1e-6))

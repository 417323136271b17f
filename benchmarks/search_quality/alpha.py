"""Alpha searched alone, on a supernet whose weights stand still.

A method that has alpha at each choice moves it by its own update. For all others (and E2NAS itself) alpha is a latent
code that E2NAS's update moves, without exploration, in several ways: straight through the decoded cell (the published
way), through the decoder's probabilities as a mixture, or straight through at a point beside the code.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.files import read_json, write_json
from supernas.core.progress import Progress
from supernas.core.settings import to_plain
from supernas.data import Batch
from supernas.methods.base import Alternating
from supernas.methods.e2nas.e2nas import E2NAS, E2NASState
from supernas.networks.base import Mixture
from supernas.steps.relaxations import straight_through as through

from .frozen import Frozen

__all__ = ["OWN", "Path", "latent_ways", "own_way", "paths_of", "ways"]

OWN = "own update"
TEMPERATURES = (1.0, 0.3)
DEVIATIONS = (0.5, 1.0)
COOLING = (1.0, 0.1)
MARGIN = 0.1
GATHERED = 4


@dataclass(frozen=True)
class Path:
    """Where alpha went from one start.

    Attributes:
        final: the architecture that it means at the end.
        visited: the distinct ones on the way, in the order of their first visits.
    """

    final: Architecture
    visited: tuple[Architecture, ...]


Walk = Callable[[Frozen, int, int], Path]
"""(supernet, steps, seed of the start) -> path."""


def ways(frozen: Frozen) -> dict[str, Walk]:
    """The ways in which alpha is moved, by name."""
    method = frozen.config.method
    return {OWN: own_update} if isinstance(method, Alternating) else latent_ways(method)


def own_way(method: Any) -> str | None:
    """The way that the method itself goes; None if it has no alpha that is moved here."""
    if isinstance(method, Alternating):
        return OWN
    return _straight(method.alpha_gradient) if isinstance(method, E2NAS) and method.relaxation == "latent" else None


def paths_of(frozen: Frozen, name: str, walk: Walk, starts: int, steps: int) -> list[Path]:
    """The paths of a way from each start; each is kept in a file of its own as soon as it is known."""
    config, space = frozen.config, frozen.space
    about = {
        "supernet": frozen.supernet.digest,
        "method": [config.method_name, to_plain(config.method)],
        "way": name,
        "steps": steps,
        "batch_size": config.search.batch_size,
    }
    mark = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:8]
    paths = []
    for start in range(starts):
        file = frozen.keep / f"alpha-{mark}" / f"{start}.json"
        known = read_json(file)
        if known is None:
            path = walk(frozen, steps, start)
            visited = [space.format(one) for one in path.visited]
            write_json(file, {**about, "start": start, "final": space.format(path.final), "visited": visited})
        else:
            path = Path(space.parse(known["final"]), tuple(map(space.parse, known["visited"])))
        paths.append(path)
    return paths


# -- logits at each choice ---------------------------------------------------------------------------------------------


def own_update(frozen: Frozen, steps: int, start: int) -> Path:
    """The method's own step of alpha, that of the weights left out."""
    method: Alternating = frozen.config.method
    frozen.network.train().requires_grad_(True)  # an optimiser of the weights is made, and never asked for a step
    state = method.init(frozen.context(steps, start))
    train, valid = (frozen.stream(part, 2 * start + number) for number, part in enumerate(("train", "valid")))
    epochs = -(-steps // train.steps_per_epoch)
    visited: dict[Architecture, None] = {}
    for step in range(steps):
        visited[method.derive(state, _no_images)] = None
        progress = Progress(step, steps, step // train.steps_per_epoch, epochs)
        method.update_alpha(state, next(train), next(valid), progress)
    final = method.derive(state, _no_images)
    return Path(final, tuple({**visited, final: None}))


def _no_images(*arguments: Any) -> float:
    raise AssertionError("alpha alone decides what is derived")


# -- a latent code -----------------------------------------------------------------------------------------------------

Judge = Callable[[E2NAS, E2NASState, Batch, torch.Generator, float], tuple[Architecture, Tensor]]
"""(method, state, batch, generator, part of the way that is done) -> the visited architecture, and the gradient
of the validation loss in alpha [kinds, n]."""


def latent_ways(method: Any) -> dict[str, Walk]:
    """E2NAS's ways; with the settings of the search's own method if that is E2NAS. No step
    is spent on random codes.
    """
    own = method if isinstance(method, E2NAS) and method.relaxation == "latent" else E2NAS()
    given = replace(own, warmup=0)
    judges: dict[str, tuple[E2NAS, Judge]] = {
        _straight(options): (replace(given, gamma=0.0, alpha_gradient=options), straight_through(0.0))
        for options in ("all", "selected")
    }
    to_all = replace(given, gamma=0.0, alpha_gradient="all")
    for temperature in TEMPERATURES:
        softer = replace(given, gamma=0.0, temperature=temperature)
        judges[f"mixture at temperature {temperature:g}"] = softer, mixture
    judges["mixture at falling temperature"] = to_all, cooling_mixture
    for deviation in DEVIATIONS:
        judges[f"straight through at noise {deviation:g}"] = to_all, straight_through(deviation)
    walks = {name: _latent_walk(method, lambda judge=judge: judge) for name, (method, judge) in judges.items()}
    return walks | {
        f"straight through with hysteresis {MARGIN:g}": _latent_walk(to_all, Hysteresis),
        f"straight through, {GATHERED} batches a step": _latent_walk(to_all, lambda: straight_through(0.0), GATHERED),
    }


def _straight(options: str) -> str:
    return f"straight through, gradient to {options}"


def straight_through(deviation: float) -> Judge:
    """The decoded cell of a code drawn around alpha runs; the gradient is that of the decoder's probabilities."""

    def judge(
        method: E2NAS, state: E2NASState, batch: Batch, generator: torch.Generator, done: float
    ) -> tuple[Architecture, Tensor]:
        noise = deviation * torch.randn(state.alpha.shape, generator=generator)
        beside = replace(state, alpha=(state.alpha.detach() + noise).requires_grad_())
        relaxed = method._decode(beside)
        return relaxed.architecture, method._validation_gradient(beside, relaxed, batch)[1]

    return judge


def mixture(
    method: E2NAS, state: E2NASState, batch: Batch, generator: torch.Generator, done: float
) -> tuple[Architecture, Tensor]:
    """All options run, weighted by the decoder's probabilities."""
    assert state.autoencoder is not None
    made, decoded = state.autoencoder.relax(state.alpha, method.temperature)
    space = state.context.space
    loss = state.trainer.validation_loss(batch, Mixture(dict(zip(space.kinds, made, strict=True))))
    (gradient,) = torch.autograd.grad(loss, state.alpha, allow_unused=True, materialize_grads=True)
    return space.from_graphs(decoded.graphs), gradient


def cooling_mixture(
    method: E2NAS, state: E2NASState, batch: Batch, generator: torch.Generator, done: float
) -> tuple[Architecture, Tensor]:
    """The mixture at a temperature that falls geometrically from the first to the second of `COOLING`."""
    warm, cold = COOLING
    return mixture(replace(method, temperature=warm * (cold / warm) ** done), state, batch, generator, done)


class Hysteresis:
    """Straight through a cell whose option at a choice changes only where another one is likelier by `MARGIN`."""

    def __init__(self) -> None:
        self.held: dict[int, int] = {}

    def __call__(
        self, method: E2NAS, state: E2NASState, batch: Batch, generator: torch.Generator, done: float
    ) -> tuple[Architecture, Tensor]:
        """One judgement."""
        assert state.autoencoder is not None
        space = state.context.space
        made, _ = state.autoencoder.relax(state.alpha, method.temperature)
        rows = torch.cat(list(made)).detach()
        for choice, row in enumerate(rows):
            likeliest = int(row.argmax())
            if float(row[likeliest] - row[self.held.setdefault(choice, likeliest)]) > MARGIN:
                self.held[choice] = likeliest
        architecture = Architecture(tuple(sorted(self.held.items())))
        relaxed = through(dict(zip(space.kinds, made, strict=True)), space, architecture)
        return architecture, method._validation_gradient(state, relaxed, batch)[1]


def _latent_walk(method: E2NAS, make_judge: Callable[[], Judge], gathered: int = 1) -> Walk:
    def walk(frozen: Frozen, steps: int, start: int) -> Path:
        moves, judge = max(1, steps // gathered), make_judge()
        frozen.network.train().requires_grad_(True)
        state = method.init(frozen.context(moves, start))
        frozen.network.requires_grad_(False)  # alpha's gradient looks at no other weights than these
        valid, generator = frozen.stream("valid", 2 * start + 1), torch.Generator().manual_seed(start)
        visited: dict[Architecture, None] = {}
        for move in range(moves):
            batch = _joined([next(valid) for _ in range(gathered)])
            architecture, gradient = judge(method, state, batch, generator, move / moves)
            visited[architecture] = None
            method._move(state, gradient)
        final = method.derive(state, _no_images)
        return Path(final, tuple({**visited, final: None}))

    return walk


def _joined(batches: list[Batch]) -> Batch:
    inputs, targets = (torch.cat([getattr(batch, name) for batch in batches]) for name in ("inputs", "targets"))
    return Batch(inputs, targets)

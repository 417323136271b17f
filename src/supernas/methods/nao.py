r"""NAO: architectures are embedded, their accuracy is predicted there, and the best are moved uphill and decoded.

R. Luo, F. Tian, T. Qin, E. Chen and T.-Y. Liu, "Neural Architecture Optimization", NeurIPS 2018, in the form with
shared weights (NAO-WS). An LSTM reads the genes x of an architecture into the embedding e = h_1 ... h_T, a small
network f predicts accuracy from the mean of e, an LSTM with attention over e writes x again:

    minimise  lambda (s - f(e))^2 - (1 - lambda) log p(x | e)     over all architectures with known s     (Eq. 1)
    h_t' = h_t + eta df/dh_t,   x' = decode(e')                   for the best, until x' is new           (Eq. 2)

The weights are trained along uniformly drawn members of a pool. `rounds` times the pool is judged with these weights,
encoder, predictor and decoder are trained, the best are moved, and what comes out replaces the worst. The answer is the
best of the last pool.

Published: a pool of 600 to 1,000, of which 300 are replaced; rounds every 50 epochs; each with 1,000 epochs of
training the autoencoder (6,000 steps and more); hidden 96, embedding 32, Adam at 1e-3; lambda 0.9 (0.8 in the released
code). Ours by default: a pool of 100, since every round judges it on `images` images, and `fit` steps of the
autoencoder for each step of the weights, so that a short search costs in proportion. Besides:

- s is the metric scaled to 0..1 over the pool of its round. The latest s of an architecture that has left the pool is
  kept, and trained on.
- Each place in the sequence has symbols of its own (`shared` gives genes of one size the same). Taught the scores of
  300 cells that are sums over edges, the predictor then ranks others with a correlation of 0.99 after 150 steps; with
  shared symbols it reached 0.64 after 1,500.
- The decoder starts from the mean of e; all vectors of e, moved ones too, have length 1.
- eta is raised from `eta` in steps of it until enough new architectures have come out (published: eta = 10). What is
  still missing after `raises` steps is drawn at random, besides the `random` that always are.
- For the record of an epoch the best of the pool in the last round is taken.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.core.state import UNSAVED, State
from supernas.data import Batch
from supernas.methods.base import best_of
from supernas.spaces.base import Space
from supernas.steps.contracts import Method, Metrics, Problem, Validate
from supernas.steps.sequences import Alphabet, architectures_of, genes_of, seeded
from supernas.steps.weights import PathTrainer

__all__ = ["NAO", "NAOState", "SequenceAutoencoder"]

_EMBEDDING, _PREDICTOR = 32, 200  # widths, as published
_CLIP = 5.0
_BATCH = 100
_TRIES = 50  # draws for each new architecture that is wanted; a small space may have no more


class SequenceAutoencoder(nn.Module):
    """Encoder, predictor and decoder. Genes are Int[n, places], embeddings Float[n, places, hidden]."""

    def __init__(self, sizes: Sequence[int], hidden: int, shared: bool = False) -> None:
        super().__init__()
        self.alphabet = Alphabet(sizes, _EMBEDDING, shared)
        self.encoder = nn.LSTM(_EMBEDDING, hidden, batch_first=True)
        self.predictor = nn.Sequential(nn.Linear(hidden, _PREDICTOR), nn.ReLU(), nn.Linear(_PREDICTOR, 1))
        self.decoder = nn.LSTM(_EMBEDDING, hidden, batch_first=True)
        self.attended = nn.Linear(2 * hidden, hidden)
        self.head = nn.Linear(hidden, self.alphabet.count)

    def encode(self, genes: Tensor) -> Tensor:
        """The embedding of genes; each place's vector has length 1."""
        return F.normalize(self.encoder(self.alphabet(genes))[0], dim=-1)

    def predict(self, embedding: Tensor) -> Tensor:
        """The predicted score, from 0 to 1: Float[n]."""
        return torch.sigmoid(self.predictor(_mean(embedding))[:, 0])

    def reconstruct(self, embedding: Tensor, genes: Tensor) -> Tensor:
        """Log p of every gene, given the embedding and the genes before it: Float[n, places]."""
        hidden, _ = self.decoder(self.alphabet.before(genes), _start(embedding))
        return self.alphabet.taken(self.alphabet.log_probabilities(self._scores(hidden, embedding)), genes)

    def decode(self, embedding: Tensor) -> Tensor:
        """The genes that are likeliest one after another."""

        def step(symbol: Tensor, state: Any) -> tuple[Tensor, Any]:
            hidden, state = self.decoder(symbol[:, None], state)
            return self._scores(hidden, embedding)[:, 0], state

        return self.alphabet.write(len(embedding), step, _start(embedding), lambda scores: scores.argmax(dim=-1))

    def losses(self, genes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        """The mean squared error of the predicted scores [n], and the mean of -log p over genes."""
        embedding = self.encode(genes)
        return F.mse_loss(self.predict(embedding), scores), -self.reconstruct(embedding, genes).mean()

    def uphill(self, embedding: Tensor) -> Tensor:
        """The gradient of the predicted score in the embedding."""
        embedding = embedding.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(self.predict(embedding).sum(), embedding)
        return gradient

    def _scores(self, hidden: Tensor, embedding: Tensor) -> Tensor:
        attention = (hidden @ embedding.transpose(1, 2)).softmax(dim=-1)
        return self.head(torch.tanh(self.attended(torch.cat([attention @ embedding, hidden], dim=-1))))


def moved(embedding: Tensor, gradient: Tensor, eta: float) -> Tensor:
    """The embedding after a step of size eta along the gradient, its vectors of length 1 again."""
    return F.normalize(embedding + eta * gradient, dim=-1)


def _mean(embedding: Tensor) -> Tensor:
    return F.normalize(embedding.mean(dim=1), dim=-1)


def _start(embedding: Tensor) -> tuple[Tensor, Tensor]:
    hidden = _mean(embedding)[None]
    return hidden, torch.zeros_like(hidden)


@dataclass
class NAOState(State):
    """What changes during the search.

    Attributes:
        problem: the problem.
        trainer: the step of the weights.
        autoencoder: encoder, predictor and decoder, on the CPU.
        adam: their optimiser.
        paths: the generator of paths and of random members of the pool.
        batches: the generator of the autoencoder's batches.
        pool: the architectures that are trained, after a round the best first.
        judged: every architecture that has been in a pool that was judged,
        scores: and its latest score.
        rounds: rounds so far.
    """

    problem: Problem = field(metadata=UNSAVED)
    trainer: PathTrainer
    autoencoder: SequenceAutoencoder
    adam: torch.optim.Adam
    paths: np.random.Generator
    batches: torch.Generator
    pool: list[Architecture]
    judged: list[Architecture] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    rounds: int = 0


@settings
class NAO(Method):
    """A pool of architectures, renewed by gradient ascent in a learnt embedding."""

    pool: int = setting(100, "architectures that are trained at a time", ge=2)
    rounds: int = setting(5, "how often the pool is renewed, at equal distances and at most once an epoch", ge=1)
    top: int = setting(20, "best architectures that are moved uphill", equation="Alg. 1", ge=1)
    new: int = setting(20, "new architectures from the ascent that replace the worst of the pool", ge=1)
    random: int = setting(10, "random architectures that replace the next worst", ge=0)
    images: int = setting(512, "validation images on which the pool is judged", ge=1)
    hidden: int = setting(96, "width of the encoder's and the decoder's LSTM", ge=1)
    shared: bool = setting(False, "whether genes of one size share their symbols, as published")
    trade: float = setting(0.8, "lambda, the weight of the prediction's loss", equation="Eq. 1", ge=0, le=1)
    lr: float = setting(1e-3, "Adam's learning rate of the autoencoder", gt=0)
    weight_decay: float = setting(1e-4, "L2 factor of the autoencoder", ge=0)
    fit: float = setting(0.5, "steps of the autoencoder for each step of the weights", gt=0)
    eta: float = setting(
        1.0, "size of the ascent's smallest step, and by how much it is raised", equation="Eq. 2", gt=0
    )
    raises: int = setting(50, "how often it is raised at most", ge=1)

    def __post_init__(self) -> None:
        if self.new + self.random >= self.pool or self.top > self.pool:
            raise UserError(
                f"a pool of {self.pool} cannot have {self.top} moved and {self.new} + {self.random} replaced: raise "
                "pool, or lower top, new or random"
            )

    # -- verbs --------------------------------------------------------------------------------------------------------

    def init(self, problem: Problem) -> NAOState:
        """A random pool, a fresh autoencoder."""
        with seeded(problem.seed):
            autoencoder = SequenceAutoencoder(problem.space.gene_sizes, self.hidden, self.shared)
        adam = torch.optim.Adam(autoencoder.parameters(), lr=self.lr, weight_decay=self.weight_decay)
        paths = np.random.default_rng(problem.seed)
        batches = torch.Generator().manual_seed(problem.seed)
        pool = unseen(problem.space, self.pool, (), paths)
        return NAOState(problem, PathTrainer.make(problem), autoencoder, adam, paths, batches, pool)

    def step(self, state: NAOState, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights along a member of the pool; the validation batch is not looked at."""
        return state.trainer.step(train, state.pool[state.paths.integers(len(state.pool))], progress)

    def epoch(self, state: NAOState, validate: Validate, progress: Progress) -> Metrics:
        """A round, where one is due."""
        if not self._due(progress):
            return {}
        known = self._judge(state, validate)
        metrics = self._fit(state, known, max(1, round(self.fit * progress.steps / (self.rounds + 1))))
        self._renew(state, known)
        return metrics

    def derive(self, state: NAOState, validate: Validate) -> Architecture:
        """The best of the pool in the last round; before the first, a random one."""
        return state.pool[0]

    def final(self, state: NAOState, validate: Validate) -> Architecture:
        """The best of the pool by validation with the weights as they are now."""
        return best_of(state.problem, state.pool, validate, self.images)

    # -- a round ------------------------------------------------------------------------------------------------------

    def _due(self, progress: Progress) -> bool:
        """Whether a round's moment lies in this epoch. None is due at the end: its new ones would not be trained."""
        begin, end = (math.floor((progress.epoch + one) * (self.rounds + 1) / progress.epochs) for one in (0, 1))
        return end > begin and progress.epoch + 1 < progress.epochs

    def _judge(self, state: NAOState, validate: Validate) -> dict[Architecture, float]:
        """Judges the pool, all on the same images, and sorts it; the scores of all architectures judged so far."""
        metrics = [validate(architecture, self.images, state.rounds) for architecture in state.pool]
        sign = 1 if state.problem.task.direction == "max" else -1
        scores = dict(zip(state.pool, to_unit([sign * metric for metric in metrics]), strict=True))
        known = {**dict(zip(state.judged, state.scores, strict=True)), **scores}
        state.judged, state.scores = list(known), list(known.values())
        state.pool = sorted(state.pool, key=lambda architecture: -scores[architecture])
        state.rounds += 1
        return known

    def _fit(self, state: NAOState, known: Mapping[Architecture, float], steps: int) -> Metrics:
        """Trains the autoencoder on all known scores; the losses of the last step."""
        genes, scores = genes_of(state.problem.space, list(known)), torch.tensor(list(known.values()))
        for _ in range(steps):
            batch = torch.randint(len(genes), (min(_BATCH, len(genes)),), generator=state.batches)
            predicting, writing = state.autoencoder.losses(genes[batch], scores[batch])
            state.adam.zero_grad()
            (self.trade * predicting + (1 - self.trade) * writing).backward()
            nn.utils.clip_grad_norm_(state.autoencoder.parameters(), _CLIP)
            state.adam.step()
        return {"prediction_loss": predicting.detach(), "reconstruction_loss": writing.detach()}

    def _renew(self, state: NAOState, known: Collection[Architecture]) -> None:
        """The worst of the sorted pool give way to new ones from the ascent and to random ones."""
        space = state.problem.space
        better = self.ascend(state, known)
        wanted = self.new + self.random - len(better)
        drawn = unseen(space, wanted, {*known, *better}, state.paths)
        state.pool = [*state.pool[: len(state.pool) - len(better) - len(drawn)], *better, *drawn]

    def ascend(self, state: NAOState, known: Collection[Architecture]) -> list[Architecture]:
        """At most `new` architectures that are not known, decoded from the moved embeddings of the pool's first."""
        space, autoencoder = state.problem.space, state.autoencoder
        embedding = autoencoder.encode(genes_of(space, state.pool[: self.top])).detach()
        gradient = autoencoder.uphill(embedding)
        found: dict[Architecture, None] = {}
        for raised in range(1, self.raises + 1):
            decoded = autoencoder.decode(moved(embedding, gradient, self.eta * raised))
            found |= {one: None for one in architectures_of(space, decoded) if one not in known}
            if len(found) >= self.new:
                break
        return list(found)[: self.new]


def to_unit(values: Sequence[float]) -> list[float]:
    """Values scaled to 0..1, the smallest to 0 and the largest to 1; all 0 where they are equal.

    >>> to_unit([10.0, 30.0, 15.0])
    [0.0, 1.0, 0.25]
    """
    low, high = min(values), max(values)
    return [(value - low) / (high - low or 1.0) for value in values]


def unseen(
    space: Space, count: int, known: Collection[Architecture], generator: np.random.Generator
) -> list[Architecture]:
    """`count` distinct random architectures that are not known; fewer if the space seems to have no more."""
    found: dict[Architecture, None] = {}
    for _ in range(_TRIES * count):
        if len(found) == count:
            break
        one = space.sample(generator)
        if one not in known:
            found[one] = None
    return list(found)

r"""ENAS: a recurrent controller learns by reinforcement which paths of the supernet do well.

H. Pham, M. Guan, B. Zoph, Q. Le and J. Dean, "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018
(section 2.2). The controller pi_theta writes an architecture as a sequence of genes, each given those before.

    w     <- w - grad_w L_train(w, a),  a ~ pi_theta                                        one path, with any objective
    theta <- theta + Adam(mean over samples a_i of (R(a_i) - b_i) grad log pi_theta(a_i))   R: on validation images
    b     <- b + (1 - decay) (R - b)                                                        the baseline

The weights are trained for an epoch, then the controller with the weights as they are. R holds the metric of a sampled
architecture (an accuracy from 0 to 1; c / metric where a small metric is better, as in the paper for perplexity) and
`entropy_weight` times the entropy H of the controller on the way. The answer is the best of `candidates` samples.

Controller and settings are those of the NAS-Bench-201 rows: scores of options are `tanh_constant` tanh(. /
temperature), 50 steps an epoch of 195 with 20 samples each, each judged on a batch of its own. Where we differ from
that code:

- Each place in the sequence has symbols and scores of its own. There all edges share theirs (`shared`): the controller
  then learns one option for all edges, and to tell them apart much later.
- The entropy has the exact gradient of E[R + entropy_weight H] (its own and that through the samples). There its own
  gradient is multiplied by -log pi and lowers the entropy.
- The baseline moves with every sample and is what it was before the sample, so that the gradient has no bias. There it
  moves once an epoch, by the last sample, and the first epoch teaches nothing.
- The controller's steps follow those of the weights (`controller_steps` each), so that a short search costs in
  proportion. Adam's learning rate is given as the way that it can go, 1e-3 over 12,500 steps as published: a short
  search moves as far, but never faster than `lr_max`. (With a table of rewards that is a sum over edges and noise of
  0.03, the controller finds the best cell of NAS-Bench-201 in 500 to 1,000 steps at 1e-3, in 250 at 1e-2.)
- The answer's candidates are all judged on the same images. The cosine of the learning rate falls once.
- For the record of an epoch the controller's greedy architecture is taken, which draws nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.settings import setting, settings
from supernas.data import Batch
from supernas.methods.base import best_of
from supernas.steps.contracts import Distribution, Method, Metrics, SearchContext, Validate
from supernas.steps.sequences import Alphabet, architectures_of, seeded
from supernas.steps.weights import PathTrainer, TrainedState

__all__ = ["ENAS", "Controller", "ENASState"]

_START = 0.1  # the controller's weights are uniform within this, as published
_CLIP = 5.0
_PATHS = 32  # paths that are drawn at once; drawing one takes nearly as long
_BETAS, _EPS = (0.0, 0.999), 1e-3


class Controller(nn.Module):
    """An LSTM that writes genes one after another: the policy pi_theta."""

    def __init__(self, sizes: Sequence[int], options: "ENAS") -> None:
        super().__init__()
        self.temperature, self.tanh_constant = options.temperature, options.tanh_constant
        width, layers = options.hidden, options.layers
        self.alphabet = Alphabet(sizes, width, options.shared)
        self.lstm = nn.LSTM(width, width, layers, batch_first=True)
        self.head = nn.Linear(width, self.alphabet.count)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -_START, _START)

    def score(self, genes: Tensor) -> tuple[Tensor, Tensor]:
        """Of genes [n, places]: log pi, and the sum of the entropies of the decisions on the way; both Float[n]."""
        hidden, _ = self.lstm(self.alphabet.before(genes))
        logs = self.alphabet.log_probabilities(self._scores(hidden))
        return self.alphabet.taken(logs, genes).sum(dim=-1), -(logs.exp() * logs).sum(dim=(-2, -1))

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Draws `count` sequences: Int[count, places]."""

        def draw(scores: Tensor) -> Tensor:
            return torch.multinomial(scores.softmax(dim=-1), 1, generator=generator)[:, 0]

        return self.alphabet.write(count, self._step, None, draw)

    def greedy(self) -> Tensor:
        """The sequence of the likeliest value at each place, given those before: Int[1, places]."""
        return self.alphabet.write(1, self._step, None, lambda scores: scores.argmax(dim=-1))

    def _scores(self, hidden: Tensor) -> Tensor:
        return self.tanh_constant * torch.tanh(self.head(hidden) / self.temperature)

    def _step(self, symbol: Tensor, state: Any) -> tuple[Tensor, Any]:
        hidden, state = self.lstm(symbol[:, None], state)
        return self._scores(hidden[:, 0]), state


@dataclass(kw_only=True)
class ENASState(TrainedState):
    """What changes during the search.

    Attributes:
        controller: the policy, on the CPU.
        adam: its optimiser.
        generator: of all samples.
        paths: drawn by the present controller, to be trained next.
        baseline: the moving average of the reward; None before the first.
        asked: architectures that were judged so far, which is the part of the validation images that comes next.
    """

    trainer: PathTrainer
    controller: Controller
    adam: torch.optim.Adam
    generator: torch.Generator
    paths: list[Architecture] = field(default_factory=list)
    baseline: float | None = None
    asked: int = 0


@settings
class ENAS(Method[ENASState], Distribution):
    """A controller trained by REINFORCE on validation accuracy, weights trained along its samples."""

    published: ClassVar[Document] = {
        "search": {"epochs": 250, "batch_size": 128},
        "weights": {"lr": 0.05, "lr_min": 0.0005, "weight_decay": 2.5e-4},
    }

    hidden: int = setting(32, "width of the controller's LSTM and embeddings", ge=1)
    layers: int = setting(2, "layers of the controller's LSTM", ge=1)
    shared: bool = setting(False, "whether genes of one size share their symbols, as published")
    temperature: float = setting(5.0, "divides the controller's scores before the tanh", gt=0)
    tanh_constant: float = setting(2.5, "the largest score", gt=0)
    lr_times_steps: float = setting(12.5, "the farthest that Adam can move a weight: learning rate times steps", gt=0)
    lr_max: float = setting(0.01, "the learning rate of the controller is at most this", gt=0)
    controller_steps: float = setting(0.256, "steps of the controller for each step of the weights", gt=0)
    samples: int = setting(20, "sampled architectures whose gradients one controller step averages", ge=1)
    reward_images: int = setting(128, "validation images on which a sample is judged; each sees the next part", ge=1)
    reward_constant: float = setting(80.0, "c in the reward c / metric, where a small metric is better", gt=0)
    entropy_weight: float = setting(1e-4, "weight of the controller's entropy in the reward", ge=0)
    baseline_decay: float = setting(0.99, "decay of the moving average that is the baseline", ge=0, lt=1)
    candidates: int = setting(100, "sampled architectures that are compared at the end", ge=1)
    candidate_images: int = setting(512, "validation images on which each of them is judged", ge=1)

    def init(self, context: SearchContext) -> ENASState:
        """A fresh controller, nearly uniform."""
        with seeded(context.seed):
            controller = Controller(context.space.gene_sizes, self)
        lr = min(self.lr_max, self.lr_times_steps / (self.controller_steps * context.steps))
        adam = torch.optim.Adam(controller.parameters(), lr=lr, betas=_BETAS, eps=_EPS)
        generator = torch.Generator().manual_seed(context.seed)
        trainer = PathTrainer.make(context)
        return ENASState(context=context, trainer=trainer, controller=controller, adam=adam, generator=generator)

    def step(self, state: ENASState, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """One step of the weights along a path that the controller draws; the validation batch is not looked at."""
        state.paths = state.paths or self._drawn(state, _PATHS)
        return state.trainer.step(train, state.paths.pop(), progress)

    def epoch(self, state: ENASState, validate: Validate, progress: Progress) -> Metrics:
        """The controller's turn."""
        steps = max(1, round(self.controller_steps * progress.steps / progress.epochs))
        reports = [self.controller_step(state, validate) for _ in range(steps)]
        state.paths = []
        return {name: torch.stack([report[name] for report in reports]).mean() for name in reports[0]}

    def controller_step(self, state: ENASState, validate: Validate) -> Metrics:
        """One step of the controller along the mean gradient of `samples` sampled architectures."""
        genes = state.controller.sample(self.samples, state.generator)
        drawn = self._architectures(state, genes)
        rewards = torch.tensor([self._judge(state, architecture, validate) for architecture in drawn])
        log_prob, entropy = state.controller.score(genes)
        gains = rewards + self.entropy_weight * entropy.detach()
        baselines, state.baseline = moving_average(gains.tolist(), state.baseline, self.baseline_decay)
        state.adam.zero_grad()
        surrogate(log_prob, entropy, gains - torch.tensor(baselines), self.entropy_weight).mean().backward()
        nn.utils.clip_grad_norm_(state.controller.parameters(), _CLIP)
        state.adam.step()
        return {
            "reward": rewards.mean(),
            "baseline": torch.tensor(state.baseline),
            "controller_entropy": entropy.detach().mean(),
        }

    def derive(self, state: ENASState, validate: Validate) -> Architecture:
        """The controller's greedy architecture."""
        (greedy,) = self._architectures(state, state.controller.greedy())
        return greedy

    def final(self, state: ENASState, validate: Validate) -> Architecture:
        """The best of `candidates` samples by validation."""
        return best_of(state.context, self._drawn(state, self.candidates), validate, self.candidate_images)

    def draw_architecture(self, state: ENASState, generator: torch.Generator) -> Architecture:
        """A sample of the controller."""
        with torch.no_grad():
            (drawn,) = self._architectures(state, state.controller.sample(1, generator))
        return drawn

    def _judge(self, state: ENASState, architecture: Architecture, validate: Validate) -> float:
        metric = validate(architecture, self.reward_images, state.asked)
        state.asked += 1
        return reward(metric, state.context.task.direction, self.reward_constant)

    def _drawn(self, state: ENASState, count: int) -> list[Architecture]:
        return self._architectures(state, state.controller.sample(count, state.generator))

    def _architectures(self, state: ENASState, genes: Tensor) -> list[Architecture]:
        return architectures_of(state.context.space, genes)


def reward(metric: float, direction: Literal["max", "min"], constant: float) -> float:
    """What the controller is paid: a large metric in percent as a fraction, a small one by `constant` / metric.

    >>> reward(93.0, "max", 80.0), reward(40.0, "min", 80.0)
    (0.93, 2.0)
    """
    return metric / 100 if direction == "max" else constant / max(metric, 1e-9)


def moving_average(values: Sequence[float], start: float | None, decay: float) -> tuple[list[float], float]:
    """The average that each value meets, and the one that all leave behind; the first of all values meets itself."""
    average, met = values[0] if start is None else start, []
    for value in values:
        met.append(average)
        average += (1 - decay) * (value - average)
    return met, average


def surrogate(log_prob: Tensor, entropy: Tensor, advantage: Tensor, entropy_weight: float) -> Tensor:
    """Values [n] of samples from pi, whose mean has the gradient of -E[reward + entropy_weight H], but for chance.

    `advantage` is reward + entropy_weight H - baseline, without gradient. An expectation of H under pi changes with H
    itself and with the samples: the first is the entropy's own gradient, the second a part of the advantage's.
    """
    return -(advantage * log_prob + entropy_weight * entropy)

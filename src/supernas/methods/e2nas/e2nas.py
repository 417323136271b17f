r"""E2NAS: search in the latent space of a graph autoencoder, drawn to what is novel.

M. Zhang, H. Li, S. Pan, X. Chang, Z. Ge and S. Su, "Differentiable Neural Architecture Search in Equivalent Space with
Exploration Enhancement", NeurIPS 2020. Algorithm 1, each step:

    decode alpha, train the supernet on that path with its complement (Eq. 7: `steps/objectives/complementation.py`)
    alpha <- alpha - lr ((1 - gamma) grad L_val(alpha) - gamma grad N(alpha, A))        (Eq. 3, see below)

with N = -log p_A the novelty with respect to the archive A of visited architectures (Eq. 4-6: `novelty.py`).

Where the paper is silent or wrong, and its released code differs (docs/methods/e2nas.md has the whole list):

- Eq. 3 prints a plus before gamma grad N. Descending N = -log p moves *towards* visited architectures, the opposite of
  the text; here novelty is ascended. In the released code the novelty never reaches the gradient.
- The gradient reaches alpha straight through the decoded architecture: the forward pass runs the likeliest options,
  the gradient is that of the decoder's probabilities. `alpha_gradient="all"` also gives it to the options not taken.
- alpha is decoded once a step; the path that is trained, archived and validated is the same.
- alpha starts from N(0, I), and is kept where the decoder knows its way (`region`): -log p has no maximum.
- The archive holds the latents of recent visits, repeats included: a corner that is full of them is left again.
- A part of the search, `warmup`, is at codes drawn from the prior, one a step, all of which are archived; then alpha
  moves, from the last of them, whatever gamma is. So the first density is one of as many codes, the supernet can tell
  cells apart, and an ablation of gamma compares nothing else. Without it the validation gradient of an untrained
  supernet leads to cells without a path to their output, which have the lowest loss of all untrained networks, and
  weight decay alone, blown up to full steps by Adam, leads to the origin. Gamma's course is over the steps that follow.
- The two gradients have no common scale, and Adam divides by the larger one's memory: after an exploration with
  gradients a hundred times those of the loss, alpha would stand still for thousands of steps. `balance="norm"` scales
  novelty's gradient to the running norm of the loss's, for each kind of cell.
- The gradient at one code is that of one cell, which changes at every boundary that alpha crosses. With `draws` it is
  averaged over codes around alpha, each on its own part of the validation batch (1, as published, is alpha itself).
- Adam's learning rate is given as `adam.lr_times_steps`, the farthest that a coordinate can go, and its decays remember
  parts of the run, so that a short search is the published one in small: 3e-4 over 97,750 steps.

Ablations are settings: gamma = 0, objective.epsilon = 0, and `relaxation="softmax"`, which makes alpha the logits of
the options; all three at once, and `warmup=0`, is GDAS-A.
"""

import math
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from torch import Tensor

from supernas.core.architecture import Architecture
from supernas.core.errors import UserError
from supernas.core.progress import Progress
from supernas.core.settings import Unused, refuse_unused, setting, settings
from supernas.core.spelling import assigned
from supernas.core.state import ON_HOST, UNSAVED
from supernas.data import Batch
from supernas.methods.base import merits_of
from supernas.methods.e2nas import novelty as estimate
from supernas.methods.e2nas.autoencoder import AutoencoderSettings, GraphAutoencoder, load_pretrained, model
from supernas.methods.e2nas.novelty import Novelty, NoveltySettings
from supernas.networks.base import Mixture, Unselected
from supernas.spaces.search_strategies import additive_fit
from supernas.steps.contracts import (
    ALL_IMAGES,
    Chosen,
    Method,
    Metrics,
    SearchContext,
    Validate,
    Visiting,
    shares_no_text,
)
from supernas.steps.hypergradients import gradients_of
from supernas.steps.optimisers import AdamSettings
from supernas.steps.relaxations import Relaxed, crossed, option_mask_of, softmax, straight_through
from supernas.steps.weights import PathTrainer, TrainedState

__all__ = ["E2NAS", "E2NASState"]

_NORM_DECAY = 0.999  # longer than any stay in a cell without a gradient
_MEASURED = 20  # steps at the end of the warm-up whose gradients the running norm begins with


@dataclass(kw_only=True)
class E2NASState(TrainedState):
    """What changes during the search. Shapes: kinds = kinds of cell, n = latent dimensions (or logits of a kind)."""

    autoencoder: GraphAutoencoder | None = field(metadata=UNSAVED)
    option_mask: dict[str, Tensor] = field(metadata=UNSAVED)  # kind -> bool[choices, options]
    trainer: PathTrainer
    alpha: Tensor  # [kinds, n]; logits that mean no option are 0
    alpha_optimiser: torch.optim.Adam
    novelty: list[Novelty] = field(metadata=ON_HOST)  # one a kind of cell
    archive: deque[Tensor] = field(metadata=ON_HOST)  # latents [kinds, n] of visited architectures
    archived: deque[Architecture]  # the same as architectures
    visited: deque[Architecture]  # the last distinct ones, the latest last
    gradient_norm: Tensor  # [kinds, 1], running norm of the validation gradient, not yet corrected for its start at 0
    generator: torch.Generator  # of what is drawn from the prior
    this_epoch: list[Architecture] = field(default_factory=list)  # distinct ones
    visits: int = 0
    measured: int = 0  # gradients that the running norm is of


@settings
class E2NAS(Method[E2NASState], Visiting):
    """Differentiable search in an equivalent latent space, with exploration and complementation."""

    objective: ClassVar[str] = "complementation"
    weighs_options: ClassVar[bool] = True

    gamma: float | str = setting(
        "sig(10)",
        "weight of novelty: a number from 0 to 1, or sig(r), which falls from 1 to 0",
        equation="Eq. 3",
        papers=estimate.__doc__,
    )
    adam: AdamSettings = setting(AdamSettings(), "how alpha is moved")
    relaxation: Literal["latent", "softmax"] = setting(
        "latent", "what alpha is: a latent code, or the logits of the options", papers={"latent": model.__doc__}
    )
    start: float = setting(1.0, "deviation of the normal distribution that alpha starts from", gt=0)
    warmup: float = setting(
        0.5, "part of the search in which alpha is drawn anew at every step, as at its start; then it moves", ge=0, lt=1
    )
    alpha_interval: int = setting(1, "steps of the weights from one step of alpha to the next", ge=1)
    temperature: float = setting(1.0, "of the decoder's probabilities; higher passes more gradient", gt=0)
    alpha_gradient: Literal["selected", "all"] = setting(
        "all", "options that the validation loss gives a gradient to: the decoded ones, or all (they are then run)"
    )
    draws: int = setting(
        1,
        "codes around alpha that its validation gradient is averaged over, each on its part of the batch; 1 is alpha",
        ge=1,
    )
    noise: float = setting(0.5, "deviation of several draws, in deviations of the latent prior", gt=0)
    balance: Literal["none", "norm"] = setting(
        "norm", "novelty's gradient as it is, or scaled to the running norm of the loss's", equation="Eq. 3"
    )
    archive: Literal["visits", "distinct"] = setting("visits", "whether the archive holds repeated visits")
    archive_size: int = setting(50, "how many latents the archive holds", ge=2)
    archive_stride: int = setting(4, "visits from one that is archived to the next", ge=1)
    region: Literal["ball", "prior", "free"] = setting(
        "ball",
        "how a latent alpha is kept where the decoder knows its way: projected into a ball; drawn by the prior's "
        "density, as a term beside log p_A and so with weight gamma; or not at all",
    )
    radius: float = setting(1.0, "radius of region='ball' in units of the prior's typical radius sqrt(n)", gt=0)
    choose: Literal["last", "best-visited", "fitted"] = setting(
        "best-visited",
        "the returned architecture: the last decoded; of the visited ones the best by validation, or by a fit of their "
        "metrics in which options add up",
    )
    candidates: int = setting(50, "how many distinct visited architectures are compared, the latest", ge=1)
    candidate_images: int | None = setting(
        None, "validation images that each of them is judged on, the same for all; with none the whole part", ge=1
    )
    ridge: float = setting(1.0, "how far choose=fitted draws the worth of options to 0", gt=0)
    novelty: NoveltySettings = setting(NoveltySettings(), "how the density of Eq. 6 is estimated", equation="Eq. 4-6")
    autoencoder: AutoencoderSettings = setting(
        AutoencoderSettings(), "the autoencoder; one that does not ship is trained at the first search, and cached"
    )

    def __post_init__(self) -> None:
        if self.draws == 1:
            refuse_unused(self, ("noise",), "draws=1")
        if self.relaxation == "softmax":
            refuse_unused(self, ("draws", "noise"), "relaxation=softmax")
        if self.choose == "last":
            refuse_unused(self, ("candidates", "candidate_images", "ridge"), "choose=last")
        elif self.choose == "best-visited":
            refuse_unused(self, ("ridge",), "choose=best-visited")
        if self._explores and self.relaxation == "softmax":
            raise UserError(
                f"novelty is defined on latent codes: relaxation='softmax' needs {assigned('method.gamma', 0)}"
            )

    def unused(self) -> Iterator[Unused]:
        """Novelty's settings, where nothing is explored; those of latent codes, where there are none."""
        if not self._explores:
            names = ("balance", "archive", "archive_size", "archive_stride", "novelty")
            yield Unused(names, "gamma=0", "gamma above 0")
        if self.relaxation == "softmax":
            yield Unused(("region", "radius", "autoencoder"), "relaxation=softmax", "relaxation=latent")
        elif self.region != "ball":
            yield Unused(("radius",), f"region={self.region}", "region=ball")
        if not self._explores and self.region == "prior":
            yield Unused(("region",), "gamma=0, where prior is as free", "gamma above 0")

    def refuses(self, chosen: Chosen) -> str:
        """Several draws on texts."""
        return shares_no_text(chosen, f"give {assigned('method.draws', 1)}") if self.draws > 1 else ""

    # -- verbs --------------------------------------------------------------------------------------------------------

    def init(self, context: SearchContext) -> E2NASState:
        """Alpha ~ N(0, start^2 I), an empty archive, a fresh optimiser."""
        space = context.space
        model = load_pretrained(space, self.autoencoder) if self.relaxation == "latent" else None
        sizes = [model.settings.latent if model else math.prod(shape) for shape in space.shapes.values()]
        alpha = torch.zeros(len(sizes), max(sizes), requires_grad=True)
        state = E2NASState(
            context=context,
            trainer=PathTrainer.make(context),
            autoencoder=model,
            option_mask=option_mask_of(space, context.network.pairs, alpha.device),
            alpha=alpha,
            alpha_optimiser=self.adam.over([alpha], self._moves(context)),
            novelty=[self._density(model) for _ in space.kinds] if model and self._explores else [],
            archive=deque(maxlen=self.archive_size),
            archived=deque(maxlen=self.archive_size),
            visited=deque(maxlen=self.candidates),
            gradient_norm=torch.zeros(len(sizes), 1),
            generator=torch.Generator().manual_seed(context.seed),
        )
        self._draw(state)
        return state

    def step(self, state: E2NASState, train: Batch, valid: Batch, progress: Progress) -> Metrics:
        """Weights on the training batch, then alpha on the validation batch (Algorithm 1, lines 5 and 6)."""
        visit, warm = state.visits, self._warm(state.context)
        if 0 < visit < warm:  # the first is where alpha starts
            self._draw(state)
        relaxed = self._decode(state)
        metrics = state.trainer.step(train, relaxed.architecture, progress)
        self._remember(state, relaxed.architecture, visit < warm)
        if visit < warm - _MEASURED or (visit > warm and (visit - warm) % self.alpha_interval):
            return metrics
        loss, gradient = self._validation_gradient(state, relaxed, valid)
        metrics["valid_loss"] = loss
        if not state.trainer.allows([gradient]):
            return metrics
        self._measure(state, gradient)
        if visit < warm:
            return metrics
        if state.novelty:
            gamma = self._gamma(self._course(state.context, visit))
            exploration, terms = self._exploration(state)
            gradient = (1 - gamma) * gradient + gamma * exploration
            metrics |= terms
        self._move(state, gradient)
        return metrics

    def epoch(self, state: E2NASState, validate: Validate, progress: Progress) -> Metrics:
        """Reports how far alpha is and how many distinct architectures the epoch visited."""
        report = {
            "gamma": torch.tensor(self._gamma(self._course(state.context, state.visits))),
            "alpha_norm": state.alpha.detach().norm(dim=1).mean(),
            "distinct": torch.tensor(float(len(state.this_epoch))),
        }
        state.this_epoch = []
        return report

    def derive(self, state: E2NASState, validate: Validate) -> Architecture:
        """The decoded alpha (Algorithm 1, line 8)."""
        with torch.no_grad():
            return self._decode(state).architecture

    def final(self, state: E2NASState, validate: Validate) -> Architecture:
        """The decoded alpha, or the best of the last visited architectures by what they reach on validation images."""
        if self.choose == "last" or not state.visited:
            return self.derive(state, validate)
        visited = list(state.visited)
        merits = merits_of(state.context, visited, validate, self.candidate_images or ALL_IMAGES)
        if self.choose == "fitted":
            merits = additive_fit([one.pairs for one in visited], merits, self.ridge)
        return visited[int(merits.argmax())]

    def visited(self, state: E2NASState) -> list[Architecture]:
        """Those that are compared at the end."""
        return list(state.visited)

    # -- moves --------------------------------------------------------------------------------------------------------

    def _decode(self, state: E2NASState, noise: Tensor | None = None) -> Relaxed:
        """Alpha, or a latent code that is some noise away, -> W, whose value is the architecture that runs and whose
        gradient that of its probabilities.
        """
        space, device = state.context.space, state.context.device
        if state.autoencoder is None:
            rows = zip(space.shapes.items(), state.alpha, strict=True)
            logits = {kind: row[: math.prod(shape)].view(shape) for (kind, shape), row in rows}
            W, architecture = straight_through(softmax(logits, state.option_mask, self.temperature), space)
            return Relaxed(crossed(W, device), architecture)
        code = state.alpha if noise is None else state.alpha + noise
        relaxed, decoded = state.autoencoder.relax(code, self.temperature)
        made = dict(zip(space.kinds, relaxed, strict=True))
        W, architecture = straight_through(made, space, space.from_graphs(decoded.graphs))
        return Relaxed(crossed(W, device), architecture)

    def _validation_gradient(self, state: E2NASState, relaxed: Relaxed, batch: Batch) -> tuple[Tensor, Tensor]:
        """The validation loss of the decoded path, or the mean over draws around it, and its gradient, [kinds, n]."""
        unselected: Unselected = "run" if self.alpha_gradient == "all" else "skip"
        loss = torch.zeros((), device=batch.targets.device)
        for drawn, part in [(relaxed, batch)] if self.draws == 1 else self._around(state, batch):
            of_part = state.trainer.validation_loss(part, Mixture(drawn.W, drawn.architecture.pairs, unselected))
            loss = loss + of_part * (len(part.targets) / len(batch.targets))
        (gradient,) = gradients_of(loss, [state.alpha])
        return loss.detach(), gradient

    def _around(self, state: E2NASState, batch: Batch) -> Iterator[tuple[Relaxed, Batch]]:
        """Codes drawn around alpha, decoded, each with its part of a batch: together they cost what one costs."""
        for part in batch.parts(self.draws):
            if len(part.targets):
                noise = torch.randn(state.alpha.shape, generator=state.generator) * self.noise
                yield self._decode(state, noise), part

    def _exploration(self, state: E2NASState) -> tuple[Tensor, Metrics]:
        """What gamma weighs, [kinds, n]: the gradient of log p_A, to be descended. And what is known of it."""
        codes = torch.stack(list(state.archive))
        for i, novelty in enumerate(state.novelty):
            novelty.refresh(codes[:, i])
        made = [novelty.gradient(row) for novelty, row in zip(state.novelty, state.alpha.detach(), strict=True)]
        exploration = torch.stack([gradient for gradient, _ in made]).to(state.alpha)
        names = ("jacobian", "latent", "radial")
        metrics = {f"log_p_{name}": sum(getattr(terms, name) for _, terms in made) for name in names}
        metrics["novelty_dimensions"] = participation_ratio(exploration).mean()
        if self.region == "prior":
            exploration = exploration + state.alpha.detach()  # the gradient of -log N(alpha; 0, I)
        if self.balance == "norm":
            norms = exploration.norm(dim=1, keepdim=True).clamp_min(1e-12)
            exploration = exploration * (self._typical_norms(state) / norms)
        return exploration, metrics

    def _measure(self, state: E2NASState, gradient: Tensor) -> None:
        """Keeps a running norm of the validation gradient: in a cell without a path to its output it is zero, and
        novelty, which would lead out of it, must not vanish with it.
        """
        state.gradient_norm.lerp_(gradient.norm(dim=1, keepdim=True), 1 - _NORM_DECAY)
        state.measured += 1

    def _typical_norms(self, state: E2NASState) -> Tensor:
        return state.gradient_norm / (1 - _NORM_DECAY**state.measured)

    def _draw(self, state: E2NASState) -> None:
        """Alpha ~ N(0, start^2 I), brought into its region."""
        with torch.no_grad():
            state.alpha.copy_(torch.randn(state.alpha.shape, generator=state.generator) * self.start)
            if state.autoencoder is None:
                for row, mask in zip(state.alpha, state.option_mask.values(), strict=True):
                    row[: mask.numel()] *= mask.flatten()
                    row[mask.numel() :] = 0
        self._stay_in_region(state)

    def _move(self, state: E2NASState, gradient: Tensor) -> None:
        state.alpha.grad = gradient
        state.alpha_optimiser.step()
        self._stay_in_region(state)

    def _stay_in_region(self, state: E2NASState) -> None:
        if self.region == "ball" and state.autoencoder is not None:
            with torch.no_grad():
                limit = self.radius * math.sqrt(state.alpha.shape[1])
                state.alpha.mul_((limit / state.alpha.norm(dim=1, keepdim=True)).clamp_max(1.0))

    def _remember(self, state: E2NASState, architecture: Architecture, random: bool) -> None:
        """Puts the visit into the archive, and the architecture among those visited."""
        due = random or state.visits % self.archive_stride == 0
        if due and (self.archive == "visits" or architecture not in state.archived):
            state.archive.append(state.alpha.detach().clone())
            state.archived.append(architecture)
        state.visits += 1
        if architecture not in state.this_epoch:
            state.this_epoch.append(architecture)
        if not state.visited or state.visited[-1] != architecture:
            if architecture in state.visited:
                state.visited.remove(architecture)
            state.visited.append(architecture)

    # -- parts --------------------------------------------------------------------------------------------------------

    @property
    def _explores(self) -> bool:
        """Whether gamma is ever above 0."""
        return self._gamma(0.0) > 0

    def _warm(self, context: SearchContext) -> int:
        """How many steps are with alpha drawn anew."""
        return int(self.warmup * context.steps)

    def _moves(self, context: SearchContext) -> int:
        """How many steps alpha makes."""
        return -(-(context.steps - self._warm(context)) // self.alpha_interval)

    def _course(self, context: SearchContext, visits: int) -> float:
        """The part of alpha's own way that is done after so many steps."""
        warm = self._warm(context)
        return max(0, visits - warm) / (context.steps - warm)

    def _gamma(self, fraction: float) -> float:
        """Gamma after `fraction` of alpha's way: constant, or Sig_r(t) = 1 / (1 + exp(r (2 t / T - 1)))."""
        try:
            constant = float(self.gamma)
        except ValueError:
            constant = math.nan
        match = re.fullmatch(r"sig\((\d+(?:\.\d+)?)\)", str(self.gamma).lower())
        if match:
            return 1 / (1 + math.exp(min(float(match[1]) * (2 * fraction - 1), 700.0)))
        if not 0 <= constant <= 1:
            raise UserError(f"gamma = {self.gamma!r}: wanted a number from 0 to 1, or sig(r) such as sig(10)")
        return constant

    def _density(self, model: GraphAutoencoder) -> Novelty:
        def decode(codes: Tensor) -> Tensor:
            return model.decisions(codes, self.temperature)

        return Novelty(decode, model.softmaxes.widths, model.settings.latent, self.novelty)


def participation_ratio(vectors: Tensor) -> Tensor:
    """How many coordinates share a vector, (sum g^2)^2 / sum g^4: 1 if one has all of it, n if n have equal parts.

    Args:
        vectors: [..., n].
    """
    squares = vectors.double().square()
    return squares.sum(-1).square() / squares.square().sum(-1).clamp_min(1e-300)

"""How weights and architecture parameters are stepped: SGD with momentum, a schedule and clipping; Adam."""

import math
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import Tensor, nn

from supernas.core.documents import Document
from supernas.core.progress import Progress
from supernas.core.ranks import averaged, size
from supernas.core.settings import Unused, setting, settings
from supernas.steps.scaling import LossScale

__all__ = ["AdamSettings", "SGDSettings", "WeightsOptimiser", "decay_over"]

_TAIL = 5  # epochs of the smaller slope in which a linear decay ends
_TEN_STEPS = 0.9  # the decay of an average that remembers about so many


@settings
class SGDSettings:
    """Stochastic gradient descent on network weights."""

    lr: float = setting(0.025, "learning rate at the start", gt=0)
    lr_min: float = setting(0.001, "learning rate at the end", ge=0)
    momentum: float = setting(0.9, "momentum", ge=0, lt=1)
    nesterov: bool = setting(True, "Nesterov's form of momentum")
    weight_decay: float = setting(5e-4, "L2 factor", ge=0)
    clip: float = setting(5.0, "largest norm of the gradient; 0 does not clip", ge=0)
    warmup: float = setting(0.0, "part of the run over which the learning rate rises from 0", ge=0, lt=1)
    schedule: Literal["step", "epoch"] = setting("step", "whether the learning rate moves every step or every epoch")
    decay: Literal["cosine", "linear", "exponential"] = setting(
        "cosine",
        "how the learning rate falls: half a cosine; a line whose last five epochs have a smaller slope (P-DARTS, "
        "PC-DARTS); or by `rate` in every epoch. A warm-up shifts the cosine only",
    )
    rate: float = setting(0.97, "factor of an epoch where decay is exponential", gt=0, le=1)
    idle: Literal["none", "momentum"] = setting(
        "none", "options that did not run: `none` leaves them alone, `momentum` gives them zero gradients (old PyTorch)"
    )

    def unused(self) -> Iterator[Unused]:
        """What other forms of decay and momentum have."""
        if self.decay != "exponential":
            yield Unused(("rate",), f"decay={self.decay}", "decay=exponential")
        if not self.momentum:
            yield Unused(("nesterov",), "momentum=0", "momentum above 0")

    @property
    def forgets_the_end(self) -> bool:
        """Whether the learning rate of an epoch is the same however many there will be."""
        return not self.warmup and (self.decay == "exponential" or self.lr == self.lr_min)


@settings
class AdamSettings:
    """Adam on architecture parameters, as a part of the run, so that a short search is a published one in small. Its
    learning rate is given as the way that it can go: 3e-4 over 97,750 steps is 29.3. Its decays are those of a run of
    `published_steps`: with beta2 = 0.999 Adam remembers 1,000 of them, and the same part of any other run
    (`decay_over`).
    """

    lr_times_steps: float = setting(
        29.3, "the farthest that Adam can move a coordinate: learning rate times steps", gt=0
    )
    beta1: float = setting(0.5, "decay of the gradient's average in a run of published_steps", ge=0, lt=1)
    beta2: float = setting(0.999, "decay of the squares' average in a run of published_steps", ge=0, lt=1)
    published_steps: float = setting(
        97_750, "steps of the run that the decays are for; in another they remember the same part of it", gt=0
    )
    weight_decay: float = setting(1e-3, "L2 factor", ge=0)

    def over(self, parameters: Iterable[Tensor], steps: float) -> torch.optim.Adam:
        """Adam over the parameters for so many steps."""
        return torch.optim.Adam(
            list(parameters),
            lr=self.lr_times_steps / steps,
            betas=self.betas(steps),
            weight_decay=self.weight_decay,
        )

    def betas(self, steps: float) -> tuple[float, float]:
        """Both decays in a run of so many steps."""
        first, second = (decay_over(beta, self.published_steps, steps) for beta in (self.beta1, self.beta2))
        return first, second


def decay_over(decay: float, published_steps: float, steps: float) -> float:
    """The decay of a moving average that remembers the same part of a run as another does of a published one.

    An average with decay b remembers about -1 / ln(b) steps. That is the same part of both runs for

        b ** (published_steps / steps),

    which is b itself where they are equally long. No memory is cut below ten steps (0.9) by this, and one that is
    published shorter, as Adam's first at 0.5, is not cut at all: an average of one step would be none.

    Args:
        decay: b, of the published run.
        published_steps: its steps.
        steps: those of the run that the decay is wanted for.
    """
    return max(decay ** (published_steps / steps), min(decay, _TEN_STEPS))


class WeightsOptimiser:
    """SGD over a network's weights, with the settings' schedule and clipping.

    Attributes:
        options: the settings.
        scale: of the losses whose gradients it steps along, where they are scaled.
        parameters: the weights that are trained.
        sgd: the optimiser.
    """

    def __init__(self, network: nn.Module, options: SGDSettings, scale: LossScale | None = None) -> None:
        self.options, self.scale = options, scale
        self.parameters = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self.sgd = torch.optim.SGD(
            self.parameters,
            lr=options.lr,
            momentum=options.momentum,
            nesterov=options.nesterov and options.momentum > 0,
            weight_decay=options.weight_decay,
        )

    def zero_grad(self) -> None:
        """Forgets the gradients; those of options that then do not run are None, or zeros if idle is `momentum`."""
        self.sgd.zero_grad(set_to_none=self.options.idle == "none")

    def scaled(self, loss: Tensor) -> Tensor:
        """A loss as it is; in float16 its gradient is scaled from there on, until it arrives where it is wanted."""
        return loss if self.scale is None else self.scale.up(loss)

    def arriving(self) -> AbstractContextManager[None]:
        """Where gradients of scaled losses arrive at the weights, as they were before; nothing where none is scaled."""
        return nullcontext() if self.scale is None else self.scale.undone_at(self.parameters)

    def step(self, progress: Progress, share: float = 1.0) -> dict[str, Tensor]:
        """One step at the learning rate of this moment, times the size of the batch as a part of a usual one, along the
        mean of all devices' gradients. There is none where losses are scaled and a gradient is not finite.

        Returns:
            Where losses are scaled, `skipped`: 1 if there was no step, else 0.
        """
        if size() > 1:
            for parameter, gradient in zip(self.parameters, averaged([w.grad for w in self.parameters]), strict=True):
                parameter.grad = gradient
        if self.scale is not None and not self.scale.allows([w.grad for w in self.parameters]):
            return {"skipped": torch.ones(())}
        if self.options.clip:
            nn.utils.clip_grad_norm_(self.parameters, self.options.clip)
        for group in self.sgd.param_groups:
            group["lr"] = self.learning_rate(progress) * share
        self.sgd.step()
        if self.scale is None:
            return {}
        self.scale.stepped()
        return {"skipped": torch.zeros(())}

    def forget(self) -> None:
        """Momentum begins anew."""
        self.sgd.state.clear()

    def learning_rate(self, progress: Progress) -> float:
        """From `lr` towards `lr_min`, after a linear warm-up."""
        options = self.options
        by_epoch = options.schedule == "epoch"
        done = progress.epoch / progress.epochs if by_epoch else progress.fraction
        if done < options.warmup:
            if by_epoch:
                return options.lr * min(1.0, (progress.epoch + 1) / (options.warmup * progress.epochs))
            return options.lr * (progress.step + 1) / (options.warmup * progress.steps + 1)
        return options.lr_min + (options.lr - options.lr_min) * self._left(done, progress.epochs)

    def _left(self, done: float, epochs: int) -> float:
        """The part of the learning rate that is left, after a part of the run."""
        if self.options.decay == "exponential":
            return self.options.rate ** (done * epochs)
        if self.options.decay == "linear":
            return linear_decay(done * epochs, epochs)
        shifted = (done - self.options.warmup) / (1 - self.options.warmup)
        return (1 + math.cos(math.pi * shifted)) / 2

    def momentum(self, parameter: Tensor) -> Tensor | None:
        """The momentum buffer of a parameter, if it has moved."""
        buffer: Tensor | None = self.sgd.state[parameter].get("momentum_buffer")
        return buffer

    def state_dict(self) -> Document:
        """The momentum buffers, which parameters have a gradient (idle=`momentum` keeps those), and the scale."""
        ran = [number for number, parameter in enumerate(self.parameters) if parameter.grad is not None]
        scale = {} if self.scale is None else {"scale": self.scale.tree()}
        return {"sgd": self.sgd.state_dict(), "ran": ran, **scale}

    def load_state_dict(self, state: Document) -> None:
        """Restores them."""
        self.sgd.load_state_dict(state["sgd"])
        if self.scale is not None:
            self.scale.load(state["scale"])
        for number in state["ran"]:
            self.parameters[number].grad = torch.zeros_like(self.parameters[number])


def linear_decay(epoch: float, epochs: int) -> float:
    """The factor of P-DARTS's and PC-DARTS's line: (E - 5 - e) / (E - 5), at last (E - e) / (5 (E - 5)).

    A run of five epochs or fewer has one slope.
    """
    left = epochs - epoch
    if epochs <= _TAIL:
        return left / epochs
    return (left - _TAIL if left > _TAIL else left / _TAIL) / (epochs - _TAIL)

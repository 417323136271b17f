"""An auxiliary model: a network of its own that learns beside a supernet, from labels and from what it is told.

By default a small fixed residual network; by name another, `searched` for a second copy of the space's supernet with
architecture parameters of its own, or in Python anything that makes a module.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pydantic
import torch
from torch import Tensor, nn
from torch.func import functional_call

from supernas.core.documents import Document
from supernas.core.errors import UserError, unknown
from supernas.core.progress import Progress
from supernas.core.settings import build, refuse_unused, setting, settings
from supernas.core.spelling import assigned
from supernas.core.state import UNSAVED, State
from supernas.networks.base import Output, Weights, placed
from supernas.networks.model import made
from supernas.networks.resnet import ResNet
from supernas.steps.contracts import SearchContext
from supernas.steps.hypergradients import Unrolled
from supernas.steps.optimisers import AdamSettings, SGDSettings, WeightsOptimiser
from supernas.steps.weights import unrolled

__all__ = ["AuxiliaryModel", "AuxiliarySettings"]

NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "resnet-8": partial(ResNet, (16, 32, 64)),
    "resnet-18": partial(ResNet, (64, 128, 256, 512), 2),
}
_SEARCHED = "searched"
_PYTHON = "python:"  # what a configuration calls a network that was given in Python
_APART = 7_919  # its random numbers are not those of anything else


@settings
class AuxiliarySettings:
    """The auxiliary model and how it learns."""

    network: str | Callable = setting(
        "resnet-8",
        "resnet-8, resnet-18, searched (a second supernet), or in Python what makes a module that returns (logits, "
        "features), given num_classes and in_channels if it takes them",
    )
    weights: Document = setting(
        {}, "settings in which the training of its weights differs from the supernet's, as in weights.lr"
    )
    restart: int = setting(0, "epochs after which its weights begin anew; 0 never", ge=0)
    adam: AdamSettings = setting(
        AdamSettings(lr_times_steps=5.9, published_steps=19_550),
        "how its own alpha is moved, where network is searched",
    )

    def __post_init__(self) -> None:
        known = (*NETWORKS, _SEARCHED)
        if isinstance(self.network, str) and self.network not in known and not self.network.startswith(_PYTHON):
            raise ValueError(str(unknown("network", self.network, known)))
        if isinstance(self.network, nn.Module):
            raise ValueError("network is a module; wanted what makes one, as its class does, since it can begin anew")
        build(SGDSettings, self.weights, "weights")
        if not self.searched:
            refuse_unused(self, ("adam",), "a fixed auxiliary")

    @pydantic.field_serializer("network")
    def _name(self, network: str | Callable) -> str:
        return network if isinstance(network, str) else _PYTHON + getattr(network, "__name__", type(network).__name__)

    @property
    def searched(self) -> bool:
        """Whether it has architecture parameters of its own."""
        return self.network == _SEARCHED


@dataclass(kw_only=True)
class AuxiliaryModel(State):
    """The auxiliary model during a search.

    Attributes:
        fresh: makes its network with the weights of a given number, always the same.
        network: the network: images -> (logits, features), or images and `W` -> Output.
        optimiser: of its weights.
        alpha: its own architecture parameters, if it is searched.
        alpha_optimiser: what moves them.
        restarts: how often its weights began anew.
    """

    fresh: Callable[[int], nn.Module] = field(metadata=UNSAVED)
    network: nn.Module
    optimiser: WeightsOptimiser
    alpha: dict[str, Tensor]
    alpha_optimiser: torch.optim.Adam | None
    restarts: int = 0

    @classmethod
    def make(cls, context: SearchContext, options: AuxiliarySettings, alpha: Mapping[str, Tensor], moves: float) -> Any:
        """Fresh weights; nothing is drawn from the global generators.

        Args:
            context: what the search is about.
            options: which model.
            alpha: the first architecture parameters of a searched one; others have none.
            moves: the steps in which they move.
        """
        fresh = partial(_fresh, context, options)
        network = fresh(0)
        own = (
            {name: parameter.detach().clone().requires_grad_() for name, parameter in alpha.items()}
            if options.searched
            else {}
        )
        return cls(
            fresh=fresh,
            network=network,
            optimiser=WeightsOptimiser(network, replace(context.weights, **options.weights)),
            alpha=own,
            alpha_optimiser=options.adam.over(own.values(), moves) if own else None,
        )

    def run(self, weights: Mapping[str, Tensor], inputs: Tensor, W: Weights | None) -> tuple[Tensor, Tensor]:
        """(logits [batch, classes], features [batch, ...]) at given weights; `W` of a searched one.

        Raises:
            UserError: if a user's module gives something else.
        """
        given = functional_call(self.network, dict(weights), (inputs,) if W is None else (inputs, W))
        if isinstance(given, Output):
            return given.prediction, given.features
        if isinstance(given, tuple) and len(given) == 2 and all(isinstance(part, Tensor) for part in given):
            return given
        kinds = ", ".join(type(part).__name__ for part in (given if isinstance(given, tuple) else [given]))
        raise UserError(f"the auxiliary {type(self.network).__name__} returns {kinds}; wanted (logits, features)")

    def next_step(self, progress: Progress, share: float) -> Unrolled:
        """The step that its optimiser would make now, without Nesterov's correction."""
        return unrolled(self.network, self.optimiser, progress, share, self.optimiser.options.clip)

    def step(self, gradients: Sequence[Tensor], own: Sequence[Tensor], progress: Progress, share: float) -> None:
        """Steps the weights along given gradients, and its own alpha along those in `own`, if there are any."""
        self.optimiser.zero_grad()
        for parameter, gradient in zip(self.optimiser.parameters, gradients, strict=True):
            parameter.grad = gradient.clone()  # clipping changes them in place
        self.optimiser.step(progress, share)
        if self.alpha_optimiser is not None and own:
            for logits, gradient in zip(self.alpha.values(), own, strict=True):
                logits.grad = gradient
            self.alpha_optimiser.step()

    def restart(self) -> None:
        """Begins anew, with other weights; its own alpha is kept."""
        self.restarts += 1
        self.network.load_state_dict(self.fresh(self.restarts).state_dict())
        self.optimiser.forget()


def _fresh(context: SearchContext, options: AuxiliarySettings, number: int) -> nn.Module:
    main = next(context.network.parameters())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed((context.seed * _APART + number + 1) * _APART)
        network = _make(context, options)
    return placed(network, main.device, main.dtype)


def _make(context: SearchContext, options: AuxiliarySettings) -> nn.Module:
    if not isinstance(options.network, str):
        return made(options.network, context.data_shape)
    if options.network.startswith(_PYTHON):
        raise UserError(
            f"the auxiliary network {options.network[len(_PYTHON) :]} was given in Python; give it again there"
        )
    if options.searched:
        assert context.make_supernet is not None, "a context that can make no second supernet"
        return context.make_supernet()
    if "num_classes" not in context.data_shape or "in_channels" not in context.data_shape:
        raise UserError(
            f"auxiliary.network={options.network} classifies images, and the data are others; give "
            f"{assigned('method.auxiliary.network', 'searched')}, or in Python what makes a module that fits them"
        )
    return NETWORKS[options.network](**context.data_shape)

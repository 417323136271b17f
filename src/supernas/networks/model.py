"""A network out of a user's own module, in which `Choice` layers stand wherever one of several modules may go.

The module around them is the user's: it is run as it is, and may return its prediction, or (prediction, features).
"""

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.settings import build as build_settings
from supernas.core.settings import setting, settings
from supernas.core.task import Task
from supernas.data import Dataset
from supernas.networks.base import Form, Mixture, Network, NetworkSettings, Output, Splitting, placed
from supernas.networks.choice import Choice, Mixed, Runs, choices_of
from supernas.networks.mixture import active_options
from supernas.networks.model_trial import try_out
from supernas.spaces.base import Space

__all__ = ["Choice", "ModelNetwork", "choices_of", "made", "plain_module"]


@settings
class ModelSupernet(Splitting):
    """The form of the supernet of a user's model."""

    batch_norm: Literal["batch", "tracked"] = setting(
        "batch", "statistics used when the supernet is evaluated: those of the batch, or running averages"
    )


class ModelNetwork(Network):
    """A user's module, whose choices hold all options or some.

    Args:
        space: the space that its choices make, with `make`, which makes the module.
        pairs: the (choice, option) pairs to hold; all by default.
        form: `search` or `evaluation`.
        settings: fields of `ModelSupernet` in form `search`; and what `make` takes of what a run knows of its data
            (`num_classes`, `in_channels`).
    """

    supernet_settings: ClassVar[type[NetworkSettings]] = ModelSupernet
    network_settings: ClassVar[type[NetworkSettings]] = NetworkSettings
    width = ""
    channels_last = False  # the user's module may call `view`, which works in the layout that it was written for

    def __init__(
        self, space: Space, *, pairs: tuple[Pair, ...] | None = None, form: Form = "search", **settings: Any
    ) -> None:
        super().__init__()
        self.space = space
        self.pairs = pairs or space.pairs
        make: Callable[..., nn.Module] = space.make  # type: ignore[attr-defined]
        known: Document = {name: settings.pop(name) for name in ("num_classes", "in_channels") if name in settings}
        self.model = made(make, known)
        self.choices = list(choices_of(self.model).values())
        self._check_choices()
        self._restrict()
        if form == "evaluation":
            build_settings(NetworkSettings, settings, "network")
        elif build_settings(ModelSupernet, settings, "supernet").batch_norm == "batch":
            _normalise_by_batch(self.model)

    def _check_choices(self) -> None:
        """Refuses a module that has other choices than the one that the space was made from."""
        mine = [(choice.name, choice.option_names) for choice in self.choices]
        if mine != [(choice.name, choice.options) for choice in self.space.choices]:
            name = type(self.model).__name__
            raise UserError(
                f"{name} has other choices each time that it is made, or for these data; wanted the same: what decides "
                "about them must not be random, nor an argument num_classes or in_channels"
            )

    def _restrict(self) -> None:
        """Leaves out the options that are not held."""
        for number, choice in enumerate(self.choices):
            held = {choice.option_names[option] for at, option in self.pairs if at == number}
            for name in set(choice.option_names) - held:
                del choice.options[name]

    def option_modules(self) -> Iterator[tuple[Pair, nn.Module]]:
        """Those of all choices."""
        for number, choice in enumerate(self.choices):
            for option, name in enumerate(choice.option_names):
                if name in choice.options:
                    yield (number, option), choice.options[name]

    def embed(self, x: Tensor) -> Tensor:
        """The inputs in torch's usual layout: where a user's choices begin is not known."""
        return x.flatten().view(x.shape)  # not `contiguous`, which leaves the strides of images of one channel

    def reads_input(self, architecture: Architecture, inputs: Tensor) -> bool:
        """Tried: the same inputs in another order give something else. True where that would be the same inputs."""
        turned = inputs.flip(0)
        if torch.equal(inputs, turned):
            return True
        modes = [module.training for module in self.modules()]
        self.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            given, other = (self(x, active=architecture.pairs).prediction for x in (inputs, turned))
        for module, mode in zip(self.modules(), modes, strict=True):
            module.training = mode
        return not torch.equal(given, other)

    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """What the user's module gives for a batch of inputs."""
        which = active_options(self.pairs, mixture.active)
        (rows,) = (None,) if mixture.W is None else (matrix.unbind() for matrix in mixture.W.values())
        mixed = (
            Mixed(*which[number], None if rows is None else rows[number].unbind(), mixture.unselected)
            for number in range(len(self.choices))
        )
        return self.run(x, mixed)

    def run(self, x: Tensor, runs: Iterable[Runs]) -> Output:
        """The same, where each choice runs what it is told.

        Raises:
            UserError: if the module returns neither its prediction nor (prediction, features).
        """
        try:
            for choice, told in zip(self.choices, runs, strict=True):
                choice.runs = told
            given = self.model(x)
        finally:
            for choice in self.choices:
                choice.runs = None
        output = given if isinstance(given, tuple) else (given, given)
        if len(output) != 2 or not all(isinstance(part, Tensor) for part in output):
            kinds = [type(part).__name__ for part in (given if isinstance(given, tuple) else [given])]
            raise UserError(
                f"{type(self.model).__name__} returns {', '.join(kinds)}; wanted its prediction, or a tuple "
                "(prediction, features), as tensors"
            )
        return Output(*output)

    @classmethod
    def try_out(
        cls, space: Space, data: Dataset, task: Task, device: torch.device, pairs: tuple[Pair, ...] | None = None
    ) -> None:
        """Runs a few training examples through fresh weights (`networks/model_trial.py`)."""
        network = placed(cls(space, pairs=pairs, **data.network), device)
        name = type(network.model).__name__
        try_out(network, network.choices, network.run, name, data.few(device), task, data.network.get("num_classes"))


def plain_module(network: ModelNetwork) -> nn.Module:
    """The user's module with each choice replaced by the one option that the network holds of it: a copy."""
    return _replaced(copy.deepcopy(network.model))


def _replaced(module: nn.Module) -> nn.Module:
    if isinstance(module, Choice):
        (only,) = module.options.values()
        return _replaced(only)
    for name, child in module._modules.items():  # each place of a module that has several
        if child is not None:
            setattr(module, name, _replaced(child))
    return module


def made(make: Callable[..., nn.Module], known: Values) -> nn.Module:
    """What a user's class or function makes, given those of the known arguments that it takes.

    Raises:
        UserError: if it wants more than these, or makes no module.
    """
    _check_maker(make)
    given = {name: value for name, value in known.items() if name in _parameters(make)}
    try:
        inspect.signature(make).bind(**given)
    except TypeError as error:
        name = getattr(make, "__name__", type(make).__name__)
        raise UserError(
            f"{name} cannot be made: {error}; give that argument a default, in its signature or by functools.partial"
        ) from None
    model: object = make(**given)
    if not isinstance(model, nn.Module):
        name = getattr(make, "__name__", type(make).__name__)
        raise UserError(f"{name} makes a {type(model).__name__}; wanted a torch.nn.Module")
    return model


def _check_maker(make: object) -> None:
    if isinstance(make, nn.Module) or not callable(make):
        raise UserError(
            f"a {type(make).__name__} makes no modules: wanted the class itself, or a function that makes one, as in "
            "supernas.ModelSpace(Net)"
        )


def _parameters(make: Callable[..., Any]) -> set[str]:
    """The names that a function or class can be called with."""
    parameters = inspect.signature(make).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return {"num_classes", "in_channels"}
    return {parameter.name for parameter in parameters}


def _normalise_by_batch(model: nn.Module) -> None:
    """Normalisations keep no running averages, which would be over all paths: they use those of the batch, always."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None

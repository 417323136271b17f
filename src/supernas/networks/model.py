"""A network out of a user's own module, in which `Choice` layers stand wherever one of several modules may go.

A choice computes the sum of its active options, each times its entry of `W` (one where there is no `W`). The module
around them is the user's: it is run as it is, and may return its prediction, or (prediction, features).
"""

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar, Literal, NamedTuple

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document, Values
from supernas.core.errors import UserError
from supernas.core.settings import build as build_settings
from supernas.core.settings import setting, settings
from supernas.networks.base import Form, Mixture, Network, NetworkSettings, Output, Unselected
from supernas.networks.mixture import active_options, gradient_to_unselected
from supernas.spaces.base import Space

__all__ = ["Choice", "ModelNetwork", "choices_of", "made", "plain_module"]


class _Runs(NamedTuple):
    """What a choice runs in a forward pass: options that are active and not, and its row of `W`."""

    active: tuple[int, ...]
    inactive: tuple[int, ...]
    row: tuple[Tensor, ...] | None
    unselected: Unselected


class Choice(nn.Module):
    """A place in a module where one of several modules goes. All options must give outputs of one shape.

    Args:
        name: of the choice, unique in the model.
        options: the modules by name, two or more.

    Raises:
        UserError: if there are fewer options, or a name cannot be one.

    >>> layer = Choice("activation", {"relu": nn.ReLU(), "tanh": nn.Tanh()})
    """

    def __init__(self, name: str, options: Mapping[str, nn.Module]) -> None:
        super().__init__()
        for word in (name, *options):
            if not word or any(sign in word for sign in "=,; .\n"):
                raise UserError(
                    f"'{word}' cannot name a choice or an option: wanted no blank and none of the signs =,;."
                )
        if len(options) < 2:
            raise UserError(f"choice '{name}' has {len(options)} options; wanted two or more")
        self.name = name
        self.option_names = tuple(options)
        self.options = nn.ModuleDict(options)
        self.runs: _Runs | None = None

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The sum of the active options' outputs, weighted by `W`."""
        chosen = self.runs
        if chosen is None:
            raise RuntimeError(
                f"choice '{self.name}' does not know what to run: a model with choices runs as a supernet, or as what "
                "`space.build(architecture)` makes of it"
            )
        total = None
        for option in chosen.active:
            output = self.options[self.option_names[option]](*inputs, **named)
            term = output if chosen.row is None else output * chosen.row[option]
            total = term if total is None else total + term
        assert total is not None, f"no option of choice '{self.name}' is active"
        return total if chosen.row is None else self._with_unselected(total, chosen, inputs, named)

    def _with_unselected(self, total: Tensor, chosen: _Runs, inputs: Any, named: Any) -> Tensor:
        assert chosen.row is not None
        entries = [chosen.row[option] for option in chosen.inactive]
        if not entries or chosen.unselected == "skip":
            return total
        if chosen.unselected == "scalar":
            return total + torch.stack(entries).sum()
        with torch.no_grad():
            outputs = [self.options[self.option_names[option]](*inputs, **named) for option in chosen.inactive]
        return gradient_to_unselected(total, outputs, entries)


def choices_of(model: nn.Module) -> dict[str, Choice]:
    """The choices of a module by name, in the order in which the module lists them.

    Raises:
        UserError: if it has none, or two of one name.
    """
    choices: dict[str, Choice] = {}
    for module in model.modules():
        if isinstance(module, Choice):
            if module.name in choices:
                raise UserError(f"two choices are called '{module.name}'; wanted a name for each")
            choices[module.name] = module
    if not choices:
        raise UserError(
            f"{type(model).__name__} has no choice: put supernas.Choice(name, options) where one of several goes"
        )
    return choices


@settings
class ModelSupernet(NetworkSettings):
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
        self._restrict()
        if form == "evaluation":
            build_settings(NetworkSettings, settings, "network")
        elif build_settings(ModelSupernet, settings, "supernet").batch_norm == "batch":
            _normalise_by_batch(self.model)

    def _restrict(self) -> None:
        """Leaves out the options that are not held."""
        for number, choice in enumerate(self.choices):
            held = {choice.option_names[option] for at, option in self.pairs if at == number}
            for name in set(choice.option_names) - held:
                del choice.options[name]

    def embed(self, x: Tensor) -> Tensor:
        """The inputs as they are: where a user's choices begin is not known."""
        return x

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
        with self._told(mixture):
            given = self.model(x)
        prediction, features = given if isinstance(given, tuple) else (given, given)
        return Output(prediction, features)

    @contextmanager
    def _told(self, mixture: Mixture) -> Iterator[None]:
        """While it lasts every choice knows what it runs."""
        which = active_options(self.pairs, mixture.active)
        (rows,) = (None,) if mixture.W is None else (matrix.unbind() for matrix in mixture.W.values())
        try:
            for number, choice in enumerate(self.choices):
                row = None if rows is None else rows[number].unbind()
                choice.runs = _Runs(*which[number], row, mixture.unselected)
            yield
        finally:
            for choice in self.choices:
                choice.runs = None


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
        UserError: if it wants more than these.
    """
    given = {name: value for name, value in known.items() if name in _parameters(make)}
    try:
        inspect.signature(make).bind(**given)
    except TypeError as error:
        name = getattr(make, "__name__", type(make).__name__)
        raise UserError(
            f"{name} cannot be made: {error}; give that argument a default, in its signature or by functools.partial"
        ) from None
    return make(**given)


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

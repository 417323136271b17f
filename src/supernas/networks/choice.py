"""A choice: a layer in a user's module that stands wherever one of several modules goes.

It computes what it is told while a forward pass lasts: the sum of the active options, each times its entry of `W`.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from supernas.core.documents import Document
from supernas.core.errors import UserError
from supernas.networks.base import Unselected
from supernas.networks.mixture import gradient_to_unselected

__all__ = ["Choice", "Mixed", "Runs", "check_options", "choices_of"]


class Runs(Protocol):
    """What a choice runs while a forward pass of the model lasts."""

    def __call__(self, choice: "Choice", inputs: tuple[Any, ...], named: Document) -> Any:
        """The choice's output for these arguments of its `forward`."""
        ...


class Choice(nn.Module):
    """A place in a module where one of several modules goes. All options must give outputs of one shape.

    Args:
        name: of the choice, unique in the model.
        options: the modules by name, two or more.

    Raises:
        UserError: if there are fewer options, one is no module, or a name cannot be one.

    >>> layer = Choice("activation", {"relu": nn.ReLU(), "tanh": nn.Tanh()})
    """

    def __init__(self, name: str, options: Mapping[str, nn.Module]) -> None:
        super().__init__()
        check_options(name, options)
        self.name = name
        self.option_names = tuple(options)
        self.options = nn.ModuleDict(options)
        self.runs: Runs | None = None

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """The sum of the active options' outputs, weighted by `W`."""
        if self.runs is None:
            raise RuntimeError(
                f"choice '{self.name}' does not know what to run: a model with choices runs as a supernet, or as what "
                "`space.build(architecture)` makes of it; and one in a Python list is not found (use an nn.ModuleList)"
            )
        return self.runs(self, inputs, named)


def check_options(name: str, options: Mapping[str, nn.Module]) -> None:
    """Refuses what cannot be the name and the options of a choice.

    Raises:
        UserError: naming what is wrong.
    """
    if not isinstance(options, Mapping | nn.ModuleDict):
        raise UserError(
            f"choice {name!r} has options in a {type(options).__name__}; wanted modules by name, as in "
            '{"relu": nn.ReLU(), "tanh": nn.Tanh()}'
        )
    for word in (name, *options):
        if not isinstance(word, str) or not word or not word.isprintable() or any(sign in word for sign in "=,; ."):
            raise UserError(
                f"{word!r} cannot name a choice or an option: wanted text with no blank and none of the signs =,;."
            )
    for option, module in options.items():
        if isinstance(module, type):
            raise UserError(
                f"option '{option}' of choice '{name}' is the class {module.__name__}; wanted a module of it"
            )
        if not isinstance(module, nn.Module):
            raise UserError(
                f"option '{option}' of choice '{name}' is a {type(module).__name__}; wanted a torch.nn.Module "
                "(nn.Identity() hands its input on)"
            )
        if hasattr(nn.ModuleDict, option) or option in _RESERVED:
            raise UserError(
                f"'{option}' cannot name an option of choice '{name}': every torch module has something of that name; "
                f"take another, such as '{option}_'"
            )
    if len(options) < 2:
        raise UserError(f"choice '{name}' has {len(options)} options; wanted two or more")


_RESERVED = frozenset(vars(nn.ModuleDict()))
"""What every module holds; torch finds options by attribute."""


class Mixed(NamedTuple):
    """What a choice runs in a path or a mixture: options that are active and not, and its row of `W`."""

    active: tuple[int, ...]
    inactive: tuple[int, ...]
    row: tuple[Tensor, ...] | None
    unselected: Unselected

    def __call__(self, choice: Choice, inputs: tuple[Any, ...], named: Document) -> Any:
        """The sum of the active options' outputs, weighted by `W`."""
        total = None
        for option in self.active:
            output = choice.options[choice.option_names[option]](*inputs, **named)
            term = output if self.row is None else output * self.row[option]
            total = term if total is None else total + term
        assert total is not None, f"no option of choice '{choice.name}' is active"
        return total if self.row is None else self._with_unselected(total, self.row, choice, inputs, named)

    def _with_unselected(
        self, total: Tensor, row: tuple[Tensor, ...], choice: Choice, inputs: tuple[Any, ...], named: Document
    ) -> Tensor:
        entries = [row[option] for option in self.inactive]
        if not entries or self.unselected == "skip":
            return total
        if self.unselected == "scalar":
            return total + torch.stack(entries).sum()
        with torch.no_grad():
            outputs = [choice.options[choice.option_names[option]](*inputs, **named) for option in self.inactive]
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

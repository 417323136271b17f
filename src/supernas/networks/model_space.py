"""The space of a user's own model: each of its `Choice` layers takes one of its options.

class Net(nn.Module):
def __init__(self):
super().__init__()
self.first = supernas.Choice("first", {"3": nn.Conv2d(3, 16, 3, padding=1), "1": nn.Conv2d(3, 16, 1)})
...

space = supernas.ModelSpace(Net)
found = supernas.search(space=space, method="darts", data=(x, y))
model = space.build(found.architecture, weights=found.supernet)
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, SupportsIndex

import torch
from torch import nn

from supernas.core.architecture import Architecture
from supernas.core.documents import Document
from supernas.core.errors import UserError, unknown
from supernas.core.graphs import Graph, GraphFamily, Vertex
from supernas.core.identity import digest_of_leaves, leaves
from supernas.core.weights import read_weights
from supernas.networks.base import Standalone
from supernas.networks.model import ModelNetwork, choices_of, made, plain_module
from supernas.spaces.base import ChoicePoint, CostConvention, Space

__all__ = ["ModelSpace"]

WeightsSource = nn.Module | Mapping[str, torch.Tensor] | str | Path


class ModelSpace(Space):
    """The architectures of a module with `supernas.Choice` layers.

    The text of an architecture is `first=3, second=skip`: every choice with its option.

    Args:
        make: makes the module, with fresh weights: a class, or a function without necessary arguments. Where it has
            arguments `num_classes` or `in_channels`, it is given those of the data.
        name: what runs call the space; by default the name of `make`.
        data_kind: the kind of data that it reads: `tensors` that are given in Python, `images` or `text` by name.

    Attributes:
        digest: tells models apart whose code or structure decide other results; part of the identity of a run.

    Raises:
        UserError: if it makes no module, or not a fresh one each time; if that has no choice, or two of one name.
    """

    network = "supernas.networks.model:ModelNetwork"
    cost_convention = CostConvention("convolutions and linear layers with the biases of these", linear_bias=True)
    family = "model"

    def __init__(self, make: Callable[..., nn.Module], name: str | None = None, data_kind: str = "tensors") -> None:
        self.make = make
        shown = name or str(getattr(make, "__name__", type(make).__name__))
        self.name = re.sub(r"[^\w-]+", "-", shown).strip("-").lower() or "model"  # type: ignore[misc]
        self.data_kind = data_kind  # type: ignore[misc]
        with torch.random.fork_rng(devices=[]):  # looking at the model leaves the random numbers alone
            model, other = made(make, {}), made(make, {})
        choices = choices_of(model)
        _check_fresh(model, other)
        self.digest = _digest(make, model, other)
        self._choices = tuple(ChoicePoint(name, "model", layer.option_names) for name, layer in choices.items())

    @property
    def choices(self) -> tuple[ChoicePoint, ...]:
        """The choices, in the order in which the module lists them."""
        return self._choices

    @property
    def enumerable(self) -> bool:  # type: ignore[override]
        """Whether all architectures can be numbered."""
        return self.size < 2**62

    def document(self) -> Document:
        """The name, the options of every choice, and what tells the model's structure and code from others."""
        choices = {choice.name: list(choice.options) for choice in self.choices}
        return {"name": self.name, "choices": choices, "digest": self.digest}

    # -- text -------------------------------------------------------------------------------------------------------

    def parse_text(self, text: str) -> Architecture:
        """Reads `first=3, second=skip`, in any order of choices."""
        names = [choice.name for choice in self.choices]
        chosen: dict[str, int] = {}
        for part in text.split(","):
            name, equals, option = (piece.strip() for piece in part.partition("="))
            if not equals:
                raise UserError(f"cannot read '{part.strip()[:60]}': wanted choice=option, as in {self._example}")
            if name not in names:
                raise unknown("choice", name[:60], names)
            options = self.choices[names.index(name)].options
            if option not in options:
                raise unknown(f"option of choice {name}", option[:60], options)
            if name in chosen:
                raise UserError(f"choice {name} is given twice; wanted each once, as in {self._example}")
            chosen[name] = options.index(option)
        missing = [name for name in names if name not in chosen]
        if missing:
            raise UserError(f"no option for {', '.join(missing)}; wanted all choices, as in {self._example}")
        return Architecture.of(chosen[name] for name in names)

    def format(self, architecture: Architecture) -> str:
        """Every choice with its option."""
        taken = zip(self.choices, architecture.options, strict=True)
        return ", ".join(f"{choice.name}={choice.options[option]}" for choice, option in taken)

    @property
    def _example(self) -> str:
        return ", ".join(f"{choice.name}={choice.options[0]}" for choice in self.choices[:2])

    # -- picture and graph ------------------------------------------------------------------------------------------

    def node_names(self, kind: str) -> tuple[str, ...]:
        """What stands before, between and after the choices, which are drawn as a chain."""
        return tuple(map(str, range(len(self.choices) + 1)))

    def ends(self, choice: int) -> tuple[int, int]:
        """Its place in the chain."""
        return choice, choice + 1

    @cached_property
    def graph_family(self) -> GraphFamily:
        """A chain: start, a vertex for each choice with its options as types, end. How the model wires its choices is
        not known.
        """
        names = self.option_names
        start, end = len(names), len(names) + 1
        vertices = [Vertex((start,))]
        for number, choice in enumerate(self.choices):
            types = tuple(names.index(option) for option in choice.options)
            pairs = {(number, kind): (number, option) for option, kind in enumerate(types)}
            vertices.append(Vertex(types, (number,), pairs=pairs))
        return GraphFamily((*names, "start", "end"), (*vertices, Vertex((end,), (len(self.choices),))))

    def to_graphs(self, architecture: Architecture) -> tuple[Graph, ...]:
        """The chain."""
        vertices = self.graph_family.vertices
        taken = (vertices[1 + number].types[option] for number, option in enumerate(architecture.options))
        types = (vertices[0].types[0], *taken, vertices[-1].types[0])
        return (Graph(types, tuple(vertex.candidates for vertex in vertices)),)

    def from_graphs(self, graphs: Sequence[Graph]) -> Architecture:
        """The architecture of a chain."""
        (graph,) = graphs
        if not self.graph_family.contains(graph):
            raise ValueError(f"not the graph of an architecture of {self.name}: {graph}")
        vertices = self.graph_family.vertices
        return Architecture.of(vertices[n].types.index(graph.types[n]) for n in range(1, len(vertices) - 1))

    # -- modules ----------------------------------------------------------------------------------------------------

    def build(
        self, architecture: Architecture | str | SupportsIndex, *, weights: WeightsSource | None = None, **settings: Any
    ) -> nn.Module:
        """The user's module with each choice replaced by the option that the architecture takes: no trace of choices.

        Args:
            architecture: which, or its text.
            weights: where the weights come from: a supernet or a trained network of this space, its state dict, or the
                path of its safetensors file. Fresh ones by default. Normalisations that the supernet kept no averages
                of start with fresh ones.
            settings: arguments of `make` that the data decide (`num_classes`, `in_channels`).

        Raises:
            UserError: if the architecture is none of this space, or the weights lack some.
        """
        standalone = self.standalone(architecture, **settings)
        network = standalone.network
        assert isinstance(network, ModelNetwork)
        if weights is not None:
            _take(network, _tensors(weights))
        return plain_module(network)

    def standalone(self, architecture: Architecture | str | SupportsIndex, **settings: Any) -> Standalone:
        """The network that a run trains."""
        if not isinstance(architecture, Architecture):
            architecture = self.parse(architecture)
        if not self.contains(architecture):
            raise UserError(f"{architecture.pairs}: wanted one option at every choice of {self.name}")
        return ModelNetwork.build(self, architecture, **settings)


def _check_fresh(one: nn.Module, other: nn.Module) -> None:
    """Refuses modules that share what a run changes."""
    shared = {id(part) for part in (*choices_of(one).values(), *one.parameters(), *one.buffers())}
    if any(id(part) in shared for part in (*other.modules(), *other.parameters(), *other.buffers())):
        raise UserError(
            f"{type(one).__name__} is made with the same layers each time; wanted fresh ones: make them inside of the "
            "class or function"
        )


def _digest(make: Callable[..., nn.Module], one: nn.Module, other: nn.Module) -> str:
    """Eight letters for the code and the structure of a model: whatever is the same each time that it is made."""
    found, again = leaves((make, one)), leaves((make, other))
    return digest_of_leaves({place: text if again.get(place) == text else "" for place, text in found.items()})


def _tensors(weights: WeightsSource) -> Mapping[str, torch.Tensor]:
    if isinstance(weights, nn.Module):
        return weights.state_dict()
    if isinstance(weights, Mapping):
        return weights
    return read_weights(Path(weights))


def _take(network: ModelNetwork, given: Mapping[str, torch.Tensor]) -> None:
    """Sets the network's weights."""
    theirs = {name.removeprefix("network."): tensor for name, tensor in given.items()}
    needed = {name for name, _ in network.named_parameters()}
    for name, mine in network.state_dict().items():
        if (name in needed and name not in theirs) or (name in theirs and theirs[name].shape != mine.shape):
            raise UserError(f"the weights have no {name} of shape {list(mine.shape)}: they are of another model")
    network.load_state_dict({name: theirs[name] for name in network.state_dict() if name in theirs}, strict=False)

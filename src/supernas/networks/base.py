"""What every network is: one forward for supernet and stand-alone network, and the plain module cut out of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture, Pair
from supernas.core.documents import Document, Values
from supernas.core.progress import Progress
from supernas.core.settings import field_names, refuse_unused, setting, settings
from supernas.core.task import Task
from supernas.data import Dataset
from supernas.spaces.base import Space

__all__ = [
    "Auxiliary",
    "Form",
    "Mixture",
    "Network",
    "NetworkSettings",
    "NetworkSize",
    "Output",
    "Published",
    "Splitting",
    "Standalone",
    "SupernetSettings",
    "Unselected",
    "Weights",
    "placed",
]

Weights = Mapping[str, Tensor]
"""`W`: kind of cell -> Float[Tensor, "choices options"]."""

Form = Literal["search", "evaluation"]
Unselected = Literal["skip", "scalar", "run"]


class Mixture(NamedTuple):
    """What a forward pass runs at the choices; a path is the mixture in which one option runs at each.

    Attributes:
        W: kind -> Float[choices, options], or Float[cells, choices, options] where each cell of the kind has its own
            (networks that repeat cells); carries weight and gradient. None weighs every active pair by 1.
        active: which pairs run, known on the host; never found out from the values of `W`. None is all.
        unselected: how gradient reaches the entries of `W` whose options are not active. `skip`: it does not; `scalar`:
            each entry is added to its node as a bare scalar (the released GDAS); `run`: the options are run without a
            graph of their own and their entries receive exactly the gradient that they would have in a full mixture in
            which their weights are 0.
    """

    W: Weights | None = None
    active: tuple[Pair, ...] | None = None
    unselected: Unselected = "skip"


class Output(NamedTuple):
    """What a forward pass gives.

    Attributes:
        prediction: logits [batch, classes] (or whatever the task's loss takes).
        features: penultimate embedding [batch, features].
        carry: the hidden state of a recurrent network, to be handed to the next forward; else None.
        auxiliary: logits [batch, classes] of a head half-way through, where there is one and the network is training.
        penalty: what the network adds to the loss that trains its weights, a scalar; None adds nothing.
    """

    prediction: Tensor
    features: Tensor
    carry: tuple[Tensor, ...] | None = None
    auxiliary: Tensor | None = None
    penalty: Tensor | None = None


class Auxiliary(nn.Module):
    """A base for what only helps training: it is not run in evaluation, and no cost counts it."""


@settings
class NetworkSettings:
    """What can be set of a network; each family has its own."""


@settings
class NetworkSize(NetworkSettings):
    """The size of a network of cells for images."""

    channels: int = setting(16, "channels C of the first stage", ge=1)
    cells: int = setting(5, "cells N: in each stage (nas-bench-201), or in all (darts-cnn)", ge=1)


@settings
class Splitting(NetworkSettings):
    """Whether a supernet is split into several on the way (`networks/few_shot.py`)."""

    few_shot: int | None = setting(
        None,
        "number of the choice on whose options the supernet is split into several, each for a part of the space",
        equation="few-shot NAS, section 3",
        ge=0,
    )
    few_shot_at: float = setting(0.5, "part of the search after which it is split", ge=0, lt=1)

    def __post_init__(self) -> None:
        if self.few_shot is None:
            refuse_unused(self, ("few_shot_at",), "a supernet without few_shot", "supernet.")


@settings
class SupernetSettings(NetworkSize, Splitting):
    """The size and form of the network that a search trains."""

    batch_norm: Literal["batch", "tracked"] = setting(
        "batch", "statistics used when the supernet is evaluated: those of the batch, or running averages"
    )
    partial: int = setting(1, "K: one of every K channels goes through the options, the others pass by", ge=1)
    affine: bool = setting(False, "whether the supernet's normalisations learn a scale and a shift")


class Published(NamedTuple):
    """A size at which figures of a space's networks are published.

    Attributes:
        dataset: what the networks were trained on.
        classes: of it, or words.
        resolution: side of an image; None of a text.
        settings: those of the network that differ from its usual ones.
    """

    dataset: str
    classes: int
    resolution: int | None
    settings: Values = MappingProxyType({})


class Network(nn.Module, ABC):
    """Holds the weights of some or all options of a space.

    Attributes:
        space: the search space.
        pairs: the (choice, option) pairs whose weights it holds.
        supernet_settings: what can be set of it as a supernet.
        network_settings: what can be set of it as the network of one architecture.
        auxiliary_weight: the weight of `Output.auxiliary`'s loss in training.
        published: the sizes that figures in publications are of.
        width: the name of the setting that makes a network wider; empty if there is none.
        channels_last: whether its kernels are laid out with channels last, which is faster on a processor.
        repeats_cells: whether several cells share one `W`, so that each could have its own.
    """

    published: ClassVar[tuple[Published, ...]] = ()
    width: ClassVar[str] = "channels"
    channels_last: ClassVar[bool] = True
    repeats_cells: ClassVar[bool] = False

    supernet_settings: ClassVar[type[NetworkSettings]] = SupernetSettings
    network_settings: ClassVar[type[NetworkSettings]] = NetworkSize

    space: Space
    pairs: tuple[Pair, ...]
    auxiliary_weight: float = 0.0

    @classmethod
    def size_of(cls, supernet: NetworkSettings) -> Document:
        """The settings of an architecture's network that is as large as a supernet."""
        return {name: getattr(supernet, name) for name in field_names(cls.network_settings) if hasattr(supernet, name)}

    @property
    def one_shot(self) -> "Network":
        """The network whose weights all paths share; another one where it is split on the way."""
        return self

    @classmethod
    def try_out(
        cls, space: Space, data: Dataset, task: Task, device: torch.device, pairs: tuple[Pair, ...] | None = None
    ) -> None:
        """Asked before a run: refuses what such a network cannot run or learn. Most are known to work.

        Args:
            space: the search space.
            data: what the run learns from.
            task: what is to be learnt.
            device: where the run computes.
            pairs: the (choice, option) pairs that it is about; all by default.

        Raises:
            UserError: saying what, in words.
        """

    @classmethod
    def misfit(cls, input_shape: tuple[int, ...], size: NetworkSettings) -> str:
        """Why networks of a size cannot take inputs of a shape (without the batch), as the end of a sentence that
        begins with the space's name; empty if they can.
        """
        return ""

    @classmethod
    def smallest_batch(cls, input_shape: tuple[int, ...], size: NetworkSettings) -> int:
        """How many inputs a batch must have for its statistics to normalise: two where one leaves a single number."""
        return 1

    @property
    def blocks(self) -> tuple[nn.Module, ...]:
        """The stem, and what follows it one behind the other (cells, reductions), of which each gives one feature map;
        none where a network has no such order.
        """
        stem, body = getattr(self, "stem", None), getattr(self, "body", None)
        return (stem, *body) if isinstance(stem, nn.Module) and isinstance(body, nn.ModuleList) else ()

    @property
    def cell_counts(self) -> Mapping[str, int]:
        """How many cells of each kind there are; of networks that repeat cells."""
        raise TypeError(f"{type(self).__name__} repeats no cell")

    @classmethod
    def has_option_modules(cls) -> bool:
        """Whether options are modules of their own, which `option_modules` names."""
        return cls.option_modules is not Network.option_modules

    def option_modules(self) -> Iterator[tuple[Pair, nn.Module]]:
        """The modules that are options, one in each cell, with their (choice, option); none where options have no
        modules of their own.
        """
        yield from ()

    def advance(self, progress: Progress) -> None:
        """Told before each step how far the run has come; most networks do not care."""

    def reads_input(self, architecture: Architecture, inputs: Tensor) -> bool:
        """Whether what it predicts along an architecture says anything of its input; leaves the network as it was.

        Args:
            architecture: one whose options it holds.
            inputs: a few different inputs, for networks whose wiring is not known.
        """
        return self.space.connected(architecture)

    def forward(
        self,
        x: Tensor,
        W: Weights | None = None,
        active: tuple[Pair, ...] | None = None,
        carry: tuple[Tensor, ...] | None = None,
        unselected: Unselected = "skip",
    ) -> Output:
        """The stem and what follows it.

        Args:
            x: the batch of inputs.
            W: as in `Mixture`, like `active` and `unselected`.
            active: which options run.
            carry: the hidden state of the previous forward, for recurrent networks.
            unselected: how gradient reaches entries of `W` whose options are not active.
        """
        return self.after_stem(self.embed(x), Mixture(W, active, unselected), carry)

    @abstractmethod
    def embed(self, x: Tensor) -> Tensor:
        """The stem: what comes before any choice, the same for every path over one batch of inputs."""

    @abstractmethod
    def after_stem(self, x: Tensor, mixture: Mixture, carry: tuple[Tensor, ...] | None = None) -> Output:
        """Runs the active pairs, each weighted by its entry of `W`.

        Args:
            x: the stem's output.
            mixture: what runs.
            carry: the hidden state of the previous forward, for recurrent networks.
        """

    @classmethod
    def build(cls, space: Space, architecture: Architecture, **settings: Any) -> "Standalone":
        """The plain module of one architecture, in form `evaluation` by default."""
        make: Any = cls  # networks take a space, the pairs that they hold, a form and their settings
        return Standalone(make(space, pairs=architecture.pairs, **{"form": "evaluation", **settings}))


class Standalone(nn.Module):
    """One architecture as a plain module: `forward(x)` gives the prediction. Only this is compiled and exported."""

    architecture: Architecture

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = network
        self.architecture = Architecture(network.pairs)

    @property
    def channels_last(self) -> bool:
        """As the network."""
        return self.network.channels_last

    def forward(self, x: Tensor) -> Tensor:
        """The prediction [batch, classes] of inputs [batch, channels, height, width] (of a text: see its network)."""
        return self.output(x).prediction

    def reads_input(self, inputs: Tensor) -> bool:
        """Whether what it predicts says anything of its input; `inputs` are a few different ones."""
        return self.network.reads_input(self.architecture, inputs)

    def output(self, x: Tensor, carry: tuple[Tensor, ...] | None = None) -> Output:
        """All that the network gives, an auxiliary head's logits among it; `carry` is a hidden state to go on from."""
        output: Output = self.network(x, active=self.network.pairs, carry=carry)
        return output


ModuleT = TypeVar("ModuleT", bound=nn.Module)


def placed(network: ModuleT, device: torch.device | str, dtype: torch.dtype | None = None) -> ModuleT:
    """A network moved to a device, and to a type of numbers if one is given, in the layout that is its own."""
    layout = torch.channels_last if getattr(network, "channels_last", True) else torch.preserve_format
    return network.to(device, dtype, memory_format=layout)  # type: ignore[call-overload]

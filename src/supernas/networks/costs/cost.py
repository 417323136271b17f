"""What a network costs: learnable parameters and multiply-adds.

Multiply-adds ("FLOPs") are those of convolutions and linear layers; normalisation, pooling and sums count nothing.
Whether biases of linear layers count is the convention of a space's published figures. Dead edges count, auxiliary
heads do not.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from supernas.core.architecture import Architecture
from supernas.networks.base import Auxiliary, Network, Standalone
from supernas.spaces.base import CostConvention

__all__ = ["Cost", "cost", "path_costs", "width_for"]


@dataclass(frozen=True)
class Cost:
    """Learnable parameters, and multiply-adds for one input as a convention counts them."""

    parameters: int
    multiply_adds: int
    convention: str


def cost(
    model: nn.Module,
    input_shape: tuple[int, ...],
    convention: CostConvention | None = None,
    dtype: torch.dtype = torch.float32,
) -> Cost:
    """The cost of a plain module on one input; it is left as it was.

    Args:
        model: the module.
        input_shape: of one input: (channels, height, width) of an image, (1,) of a word.
        convention: how multiply-adds are counted; by default as in the network's space.
        dtype: of the input.
    """
    if convention is None:
        assert isinstance(model, Standalone), "a module without a space needs a convention"
        convention = model.network.space.cost_convention
    device = next((parameter.device for parameter in model.parameters()), torch.device("cpu"))
    with _counting(model, convention) as counter:
        model(torch.zeros(1, *input_shape, device=device, dtype=dtype))
    return Cost(sum(parameter.numel() for parameter in _counted(model)), counter.multiply_adds, convention.name)


@contextmanager
def path_costs(network: Network, example: Tensor) -> Iterator[Callable[[Architecture], Cost]]:
    """While it lasts, a function that gives the cost of an architecture's own network, from the one that holds the
    options of many.

    Args:
        network: in form `evaluation`, with all options of the architectures.
        example: one input.
    """
    convention = network.space.cost_convention
    with _counting(network, convention) as counter:

        def spent(architecture: Architecture) -> Cost:
            counter.reset()
            network(example, active=architecture.pairs)
            own = (p for module in counter.ran for p in module.parameters(recurse=False) if p.requires_grad)
            return Cost(sum(p.numel() for p in own), counter.multiply_adds, convention.name)

        yield spent


class _Counter:
    """Multiply-adds so far, and the modules that ran."""

    def __init__(self, convention: CostConvention) -> None:
        self.biases = convention.linear_bias
        self.reset()

    def reset(self) -> None:
        """Begins anew."""
        self.multiply_adds = 0
        self.ran: set[nn.Module] = set()

    def __call__(self, module: nn.Module, inputs: Any, output: Any) -> None:
        self.ran.add(module)
        if isinstance(module, nn.modules.conv._ConvNd) and not module.transposed:
            self.multiply_adds += module.weight.numel() * math.prod(output.shape[2:])
        elif isinstance(module, nn.Linear):
            biases = module.bias.numel() if self.biases and module.bias is not None else 0
            self.multiply_adds += (module.weight.numel() + biases) * (output.numel() // module.out_features)


@contextmanager
def _counting(model: nn.Module, convention: CostConvention) -> Iterator[_Counter]:
    """While it lasts, without gradients and in evaluation mode, a counter listens; the model is left as it was."""
    counter = _Counter(convention)
    handles = [module.register_forward_hook(counter) for module in model.modules()]
    modes = [module.training for module in model.modules()]
    try:
        model.eval()
        with torch.no_grad():
            yield counter
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode


def width_for(parameters: int, build: Callable[[int], nn.Module]) -> int:
    """The width (channels C of the first stage, or units) with which a network's parameters come nearest to a number.

    Args:
        parameters: wanted.
        build: makes the network of a width; its parameters must grow with it.
    """

    def excess(width: int) -> int:
        with torch.device("meta"):  # nothing is allocated
            return sum(parameter.numel() for parameter in _counted(build(width))) - parameters

    high = 1
    while excess(high) < 0:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if excess(middle) < 0 else (low, middle)
    return min((channels for channels in (low, high) if channels), key=lambda channels: abs(excess(channels)))


def _counted(model: nn.Module) -> Iterator[nn.Parameter]:
    left_out = {id(p) for module in model.modules() if isinstance(module, Auxiliary) for p in module.parameters()}
    return (p for p in model.parameters() if p.requires_grad and id(p) not in left_out)

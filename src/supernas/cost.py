"""What a network costs: learnable parameters and multiply-adds.

Multiply-adds ("FLOPs") are those of convolutions and linear layers; normalisation, pooling and sums count nothing.
Whether biases of linear layers count is the convention of a space's published figures. Dead edges count, auxiliary
heads do not.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from supernas.networks.base import Auxiliary, Standalone
from supernas.spaces.base import CostConvention

__all__ = ["Cost", "cost", "width_for"]


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
    counted, biases = 0, convention.linear_bias

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal counted
        if isinstance(module, nn.modules.conv._ConvNd) and not module.transposed:
            counted += module.weight.numel() * math.prod(output.shape[2:])
        elif isinstance(module, nn.Linear):
            each = module.weight.numel() + (module.bias.numel() if biases and module.bias is not None else 0)
            counted += each * (output.numel() // module.out_features)

    handles = [module.register_forward_hook(count) for module in model.modules()]
    modes = [module.training for module in model.modules()]
    try:
        model.eval()
        device = next(model.parameters()).device
        with torch.no_grad():
            model(torch.zeros(1, *input_shape, device=device, dtype=dtype))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode
    return Cost(sum(parameter.numel() for parameter in _counted(model)), counted, convention.name)


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

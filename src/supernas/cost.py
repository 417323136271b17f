"""What a network costs: learnable parameters and multiply-adds.

Multiply-adds follow the convention of NAS-Bench-201's records ("FLOPs"): those of convolutions and linear layers, with
one for each bias of a linear layer; normalisation, pooling and sums count nothing. Dead edges count.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Cost", "cost"]


@dataclass(frozen=True)
class Cost:
    """Learnable parameters, and multiply-adds for one input."""

    parameters: int
    multiply_adds: int


def cost(model: nn.Module, input_shape: tuple[int, int, int]) -> Cost:
    """The cost of a plain module on one input of shape (channels, height, width); it is left as it was."""
    counted = 0

    def count(module: nn.Module, inputs: Any, output: Tensor) -> None:
        nonlocal counted
        if isinstance(module, nn.Conv2d):
            counted += module.weight.numel() * output.shape[2] * output.shape[3]
        elif isinstance(module, nn.Linear):
            counted += module.weight.numel() + (0 if module.bias is None else module.bias.numel())

    handles = [module.register_forward_hook(count) for module in model.modules()]
    modes = [module.training for module in model.modules()]
    try:
        model.eval()
        device = next(model.parameters()).device
        with torch.no_grad():
            model(torch.zeros(1, *input_shape, device=device))
    finally:
        for handle in handles:
            handle.remove()
        for module, mode in zip(model.modules(), modes, strict=True):
            module.training = mode
    return Cost(sum(p.numel() for p in model.parameters() if p.requires_grad), counted)

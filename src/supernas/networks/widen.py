"""A wider network that takes over the weights of a narrower one of the same form."""

import torch
from torch import Tensor, nn

__all__ = ["widen"]


def widen(narrow: nn.Module, wide: nn.Module, generator: torch.Generator) -> None:
    """Copies every weight of `narrow` that has a place in `wide`; further channels become copies of random ones.

    The idea of Net2Net (T. Chen, I. Goodfellow and J. Shlens, "Net2Net: Accelerating Learning via Knowledge Transfer",
    ICLR 2016) as DrNAS uses it for its progressive stages: what is copied is not divided by the number of copies, so
    the function changes; normalisation follows every layer that is widened.

    Args:
        narrow: the trained network; weights that `wide` does not hold are left behind.
        wide: changed in place; a tensor may be larger than its counterpart in any dimension, not smaller.
        generator: of the channels that are copied.
    """
    old = narrow.state_dict()
    with torch.no_grad():
        for name, tensor in wide.state_dict().items():
            if name in old:
                tensor.copy_(_spread(old[name], tensor.shape, generator))


def _spread(tensor: Tensor, shape: torch.Size, generator: torch.Generator) -> Tensor:
    for dimension, size in enumerate(shape):
        there = tensor.shape[dimension]
        if size > there:
            copied = torch.randint(there, (size - there,), generator=generator)
            index = torch.cat([torch.arange(there), copied]).to(tensor.device)
            tensor = tensor.index_select(dimension, index)
    return tensor

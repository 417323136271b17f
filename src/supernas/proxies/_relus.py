"""Which rectified linear units are on, for each image of a batch."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

__all__ = ["ReLUs"]


_RELUS = (F.relu, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)


class ReLUs(TorchFunctionMode):
    """Watches the ReLUs of the networks that run within it.

    As published, each convolution has a ReLU of its own; where several share one here, its units count as often.
    """

    def __init__(self) -> None:
        super().__init__()
        self._outputs: dict[int, Tensor] = {}  # held, so that no other tensor gets the number of one
        self._readers: dict[int, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Runs a function, and looks at what it was."""
        output = func(*args, **(kwargs or {}))
        if func in _RELUS:
            self._outputs[id(output)] = output
        elif func is torch.conv2d and id(args[0]) in self._outputs:
            self._readers[id(args[0])] = self._readers.get(id(args[0]), 0) + 1
        return output

    def patterns(self) -> Iterator[tuple[Tensor, int]]:
        """(which units are on: bool [batch, units], how often they count), of each ReLU that ran."""
        for number, output in self._outputs.items():
            yield (output > 0).flatten(1), max(1, self._readers.get(number, 0))

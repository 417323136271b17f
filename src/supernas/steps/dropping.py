"""Options that drop a part of what they give while a supernet is trained: whole outputs of an image, or entries.

G. Larsson, M. Maire and G. Shakhnarovich, "FractalNet: Ultra-Deep Neural Networks without Residuals", ICLR 2017, drop
paths; N. Srivastava et al., "Dropout", JMLR 2014, entries. What stays is scaled up, so that its mean is as before.
"""

from collections.abc import Iterable
from typing import Any, Literal

from torch import Tensor, nn

from supernas.networks.chance import Chance

__all__ = ["Dropping"]


class Dropping:
    """Makes modules drop what they give, with a probability that can be changed; nothing at 0, or in evaluation.

    Args:
        modules: the options.
        what: `paths`, the whole output for an image, or `entries`.

    Attributes:
        probability: now.
    """

    def __init__(self, modules: Iterable[nn.Module], what: Literal["paths", "entries"]) -> None:
        self._chance, self._what = Chance(), what
        for module in modules:
            module.register_forward_hook(self._drop)

    @property
    def probability(self) -> float:
        """Now."""
        return self._chance.probability

    @probability.setter
    def probability(self, value: float) -> None:
        self._chance.probability = value

    def _drop(self, module: nn.Module, inputs: Any, output: Tensor | None) -> Tensor | None:
        if output is None or not module.training or self._chance.is_none:
            return output
        return self._chance.of_entries(output) if self._what == "entries" else self._chance.of_outputs(output)

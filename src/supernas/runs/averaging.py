"""Averages of the weights that a training goes through: exponential, or uniform from a trigger on (NT-ASGD).

The trigger is that of S. Merity, N. S. Keskar and R. Socher, "Regularizing and Optimizing LSTM Language Models", ICLR
2018, algorithm 1: SGD at a constant learning rate until the validation metric v_t of an epoch is worse than the best
one but the last n,

    t > n  and  v_t > min(v_0, ..., v_{t-n-1}),

then the same steps, and the network is the mean of the weights after each of them. `torch.optim.ASGD` takes the same
steps with the same mean, but uses a changed learning rate one step too late, which would undo the scaling with the
length of a window.
"""

import copy
from collections.abc import Callable

import torch
from torch import nn

from supernas.core.documents import Document
from supernas.core.settings import setting, settings
from supernas.steps.optimisers import SGDSettings

__all__ = ["MovingAverage", "TrainingWeightsSettings", "TriggeredAverage", "WeightAverage"]

_PAPER = __doc__  # which refers to it; in a class that name is the class's own docstring


@settings
class TrainingWeightsSettings(SGDSettings):
    """Stochastic gradient descent on the weights of one architecture that is trained from scratch."""

    patience: int = setting(
        0,
        "n of the non-monotone trigger (training from scratch only): weights are averaged after an epoch that is worse "
        "on validation data than the best one but the last n; 0: never",
        papers=_PAPER,
        ge=0,
    )


class WeightAverage:
    """An average of all that a network has learnt, running statistics among it.

    Attributes:
        network: a copy of the network that holds the averages.
        ready: whether there is an average yet.
    """

    ready: bool = True

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network)

    def update(self, network: nn.Module) -> None:
        """After a step of the network."""
        raise NotImplementedError

    def epoch(self, metric: float) -> None:
        """After an epoch with this validation metric; nothing to most averages."""

    def restart(self) -> None:
        """The network has been set back: what was averaged since is no longer wanted."""

    @torch.no_grad()
    def _move(self, network: nn.Module, rate: float) -> None:
        """Average + rate * (network - average)."""
        current, moved = network.state_dict(), set()
        for name, average in self.network.state_dict().items():
            if average.data_ptr() in moved:  # a tensor of two names
                continue
            moved.add(average.data_ptr())
            if average.is_floating_point():
                average.lerp_(current[name], rate)
            else:
                average.copy_(current[name])

    def state_dict(self) -> Document:
        """The averages, and what decides about the next."""
        return {"network": self.network.state_dict()}

    def load_state_dict(self, state: Document) -> None:
        """Restores them."""
        self.network.load_state_dict(state["network"])


class MovingAverage(WeightAverage):
    """The exponential moving average: decay * average + (1 - decay) * network."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__(network)
        self.decay = decay

    def update(self, network: nn.Module) -> None:
        """After a step of the network."""
        self._move(network, 1 - self.decay)


class TriggeredAverage(WeightAverage):
    """The mean of a network's weights after each step since the trigger.

    Args:
        network: the network.
        patience: n of the trigger.
        better: whether a metric is better than another one.
    """

    def __init__(self, network: nn.Module, patience: int, better: Callable[[float, float], bool]) -> None:
        super().__init__(network)
        self.patience, self.better = patience, better
        self.metrics: list[float] = []  # those of the epochs before the trigger
        self.begun = False
        self.steps = 0  # how many weights the mean is over

    @property
    def ready(self) -> bool:  # type: ignore[override]
        """Whether the mean is over some weights."""
        return self.steps > 0

    def update(self, network: nn.Module) -> None:
        """After a step of the network: mean + (weights - mean) / steps, if the average has begun."""
        if self.begun:
            self.steps += 1
            self._move(network, 1 / self.steps)

    def epoch(self, metric: float) -> None:
        """Begins the average if the trigger says so."""
        if not self.begun:
            self.begun = any(self.better(earlier, metric) for earlier in self.metrics[: -self.patience])
            self.metrics.append(metric)

    def restart(self) -> None:
        """Begins the mean anew."""
        self.steps = 0

    def state_dict(self) -> Document:
        """The mean, and where the trigger stands."""
        return {**super().state_dict(), "metrics": list(self.metrics), "begun": self.begun, "steps": self.steps}

    def load_state_dict(self, state: Document) -> None:
        """Restores them."""
        super().load_state_dict(state)
        self.metrics, self.begun, self.steps = list(state["metrics"]), state["begun"], state["steps"]
